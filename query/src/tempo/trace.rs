//! `/api/v2/traces/{id}` and `/api/traces/{id}`: one trace, in protobuf for whoever asks for it, else in
//! JSON.
//!
//! Tempo's time parameters only narrow down where it looks; here the whole trace is given at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde::Serialize;
use spandrel_store::{Record, TraceIdMatch};

use super::proto::{Status, Trace, TraceByIdMetrics, TraceByIdResponse};
use crate::api::App;
use crate::aside::put_together;
use crate::engine::{About, Answer, TraceFound};
use crate::grafana::refusal::{Refusal, shortfall, unless_silent};
use crate::render::otlp::{OtlpSpans, ResourceSpans, resource_spans};

const PROTOBUF: &str = "application/protobuf";

pub(super) async fn v2(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let found = find(&app, &id).await?;
    let (status, message) = match shortfall(&found.coverage) {
        Some(message) => (Status::Partial, message),
        None if found.body.truncated => (Status::Partial, found.warnings.join("; ")),
        None => (Status::Complete, String::new()),
    };
    let protobuf = accepts_protobuf(&headers);
    let records = found.body.records;
    let write = move |records: &[Arc<Record>]| match protobuf {
        true => {
            let trace = Some(Trace { resource_spans: resource_spans(records) });
            let metrics = Some(TraceByIdMetrics::default());
            encoded(&TraceByIdResponse { trace, metrics, status: status as i32, message })
        }
        false => {
            let status = if status == Status::Partial { "PARTIAL" } else { "COMPLETE" };
            Json(TraceByIdInJson { trace: OtlpSpans(records), metrics: NoMetrics {}, status, message })
                .into_response()
        }
    };
    Ok(put_together(records.len(), move || write(&records)).await?)
}

pub(crate) async fn v1(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let found = find(&app, &id).await?;
    let protobuf = accepts_protobuf(&headers);
    let records = found.body.records;
    let write = move |records: &[Arc<Record>]| match protobuf {
        true => encoded(&Trace { resource_spans: resource_spans(records) }),
        false => Json(TraceInJson { batches: ResourceSpans(records) }).into_response(),
    };
    Ok(put_together(records.len(), move || write(&records)).await?)
}

/// [`TraceByIdResponse`] in JSON.
#[derive(Serialize)]
struct TraceByIdInJson<'a> {
    trace: OtlpSpans<'a>,
    metrics: NoMetrics,
    status: &'static str,
    message: String,
}

#[derive(Serialize)]
struct NoMetrics {}

/// [`Trace`] in JSON.
#[derive(Serialize)]
struct TraceInJson<'a> {
    batches: ResourceSpans<'a>,
}

pub(crate) fn accepts_protobuf(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|one| one.trim_start().starts_with(PROTOBUF))
}

/// 404 only where it is certain that there is no such trace.
async fn find(app: &App, id: &str) -> Result<Answer<TraceFound>, Refusal> {
    let wanted =
        TraceIdMatch::parse(id).map_err(|error| Refusal::bad(format!("invalid trace id: {error}")))?;
    let found = app.engine().trace(&wanted, &About::everything()).await?;
    unless_silent(&found.coverage)?;
    let spans = found.body.records.iter().any(|record| record.span().is_some());
    match !spans && found.coverage.complete {
        true => Err(Refusal::new(StatusCode::NOT_FOUND, "trace not found")),
        false => Ok(found),
    }
}

fn encoded(message: &impl Message) -> Response {
    let mut response = message.encode_to_vec().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    response
}
