//! Calls together with their descriptions, so that `openapi.json` tells of what is routed and of nothing else.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths,
};
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Required, Response, ResponseBuilder, Type};

use crate::api::App;

/// A parameter of the path or the query: its name, and what it means.
pub(crate) type Param<'a> = (&'a str, &'a str);

pub(crate) const START: Param<'_> = ("start", "The earliest time: seconds, nanoseconds or RFC 3339");
pub(crate) const END: Param<'_> = ("end", "The time to end before: seconds, nanoseconds or RFC 3339");
pub(crate) const LIMIT: Param<'_> = ("limit", "How many at the most");
pub(crate) const STEP: Param<'_> = ("step", "From one number to the next: a duration, or seconds");

/// An API's calls.
pub(crate) struct Calls {
    tag: &'static str,
    router: Router<Arc<App>>,
    described: Paths,
    refused: &'static str,
}

/// What is told of a call.
pub(crate) struct Told {
    pub(crate) summary: &'static str,
    pub(crate) parameters: &'static [Param<'static>],
    /// What kind of body answers.
    pub(crate) body: &'static str,
    /// Whether the call may also be posted as a form.
    pub(crate) form: bool,
    /// Refusals beside those that any call has.
    pub(crate) refusals: &'static [(&'static str, &'static str)],
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain";
pub(crate) const PROTOBUF_OR_JSON: &str = "application/protobuf, application/json";

/// What any call may be refused with, in words of its own API.
const REFUSALS: [(&str, &str); 5] = [
    (
        "400",
        "The question or a parameter is not understood, or it asks for what is not evaluated; the text says what",
    ),
    ("422", "The question asks for more than the limits allow"),
    ("429", "Every sidecar is busy; `Retry-After` says when to try again"),
    ("500", "The answer could not be put together"),
    ("504", "No sidecar answered in time"),
];

impl Told {
    pub(crate) const fn new(summary: &'static str, parameters: &'static [Param<'static>]) -> Told {
        Told { summary, parameters, body: JSON, form: false, refusals: &[] }
    }

    pub(crate) const fn answered_in(self, body: &'static str) -> Told {
        Told { body, ..self }
    }

    pub(crate) const fn or_posted(self) -> Told {
        Told { form: true, ..self }
    }

    pub(crate) const fn refused_too(self, refusals: &'static [(&'static str, &'static str)]) -> Told {
        Told { refusals, ..self }
    }
}

impl Calls {
    /// Refusals are told in bodies of the kind `refused`.
    pub(crate) fn of(tag: &'static str, refused: &'static str) -> Calls {
        Calls { tag, router: Router::new(), described: Paths::new(), refused }
    }

    pub(crate) fn call(self, path: &str, handler: MethodRouter<Arc<App>>, told: Told) -> Calls {
        self.call_under(path, path, handler, told)
    }

    /// Routed otherwise than it is described.
    pub(crate) fn call_under(
        mut self,
        route: &str,
        path: &str,
        handler: MethodRouter<Arc<App>>,
        told: Told,
    ) -> Calls {
        self.router = self.router.route(route, handler);
        let mut item = PathItem::new(HttpMethod::Get, self.operation(path, &told));
        if told.form {
            item.merge_operations(PathItem::new(HttpMethod::Post, self.operation(path, &told)));
        }
        self.described.paths.insert(path.to_owned(), item);
        self
    }

    fn operation(&self, path: &str, told: &Told) -> Operation {
        let in_path = path.split('{').skip(1).filter_map(|part| part.split('}').next());
        let mut operation = OperationBuilder::new().tag(self.tag).summary(Some(told.summary));
        for name in in_path {
            operation = operation.parameter(parameter((name, "Its name or id"), ParameterIn::Path));
        }
        for param in told.parameters {
            operation = operation.parameter(parameter(*param, ParameterIn::Query));
        }
        operation = operation.response("200", response("The answer", told.body));
        for (status, why) in REFUSALS.iter().chain(told.refusals) {
            operation = operation.response(*status, response(why, self.refused));
        }
        operation.build()
    }

    pub(crate) fn router(&self) -> Router<Arc<App>> {
        self.router.clone()
    }

    /// The paths below a prefix, with their descriptions.
    pub(crate) fn nested(mut self, prefix: &str) -> Calls {
        self.router = Router::new().nest(prefix, self.router);
        let paths = std::mem::take(&mut self.described.paths).into_iter();
        self.described.paths = paths.map(|(path, item)| (format!("{prefix}{path}"), item)).collect();
        self
    }

    /// With those of another API.
    pub(crate) fn and(mut self, other: Calls) -> Calls {
        self.router = self.router.merge(other.router);
        self.described.paths.extend(other.described.paths);
        self
    }

    pub(crate) fn into_parts(self) -> (Router<Arc<App>>, Paths) {
        (self.router, self.described)
    }
}

fn parameter((name, description): Param<'_>, place: ParameterIn) -> Parameter {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(required);
    parameter
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}

fn response(description: &str, bodies: &str) -> Response {
    let described = ResponseBuilder::new().description(description);
    bodies
        .split(", ")
        .fold(described, |response, body| response.content(body, ContentBuilder::new().build()))
        .build()
}
