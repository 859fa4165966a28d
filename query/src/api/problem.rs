//! Errors of this API: RFC 9457 problem details. One place turns each kind of error into a status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::aside::BrokenOff;
use crate::coverage::Coverage;
use crate::engine::Rejected;
use crate::language::SyntaxError;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Problem(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ProblemDetails)]
struct Details {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// What is wrong, in plain words.
    detail: String,
    /// The parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Where in that parameter, in bytes from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    /// What would have been understood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Coverage>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem(Box::new(Details {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.into(),
            parameter: None,
            position: None,
            expected: None,
            found: None,
            coverage: None,
        }))
    }

    pub(super) fn parameter(name: &str, detail: impl Into<String>) -> Problem {
        let mut problem = Problem::new(StatusCode::BAD_REQUEST, detail);
        problem.0.parameter = Some(name.to_owned());
        problem
    }

    pub(super) fn syntax(name: &str, error: SyntaxError) -> Problem {
        let mut problem = Problem::parameter(name, error.to_string());
        problem.0.position = Some(error.position);
        problem.0.expected = Some(error.expected);
        problem.0.found = Some(error.found);
        problem
    }

    pub(super) fn with_coverage(mut self, coverage: Coverage) -> Problem {
        self.0.coverage = Some(coverage);
        self
    }

    /// The answer is not the whole one that was required.
    pub(super) fn incomplete(coverage: Coverage) -> Problem {
        let detail = "something is missing from the answer, see `coverage`; without `require=complete` the rest is given";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_coverage(coverage)
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, rejected.0)
    }
}

impl From<BrokenOff> for Problem {
    fn from(broken: BrokenOff) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, broken.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"spandrel\""));
        }
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such call; /api/v1/openapi.json lists them")
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this call is made with GET")
}
