//! The native HTTP API, `/api/v1`, with the probes and `/metrics` beside it.
//!
//! Handlers read a request into the engine's words, ask the engine, and write the answer; each stands in a
//! file of its own under `api/` and describes itself for `openapi.json`, which is generated from them. What
//! all calls share is in one place each: parameters in [`asked`], answers in [`answer`], errors in
//! [`problem`]. Nothing here knows how records are kept or which sources there are.

mod answer;
mod asked;
mod auth;
mod cursor;
mod describe;
mod fields;
mod graph;
mod histogram;
mod metrics;
mod peers;
mod probes;
mod problem;
mod search;
mod services;
mod span_metrics;
mod tail;
mod trace;
mod traces;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router, http, middleware};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::engine::Engine;
use crate::grafana;
use crate::span_metrics::SpanMetrics;

pub use auth::{Certified, Guard};
pub use metrics::Metrics;

/// What every call has at hand.
pub struct App {
    engine: Engine,
    metrics: Metrics,
    registry: prometheus::Registry,
    readiness: Readiness,
    guard: Guard,
    tails: Arc<Semaphore>,
    shutdown: CancellationToken,
    span_metrics: Option<Arc<SpanMetrics>>,
}

/// Whether `/readyz` says yes. It doesn't at first; the assembly sets it once everything runs, and takes it
/// back when shutdown begins.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl App {
    /// Live tails end at `shutdown`.
    pub fn new(
        engine: Engine,
        guard: Guard,
        registry: &prometheus::Registry,
        shutdown: CancellationToken,
    ) -> Result<App, prometheus::Error> {
        Ok(App {
            metrics: Metrics::new(registry)?,
            registry: registry.clone(),
            readiness: Readiness::default(),
            guard,
            tails: Arc::new(Semaphore::new(engine.limits().tails_max)),
            shutdown,
            span_metrics: None,
            engine,
        })
    }

    /// What `/metrics/traces` tells; without it, nothing.
    pub fn telling(mut self, span_metrics: Arc<SpanMetrics>) -> App {
        self.span_metrics = Some(span_metrics);
        self
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// One of `limits.tails_max` turns, if there is one left.
    pub(crate) fn tail_turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = self.tails.clone().try_acquire_owned().ok();
        if turn.is_none() {
            self.metrics.refused("tails");
        }
        turn
    }

    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// A call that is none of the routes, for who may ask, counted and timed as they are.
    pub(crate) async fn guarded(
        &self,
        call: &str,
        head: &http::request::Parts,
        answer: impl Future<Output = Response>,
    ) -> Response {
        let guarded = async {
            match auth::admit(self, &head.uri, &head.headers, &head.extensions) {
                Ok(()) => answer.await,
                Err(problem) => problem.into_response(),
            }
        };
        self.metrics.observe(call, guarded).await
    }
}

/// All routes, behind the token where one is set.
pub fn router(app: Arc<App>) -> Router {
    let (router, mut api) = routes_and_description().split_for_parts();
    let (of_grafana, described) = grafana::routes();
    api.paths.merge(described);
    router
        .merge(of_grafana)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(Extension(describe::Description::of(api)))
        .layer(middleware::from_fn_with_state(app.clone(), auth::check))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::observe))
        .with_state(app)
}

fn routes_and_description() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(describe::Api::openapi())
        .routes(routes!(trace::trace))
        .routes(routes!(trace::errors))
        .routes(routes!(trace::timeline))
        .routes(routes!(traces::traces))
        .routes(routes!(search::search))
        .routes(routes!(histogram::histogram))
        .routes(routes!(fields::fields))
        .routes(routes!(fields::values))
        .routes(routes!(services::services))
        .routes(routes!(graph::graph))
        .routes(routes!(tail::tail))
        .routes(routes!(peers::peers))
        .routes(routes!(describe::openapi))
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(probes::metrics))
        .routes(routes!(span_metrics::metrics))
}
