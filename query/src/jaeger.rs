//! Jaeger's API: the older one over HTTP that Grafana uses, and v3 over HTTP and gRPC that newer clients use.
//!
//! Spans are found by the store's own filter; whole traces are given.

mod dependencies;
mod envelope;
mod grpc;
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
        .route("/api/v3/dependencies", get(v3::dependencies))
        .route("/api/metrics/{kind}", get(envelope::no_metrics))
}

/// Version 3 over gRPC, which has it at the root.
pub(crate) fn grpc() -> Router<Arc<App>> {
    grpc::routes()
}

/// `/api/traces/{id}`, for where Tempo's API is not.
pub(crate) fn trace_route() -> Router<Arc<App>> {
    Router::new().route("/api/traces/{id}", get(trace_by_id))
}
