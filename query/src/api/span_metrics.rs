//! Numbers out of all spans, for Prometheus to scrape.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;
use super::problem::Problem;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Rates, errors and latency of every operation, and of the calls between services, from every span that was taken
/// in since the start, in OpenMetrics with trace ids as exemplars. A gateway tells the calls between its sidecars
/// that none of them could tell alone. The names are those of Tempo's `traces_spanmetrics_…` and
/// `traces_service_graph_…`.
#[utoipa::path(get, path = "/metrics/traces", tag = "process",
    responses((status = 200, description = "Metrics", body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let failed = |why: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why);
    let Some(metrics) = app.span_metrics.clone() else {
        return Ok(respond("# EOF\n".to_owned()));
    };
    if metrics.is_gathering() {
        // Sidecars that do not answer now are asked again at the next scrape.
        app.engine.gather_halves(&metrics).await.map_err(|rejected| failed(rejected.0))?;
    }
    let writing = tokio::task::spawn_blocking(move || metrics.text(Instant::now()));
    let text = writing.await.map_err(|error| failed(error.to_string()))?;
    Ok(respond(text.map_err(|error| failed(error.to_string()))?))
}

fn respond(text: String) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
    response
}
