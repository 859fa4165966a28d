//! `/api/v2/traces/{id}` and `/api/traces/{id}`: one trace, in protobuf for whoever asks for it, else in
//! JSON.
//!
//! Tempo's time parameters only narrow down where it looks; here the whole trace is given at once.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use serde_json::{Value as Json, json};
use spandrel_store::{Record, TraceIdMatch};

use super::proto::{Status, Trace, TraceByIdMetrics, TraceByIdResponse};
use crate::api::App;
use crate::engine::{About, Answer, TraceFound};
use crate::grafana::refusal::{Refusal, shortfall, unless_silent};
use crate::render::otlp::{OtlpJson, resource_spans};

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
    put_together(found.body.records, move |records| match protobuf {
        true => {
            let trace = Some(Trace { resource_spans: resource_spans(&records) });
            let metrics = Some(TraceByIdMetrics::default());
            encoded(&TraceByIdResponse { trace, metrics, status: status as i32, message })
        }
        false => {
            let status = if status == Status::Partial { "PARTIAL" } else { "COMPLETE" };
            let trace = json!({ "resourceSpans": spans_as_json(&records) });
            axum::Json(json!({ "trace": trace, "metrics": {}, "status": status, "message": message }))
                .into_response()
        }
    })
    .await
}

pub(crate) async fn v1(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let found = find(&app, &id).await?;
    let protobuf = accepts_protobuf(&headers);
    put_together(found.body.records, move |records| match protobuf {
        true => encoded(&Trace { resource_spans: resource_spans(&records) }),
        false => axum::Json(json!({ "batches": spans_as_json(&records) })).into_response(),
    })
    .await
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

async fn put_together(
    records: Vec<Arc<Record>>,
    work: impl FnOnce(Vec<Arc<Record>>) -> Response + Send + 'static,
) -> Result<Response, Refusal> {
    let done = tokio::task::spawn_blocking(move || work(records)).await;
    done.map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the trace could not be put together"))
}

fn encoded(message: &impl Message) -> Response {
    let mut response = message.encode_to_vec().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    response
}

fn spans_as_json(records: &[Arc<Record>]) -> Json {
    // Only maps with keys that are not text fail, and there are none.
    let json = serde_json::to_value(OtlpJson(records)).unwrap_or_default();
    match json {
        Json::Object(mut map) => map.remove("resourceSpans").unwrap_or_default(),
        other => other,
    }
}
