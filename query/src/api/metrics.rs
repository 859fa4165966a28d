//! What is counted of questions.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::App;
use super::answer::Incomplete;

#[derive(Debug, Clone)]
pub struct Metrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    running: IntGauge,
    refused: IntCounterVec,
}

impl Metrics {
    pub fn new(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let requests = Opts::new(
            "spandrel_query_requests_total",
            "Questions by call and outcome: ok, partial (coverage incomplete), client_error, server_error",
        );
        let duration =
            HistogramOpts::new("spandrel_query_duration_seconds", "Time until an answer begins, by call");
        let duration = duration.buckets(vec![
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ]);
        let running = Opts::new("spandrel_query_running", "Questions being answered");
        let refused =
            Opts::new("spandrel_query_refused_total", "Questions refused, by reason: unauthorized, tails");
        let metrics = Metrics {
            requests: IntCounterVec::new(requests, &["call", "outcome"])?,
            duration: HistogramVec::new(duration, &["call"])?,
            running: IntGauge::with_opts(running)?,
            refused: IntCounterVec::new(refused, &["reason"])?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.running.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        Ok(metrics)
    }

    /// Counts and times one call.
    pub(super) async fn observe(&self, call: &str, answer: impl Future<Output = Response>) -> Response {
        let begun = Instant::now();
        let running = Running::one(&self.running);
        let response = answer.await;
        drop(running);
        let outcome = match response.status().as_u16() {
            500.. => "server_error",
            400.. => "client_error",
            _ if response.extensions().get::<Incomplete>().is_some() => "partial",
            _ => "ok",
        };
        self.requests.with_label_values(&[call, outcome]).inc();
        self.duration.with_label_values(&[call]).observe(begun.elapsed().as_secs_f64());
        response
    }

    pub(super) fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }
}

/// Lowers the gauge however the question ends.
struct Running(IntGauge);

impl Running {
    fn one(gauge: &IntGauge) -> Running {
        gauge.inc();
        Running(gauge.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Counts and times every call. The label is the route as it is described, never a path as it was sent.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let call = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = span(&call, &request);
    let response = app.metrics.observe(&call, next.run(request).instrument(span.clone())).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

/// For Spandrel's own traces: which call, never what was asked. Probes and scrapes make none.
fn span(call: &str, request: &Request) -> Span {
    if !call.starts_with("/api/") {
        return Span::none();
    }
    tracing::info_span!(
        "question",
        otel.name = format!("{} {call}", request.method()),
        otel.kind = "server",
        http.request.method = %request.method(),
        http.route = call,
        http.response.status_code = tracing::field::Empty,
    )
}
