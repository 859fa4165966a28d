//! What stock Grafana talks to: the APIs of Tempo, Loki and Jaeger on one port.
//!
//! All three stand at the root, as Grafana's data sources expect them; Tempo's and Jaeger's also under
//! `/tempo` and `/jaeger`. One path means two things: `/api/traces/{id}` is Tempo's for whoever accepts
//! protobuf, Jaeger's for everybody else. The APIs sit on the engine, so that they answer for all sidecars.
//! What they share stands here and below: [`calls`] with their descriptions, lenient [`params`], refusals as plain
//! [`refusal`] text, calls over [`grpc`].

pub(crate) mod calls;
pub(crate) mod grpc;
pub(crate) mod params;
pub(crate) mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::Paths;

use self::calls::{Calls, PROTOBUF_OR_JSON, Told};
use crate::api::App;
use crate::{jaeger, loki, tempo};

/// All routes of the three, and descriptions of those that are called over HTTP at the root.
pub(crate) fn routes() -> (Router<Arc<App>>, Paths) {
    let (tempo, jaeger) = (tempo::calls(), jaeger::calls());
    let prefixed = Router::new()
        .nest("/tempo", tempo.router().merge(tempo::trace_v1()))
        .nest("/jaeger", jaeger.router().merge(jaeger::trace_route()));
    let shared =
        Calls::of("tempo", "text/plain, application/json").call("/api/traces/{id}", get(trace_by_id), TRACE);
    let (router, described) = loki::calls().and(tempo).and(jaeger).and(shared).into_parts();
    (router.merge(loki::doubled()).merge(tempo::grpc()).merge(jaeger::grpc()).merge(prefixed), described)
}

const TRACE: Told = Told::new("A trace: Tempo's for whoever accepts protobuf, else Jaeger's", &[])
    .answered_in(PROTOBUF_OR_JSON)
    .refused_too(&[("404", "No such trace, and nothing is missing from the answer")]);

/// One path, two APIs: whoever takes protobuf speaks Tempo's.
async fn trace_by_id(app: State<Arc<App>>, id: Path<String>, headers: HeaderMap) -> Response {
    match tempo::accepts_protobuf(&headers) {
        true => tempo::trace_by_id_v1(app, id, headers).await.into_response(),
        false => jaeger::trace_by_id(app, id).await.into_response(),
    }
}
