//! What stock Grafana talks to: the APIs of Tempo, Loki and Jaeger on one port.
//!
//! All three stand at the root, as Grafana's data sources expect them; Tempo's and Jaeger's also under
//! `/tempo` and `/jaeger`. One path means two things: `/api/traces/{id}` is Tempo's for whoever accepts
//! protobuf, Jaeger's for everybody else. The APIs sit on the engine, so that they answer for all sidecars.
//! What they share stands here and below: lenient [`params`] and refusals as plain [`refusal`] text.

pub(crate) mod params;
pub(crate) mod refusal;

use std::sync::Arc;

use axum::Router;

use crate::api::App;
use crate::tempo;

/// All routes of the three.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(tempo::routes())
        .merge(tempo::trace_v1())
        .nest("/tempo", tempo::routes().merge(tempo::trace_v1()))
}
