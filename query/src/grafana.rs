//! What stock Grafana talks to: the APIs of Tempo, Loki and Jaeger on one port.
//!
//! All three stand at the root, as Grafana's data sources expect them; Tempo's and Jaeger's also under
//! `/tempo` and `/jaeger`. One path means two things: `/api/traces/{id}` is Tempo's for whoever accepts
//! protobuf, Jaeger's for everybody else. The APIs sit on the engine, so that they answer for all sidecars.
//! What they share stands here and below: lenient [`params`], refusals as plain [`refusal`] text, calls over
//! [`grpc`].

pub(crate) mod grpc;
pub(crate) mod params;
pub(crate) mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::api::App;
use crate::{jaeger, loki, tempo};

/// All routes of the three.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(loki::routes())
        .merge(tempo::routes())
        .merge(tempo::grpc())
        .merge(jaeger::routes())
        .merge(jaeger::grpc())
        .route("/api/traces/{id}", get(trace_by_id))
        .nest("/tempo", tempo::routes().merge(tempo::trace_v1()))
        .nest("/jaeger", jaeger::routes().merge(jaeger::trace_route()))
}

/// One path, two APIs: whoever takes protobuf speaks Tempo's.
async fn trace_by_id(app: State<Arc<App>>, id: Path<String>, headers: HeaderMap) -> Response {
    match tempo::accepts_protobuf(&headers) {
        true => tempo::trace_by_id_v1(app, id, headers).await.into_response(),
        false => jaeger::trace_by_id(app, id).await.into_response(),
    }
}
