//! The API v3 over HTTP: the same questions, traces as OTLP/JSON. What it finds is what [`super::grpc`] tells too.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value as Json_, json};
use spandrel_store::filter::{Comparison, Field};
use spandrel_store::record::SpanExt;
use spandrel_store::{Filter, Record, TimeRange, UnixNanos};

use super::dependencies::links;
use super::envelope::Failure;
use super::names::{operation_names, service_names, spans};
use super::search::{Search, candidates, duration, find, tags_of_json};
use crate::api::App;
use crate::aside::put_together;
use crate::engine::Candidate;
use crate::grafana::params::{Params, read_time};
use crate::grafana::refusal::Refusal;
use crate::render::otlp::OtlpSpans;
use crate::tempo::as_text;
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

pub(super) async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Refused> {
    result(spans_of(&app, &id).await?).await
}

/// The spans of one trace.
pub(super) async fn spans_of(app: &App, id: &str) -> Result<Vec<Arc<Record>>, Refusal> {
    let found = find(app, id).await?;
    let records = found.body.records.into_iter();
    some(records.filter(|record| record.span().is_some()).collect())
}

pub(super) async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Response, Refused> {
    result(spans_found(&app, &params).await?).await
}

/// The spans of all traces that are found.
pub(super) async fn spans_found(app: &App, params: &Params) -> Result<Vec<Arc<Record>>, Refusal> {
    let traces = candidates(app, read(params)?, |candidate| {
        let spans = candidate.records.into_iter().filter(|record| record.span().is_some());
        Some(spans.collect::<Vec<_>>())
    });
    some(traces.await?.into_iter().flatten().collect())
}

fn some(records: Vec<Arc<Record>>) -> Result<Vec<Arc<Record>>, Refusal> {
    match records.is_empty() {
        true => Err(Refusal::new(StatusCode::NOT_FOUND, "No traces found")),
        false => Ok(records),
    }
}

/// Traces as OTLP has them.
#[derive(Serialize)]
struct Found<'a> {
    result: OtlpSpans<'a>,
}

async fn result(records: Vec<Arc<Record>>) -> Result<Response, Refused> {
    let write = |records: &[Arc<Record>]| Json(Found { result: OtlpSpans(records) }).into_response();
    Ok(put_together(records.len(), move || write(&records)).await.map_err(Refusal::from)?)
}

pub(super) async fn dependencies(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<Json_>, Refused> {
    let time = |camel: &str, snake: &str| -> Result<UnixNanos, Refusal> {
        let text = params.get(camel).or_else(|| params.get(snake));
        let text = text.ok_or_else(|| Refusal::bad(format!("malformed parameter {camel}: required")))?;
        read_time(text)
            .ok_or_else(|| Refusal::bad(format!("malformed parameter {camel}: `{text}` is no time")))
    };
    let range = TimeRange { start: time("startTime", "start_time")?, end: time("endTime", "end_time")? };
    let links = links(&app, range).await?.into_iter();
    let links = links.map(
        |link| json!({ "parent": link.parent, "child": link.child, "callCount": link.calls.to_string() }),
    );
    Ok(Json(json!({ "dependencies": links.collect::<Vec<_>>() })))
}

pub(super) async fn summaries(State(app): State<Arc<App>>, params: Params) -> Result<Json<Json_>, Refused> {
    Ok(Json(json!({ "summaries": summaries_found(&app, &params).await? })))
}

/// What a list shows of a trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) trace_id: String,
    pub(super) root_service_name: String,
    pub(super) root_operation_name: String,
    #[serde(serialize_with = "as_text")]
    pub(super) min_start_time_unix_nano: u64,
    #[serde(serialize_with = "as_text")]
    pub(super) max_end_time_unix_nano: u64,
    pub(super) span_count: u32,
    pub(super) error_span_count: u32,
    /// Spans whose parent is not there.
    pub(super) orphan_span_count: u32,
    pub(super) services: Vec<ServiceSummary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceSummary {
    pub(super) name: String,
    pub(super) span_count: u32,
    pub(super) error_span_count: u32,
}

pub(super) async fn summaries_found(app: &App, params: &Params) -> Result<Vec<Summary>, Refusal> {
    candidates(app, read(params)?, |candidate| summary(&candidate)).await
}

fn summary(candidate: &Candidate) -> Option<Summary> {
    let trace = Trace::of(candidate.trace_id, &candidate.records);
    let mut services: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for node in &trace.spans {
        let counts = services.entry(node.record.service()).or_default();
        let failed = node.record.span().is_some_and(|span| span.is_error());
        *counts = (counts.0 + 1, counts.1 + u32::from(failed));
    }
    let first = trace.spans.first()?;
    let root = trace.root().unwrap_or(first);
    let orphans = (0..trace.spans.len())
        .filter(|at| trace.spans[*at].parent.is_none() && trace.parent_id(*at).is_some());
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Some(Summary {
        trace_id: trace.trace_id.to_string(),
        root_service_name: root.record.service().to_owned(),
        root_operation_name: root.record.span().map_or_else(String::new, |span| span.name.clone()),
        min_start_time_unix_nano: trace.start().0,
        max_end_time_unix_nano: trace.start().0.saturating_add(trace.duration_ns()),
        span_count: count(trace.spans.len()),
        error_span_count: services.values().map(|(_, errors)| errors).sum(),
        orphan_span_count: count(orphans.count()),
        services: services
            .into_iter()
            .map(|(name, (span_count, error_span_count))| ServiceSummary {
                name: name.to_owned(),
                span_count,
                error_span_count,
            })
            .collect(),
    })
}

/// `query.serviceName` and its like, in either spelling.
fn read(params: &Params) -> Result<Search, Refusal> {
    let get = |camel: &str, snake: &str| {
        params
            .get(&format!("query.{camel}"))
            .or_else(|| params.get(&format!("query.{snake}")))
            .map(str::to_owned)
    };
    if get("filter", "filter").is_some() {
        return Err(Refusal::bad("query.filter is not supported; use query.attributes and its like"));
    }
    let mut filter = spans();
    if let Some(service) = get("serviceName", "service_name") {
        filter = filter.and(Filter::equals(Field::Service, &service));
    }
    if let Some(operation) = get("operationName", "operation_name") {
        filter = filter.and(Filter::equals(Field::Name, &operation));
    }
    if let Some(text) = get("durationMin", "duration_min") {
        filter = filter.and(bound("durationMin", Comparison::GreaterOrEqual, &text)?);
    }
    if let Some(text) = get("durationMax", "duration_max") {
        filter = filter.and(bound("durationMax", Comparison::LessOrEqual, &text)?);
    }
    if let Some(json) = get("attributes", "attributes") {
        filter = filter.and(tags_of_json(&json).map_err(Failure::into_refusal)?);
    }
    let time = |camel: &str, snake: &str| {
        let text = get(camel, snake).ok_or_else(|| Refusal::bad(format!("query.{camel} is required")))?;
        read_time(&text)
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

fn bound(name: &str, comparison: Comparison, text: &str) -> Result<Filter, Refusal> {
    duration(&format!("query.{name}"), comparison, text).map_err(Failure::into_refusal)
}
