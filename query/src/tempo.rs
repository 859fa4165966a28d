//! Tempo's HTTP API, as Grafana's Tempo data source and Traces Drilldown use it.
//!
//! Answers are Tempo's messages in protobuf or in its JSON, with no key that Grafana's strict reader does not
//! know. TraceQL is read in [`crate::language::traceql`] and evaluated in [`eval`].

mod calculation;
pub mod eval;
mod legacy;
mod metrics;
mod proto;
mod search;
mod series;
mod streaming;
mod tags;
mod trace;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::api::App;

pub use proto::{Status, Trace, TraceByIdMetrics, TraceByIdResponse};
pub(crate) use search::as_text;
pub(crate) use trace::{accepts_protobuf, v1 as trace_by_id_v1};

/// Everything but the one path that Jaeger's API has too.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/echo", get(async || "echo"))
        .route("/api/status/buildinfo", get(buildinfo))
        .route("/api/v2/traces/{id}", get(trace::v2))
        .route("/api/metrics/query_range", get(metrics::query_range))
        .route("/api/metrics/query", get(metrics::query))
        .route("/api/search", get(search::search))
        .route("/api/search/tags", get(tags::tags_v1))
        .route("/api/search/tag/{*rest}", get(tags::values_v1))
        .route("/api/v2/search/tags", get(tags::tags_v2))
        .route("/api/v2/search/tag/{*rest}", get(tags::values_v2))
}

/// The streaming service, which gRPC has at the root.
pub(crate) fn grpc() -> Router<Arc<App>> {
    streaming::routes()
}

/// `/api/traces/{id}`, for where Jaeger's API is not.
pub(crate) fn trace_v1() -> Router<Arc<App>> {
    Router::new().route("/api/traces/{id}", get(trace_by_id_v1))
}

/// A version that makes Grafana 11 offer what is there: streaming of searches since 2.2, of metrics since 2.7.
async fn buildinfo() -> Json<serde_json::Value> {
    Json(json!({
        "version": "2.8.0",
        "revision": env!("CARGO_PKG_VERSION"),
        "branch": "spandrel",
        "buildDate": "",
        "buildUser": "",
        "goVersion": "",
    }))
}
