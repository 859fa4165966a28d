//! The names of attributes and their values, for the forms and the completion of Grafana.
//!
//! Attributes are those of all retained records, by scope. Values are counted over spans alone, so that an
//! attribute that only logs have shows up without values.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json_, json};
use spandrel_store::filter::{Field, Place};
use spandrel_store::snapshot::{FieldInfo, ValueKind};
use spandrel_store::{TimeRange, UnixNanos};

use super::search::spans_only;
use crate::api::App;
use crate::engine::{About, Scope as Asked};
use crate::grafana::params::Params;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::traceql::{self, Intrinsic, Kind, Of, Scope, Status};

/// Intrinsics that Grafana knows, listed for it.
const INTRINSICS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

const SCOPES: [(&str, Option<Place>); 5] = [
    ("resource", Some(Place::Resource)),
    ("span", Some(Place::Record)),
    ("event", Some(Place::Event)),
    // Attributes of links are not indexed.
    ("link", None),
    ("instrumentation", Some(Place::Scope)),
];

/// A scope and its tags.
pub(super) type ScopeTags = (&'static str, Vec<String>);

pub(super) async fn tags_v2(State(app): State<Arc<App>>, params: Params) -> Result<Json<Json_>, Refusal> {
    let scopes = scopes(&app, &params).await?.into_iter();
    let scopes = scopes.map(|(name, tags)| json!({ "name": name, "tags": tags }));
    Ok(Json(json!({ "scopes": scopes.collect::<Vec<_>>(), "metrics": {} })))
}

pub(super) async fn scopes(app: &App, params: &Params) -> Result<Vec<ScopeTags>, Refusal> {
    let wanted = params.get("scope").filter(|scope| !matches!(*scope, "all" | "none"));
    let limit = limit(app, params)?;
    let fields = fields(app).await?;
    let mut scopes = Vec::new();
    for (name, place) in SCOPES.into_iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)) {
        let named = fields.iter().filter(|field| Some(field.place) == place && field.kind != ValueKind::Map);
        let tags: BTreeSet<&str> = named.map(|field| field.name.as_str()).collect();
        scopes.push((name, tags.into_iter().take(limit).map(str::to_owned).collect()));
    }
    if wanted.is_none_or(|wanted| wanted == "intrinsic") {
        scopes.push(("intrinsic", INTRINSICS.map(str::to_owned).into()));
    }
    Ok(scopes)
}

pub(super) async fn tags_v1(State(app): State<Arc<App>>, params: Params) -> Result<Json<Json_>, Refusal> {
    Ok(Json(json!({ "tagNames": names(&app, &params).await?, "metrics": {} })))
}

pub(super) async fn names(app: &App, params: &Params) -> Result<Vec<String>, Refusal> {
    let limit = limit(app, params)?;
    let fields = fields(app).await?;
    let tempo = |field: &&FieldInfo| field.place != Place::Body && field.kind != ValueKind::Map;
    let mut names: BTreeSet<&str> = fields.iter().filter(tempo).map(|field| field.name.as_str()).collect();
    if params.get("scope") == Some("intrinsic") {
        names = INTRINSICS.into_iter().collect();
    }
    Ok(names.into_iter().take(limit).map(str::to_owned).collect())
}

pub(super) async fn values_v2(
    State(app): State<Arc<App>>,
    Path(rest): Path<String>,
    params: Params,
) -> Result<Json<Json_>, Refusal> {
    let values = values(&app, &tag_of(&rest)?, &params).await?;
    let values = values.into_iter().map(|(kind, value)| json!({ "type": kind, "value": value }));
    Ok(Json(json!({ "tagValues": values.collect::<Vec<_>>(), "metrics": {} })))
}

pub(super) async fn values_v1(
    State(app): State<Arc<App>>,
    Path(rest): Path<String>,
    params: Params,
) -> Result<Json<Json_>, Refusal> {
    let values = values(&app, &tag_of(&rest)?, &params).await?;
    let values = values.into_iter().map(|(_, value)| value);
    Ok(Json(json!({ "tagValues": values.collect::<Vec<_>>(), "metrics": {} })))
}

/// The tag in a path: it may have slashes of its own, and Grafana 11 encodes it twice.
fn tag_of(rest: &str) -> Result<String, Refusal> {
    let tag = rest.strip_suffix("/values").ok_or_else(|| {
        Refusal::new(axum::http::StatusCode::NOT_FOUND, "404 page not found: …/tag/{tag}/values")
    })?;
    let mut tag = tag.to_owned();
    while let Ok(decoded) = percent_decode_str(&tag).decode_utf8()
        && decoded != tag
    {
        tag = decoded.into_owned();
    }
    Ok(tag)
}

fn limit(app: &App, params: &Params) -> Result<usize, Refusal> {
    let max = app.engine().limits().list_max;
    Ok(params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(max).min(max))
}

async fn fields(app: &App) -> Result<Vec<FieldInfo>, Refusal> {
    let answer = app.engine().fields(&About::everything()).await?;
    unless_silent(&answer.coverage)?;
    Ok(answer.body)
}

/// Types and values, the most frequent first.
pub(super) async fn values(
    app: &App,
    tag: &str,
    params: &Params,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let limit = limit(app, params)?;
    let attribute = traceql::attribute(tag);
    let field = match &attribute.of {
        Of::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::Status => return Ok(keywords(Status::ALL.map(|(name, _)| name))),
            Intrinsic::Kind => return Ok(keywords(Kind::ALL.map(|(name, _)| name))),
            Intrinsic::Name => Field::Name,
            Intrinsic::StatusMessage => Field::StatusMessage,
            Intrinsic::EventName => Field::EventName,
            Intrinsic::InstrumentationName => Field::ScopeName,
            Intrinsic::InstrumentationVersion => Field::ScopeVersion,
            Intrinsic::RootName => Field::Name,
            Intrinsic::RootService => Field::Service,
            // Numbers and ids, of which every span has its own.
            _ => return Ok(Vec::new()),
        },
        // The name of a tag says nothing of parents.
        Of::ParentIntrinsic(_) => return Ok(Vec::new()),
        Of::Named { scope, name, .. } => {
            let place = match scope {
                Scope::None => Place::Any,
                Scope::Span => Place::Record,
                Scope::Resource => Place::Resource,
                Scope::Event => Place::Event,
                Scope::Instrumentation => Place::Scope,
                Scope::Link => return Ok(Vec::new()),
            };
            Field::Attribute { place, name: name.clone() }
        }
    };
    let mut filter = spans_only();
    if matches!(attribute.of, Of::Intrinsic(Intrinsic::RootName | Intrinsic::RootService)) {
        filter = filter.and(traceql::conditions("{ nestedSetParent < 0 }", app.engine().limits()));
    }
    if let Some(query) = params.get("q") {
        filter = filter.and(traceql::conditions(query, app.engine().limits()));
    }
    let range = params.range_in_seconds().unwrap_or(TimeRange { start: UnixNanos::MIN, end: UnixNanos::MAX });
    let about = About { filter, range, open_start: true, scope: Asked::All };
    let answer = app.engine().values(&about, &field).await?;
    unless_silent(&answer.coverage)?;
    let kinds = kinds_of(app, &field).await?;
    let values = answer.body.into_iter().map(|(value, _)| (type_of(&value, &kinds), value));
    Ok(values.take(limit).collect())
}

fn keywords<const N: usize>(names: [&'static str; N]) -> Vec<(&'static str, String)> {
    names.into_iter().map(|name| ("keyword", name.to_owned())).collect()
}

/// The kinds of values that an attribute has anywhere; none for what is text by nature.
async fn kinds_of(app: &App, field: &Field) -> Result<BTreeSet<ValueKind>, Refusal> {
    let Field::Attribute { place, name } = field else { return Ok(BTreeSet::new()) };
    let fields = fields(app).await?;
    let same = |info: &&FieldInfo| info.name == *name && (*place == Place::Any || info.place == *place);
    Ok(fields.iter().filter(same).map(|info| info.kind).collect())
}

/// The type of one value, told by its text among the kinds that are there.
fn type_of(value: &str, kinds: &BTreeSet<ValueKind>) -> &'static str {
    let may = |kind: ValueKind, reads: bool| kinds.contains(&kind) && (reads || kinds.len() == 1);
    if may(ValueKind::Int, value.parse::<i64>().is_ok()) {
        "int"
    } else if may(ValueKind::Double, value.parse::<f64>().is_ok()) {
        "float"
    } else if may(ValueKind::Bool, matches!(value, "true" | "false")) {
        "bool"
    } else {
        "string"
    }
}
