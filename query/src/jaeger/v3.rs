//! The API v3 over HTTP: the same questions, traces as OTLP/JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json_, json};
use spandrel_store::filter::{Comparison, Field};
use spandrel_store::record::SpanExt;
use spandrel_store::{Filter, Record, TimeRange};

use super::envelope::Failure;
use super::names::{operation_names, service_names, spans};
use super::search::{Search, candidates, duration, find, tags_of_json};
use crate::api::App;
use crate::engine::{Candidate, Rejected};
use crate::grafana::params::Params;
use crate::grafana::refusal::Refusal;
use crate::render::otlp::OtlpJson;
use crate::tempo::eval::Trace;

const LIMIT_DEFAULT: usize = 100;

/// A refusal as this API writes it.
#[derive(Debug)]
pub(super) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused(refusal)
    }
}

impl From<Rejected> for Refused {
    fn from(rejected: Rejected) -> Refused {
        Refused(rejected.into())
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused(failure.into_refusal())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refusal { status, text } = self.0;
        let error = json!({ "error": { "httpCode": status.as_u16(), "message": text } });
        (status, Json(error)).into_response()
    }
}

pub(super) async fn services(State(app): State<Arc<App>>) -> Result<Json<Json_>, Refused> {
    Ok(Json(json!({ "services": service_names(&app).await? })))
}

pub(super) async fn operations(State(app): State<Arc<App>>, params: Params) -> Result<Json<Json_>, Refused> {
    let service =
        params.get("service").ok_or_else(|| Refusal::bad("malformed parameter service: required"))?;
    let kind = params.get("spanKind").or_else(|| params.get("span_kind"));
    let operations = operation_names(&app, service, kind).await?;
    let operations = operations.into_iter().map(|(name, kind)| json!({ "name": name, "spanKind": kind }));
    Ok(Json(json!({ "operations": operations.collect::<Vec<_>>() })))
}

pub(super) async fn trace(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Json_>, Refused> {
    let found = find(&app, &id).await?;
    let spans: Vec<Arc<Record>> =
        found.body.records.into_iter().filter(|record| record.span().is_some()).collect();
    result(vec![spans])
}

pub(super) async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Json<Json_>, Refused> {
    let traces = candidates(&app, read(&params)?, |candidate| {
        let spans = candidate.records.into_iter().filter(|record| record.span().is_some());
        Some(spans.collect::<Vec<_>>())
    });
    result(traces.await?)
}

fn result(traces: Vec<Vec<Arc<Record>>>) -> Result<Json<Json_>, Refused> {
    let records: Vec<Arc<Record>> = traces.into_iter().flatten().collect();
    if records.is_empty() {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "No traces found").into());
    }
    // Only maps with keys that are not text fail, and there are none.
    let json = serde_json::to_value(OtlpJson(&records)).unwrap_or_default();
    Ok(Json(json!({ "result": { "resourceSpans": json["resourceSpans"] } })))
}

pub(super) async fn summaries(State(app): State<Arc<App>>, params: Params) -> Result<Json<Json_>, Refused> {
    let summaries = candidates(&app, read(&params)?, |candidate| summary(&candidate)).await?;
    Ok(Json(json!({ "summaries": summaries })))
}

fn summary(candidate: &Candidate) -> Option<Json_> {
    let trace = Trace::of(candidate.trace_id, &candidate.records);
    let mut services: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for node in &trace.spans {
        let counts = services.entry(node.record.service()).or_default();
        let failed = node.record.span().is_some_and(|span| span.is_error());
        *counts = (counts.0 + 1, counts.1 + u64::from(failed));
    }
    let first = trace.spans.first()?;
    let root = trace.root().unwrap_or(first);
    let errors: u64 = services.values().map(|(_, errors)| errors).sum();
    let services = services
        .into_iter()
        .map(|(name, (spans, errors))| json!({ "name": name, "spanCount": spans, "errorSpanCount": errors }));
    Some(json!({
        "traceId": trace.trace_id.to_string(),
        "rootServiceName": root.record.service(),
        "rootOperationName": root.record.span().map_or("", |span| span.name.as_str()),
        "minStartTimeUnixNano": trace.start().0.to_string(),
        "maxEndTimeUnixNano": (trace.start().0 + trace.duration_ns()).to_string(),
        "spanCount": trace.spans.len(),
        "errorSpanCount": errors,
        "services": services.collect::<Vec<_>>(),
    }))
}

/// `query.serviceName` and its like, in either spelling.
fn read(params: &Params) -> Result<Search, Refused> {
    let get = |camel: &str, snake: &str| {
        params
            .get(&format!("query.{camel}"))
            .or_else(|| params.get(&format!("query.{snake}")))
            .map(str::to_owned)
    };
    let mut filter = spans();
    if let Some(service) = get("serviceName", "service_name") {
        filter = filter.and(Filter::equals(Field::Service, &service));
    }
    if let Some(operation) = get("operationName", "operation_name") {
        filter = filter.and(Filter::equals(Field::Name, &operation));
    }
    if let Some(text) = get("durationMin", "duration_min") {
        filter = filter.and(duration("query.durationMin", Comparison::GreaterOrEqual, &text)?);
    }
    if let Some(text) = get("durationMax", "duration_max") {
        filter = filter.and(duration("query.durationMax", Comparison::LessOrEqual, &text)?);
    }
    if let Some(json) = get("attributes", "attributes") {
        filter = filter.and(tags_of_json(&json)?);
    }
    let time = |camel: &str, snake: &str| {
        let text = get(camel, snake).ok_or_else(|| Refusal::bad(format!("query.{camel} is required")))?;
        crate::grafana::params::read_time(&text)
            .ok_or_else(|| Refusal::bad(format!("malformed parameter query.{camel}: `{text}` is no time")))
    };
    let range = TimeRange {
        start: time("startTimeMin", "start_time_min")?,
        end: time("startTimeMax", "start_time_max")?,
    };
    let limit = get("searchDepth", "search_depth").or_else(|| get("numTraces", "num_traces"));
    let limit =
        limit.and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT);
    Ok(Search { filter, range, limit })
}
