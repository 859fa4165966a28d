//! Jaeger's HTTP API, the older one that Grafana uses and v3 that newer Jaeger UIs use.
//!
//! Spans are found by the store's own filter; whole traces are given.

mod dependencies;
mod envelope;
mod model;
mod names;
mod search;
mod v3;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::api::App;

pub(crate) use search::trace as trace_by_id;

/// Everything but the one path that Tempo's API has too.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/services", get(names::services))
        .route("/api/services/{service}/operations", get(names::operations_of_service))
        .route("/api/operations", get(names::operations))
        .route("/api/traces", get(search::search))
        .route("/api/dependencies", get(dependencies::dependencies))
        .route("/api/v3/services", get(v3::services))
        .route("/api/v3/operations", get(v3::operations))
        .route("/api/v3/traces", get(v3::search))
        .route("/api/v3/traces/{id}", get(v3::trace))
        .route("/api/v3/trace-summaries", get(v3::summaries))
}

/// `/api/traces/{id}`, for where Tempo's API is not.
pub(crate) fn trace_route() -> Router<Arc<App>> {
    Router::new().route("/api/traces/{id}", get(trace_by_id))
}
