//! Alive, ready, and the numbers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus::TextEncoder;

use super::App;
use super::problem::Problem;

/// The process runs.
#[utoipa::path(get, path = "/healthz", tag = "process", security(()),
    responses((status = 200, description = "It runs", body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The process takes in data and answers questions; not before it has started, and not from the moment that
/// shutdown begins.
#[utoipa::path(get, path = "/readyz", tag = "process", security(()), responses(
    (status = 200, description = "Ready", body = String, content_type = "text/plain"),
    (status = 503, description = "Starting or shutting down", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.readiness.get() {
        true => Ok("ready\n"),
        false => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting or shutting down")),
    }
}

/// Every metric of this process, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "process",
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let text = TextEncoder::new().encode_to_string(&app.registry.gather());
    let text = text.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut response = text.into_response();
    let content_type = HeaderValue::from_static(prometheus::TEXT_FORMAT);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}
