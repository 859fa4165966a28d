//! What is counted of peers. Their number is bounded, and so are the labels: a peer that goes takes its own
//! along.

use std::sync::{Mutex, PoisonError};

use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use spandrel_store::UnixNanos;

use super::link::{Health, State};

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    up: IntGaugeVec,
    latency: GaugeVec,
    questions: IntCounterVec,
    last_error: IntGaugeVec,
    pub(crate) gone: IntGauge,
}

/// One peer's share.
#[derive(Debug)]
pub(crate) struct PeerMetrics {
    all: Metrics,
    peer: String,
    up: IntGauge,
    latency: Gauge,
    /// The label of the last error; there is one at most.
    last_reason: Mutex<Option<&'static str>>,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Result<Metrics, prometheus::Error> {
        let up = Opts::new("spandrel_peer_up", "Whether a peer answers: 1, or 0");
        let latency = Opts::new("spandrel_peer_latency_seconds", "Time that a peer's last answer took");
        let questions = Opts::new(
            "spandrel_peer_questions_total",
            "Questions to peers by outcome: ok, not_asked (the peer is down), or the reason of the failure",
        );
        let last_error = Opts::new(
            "spandrel_peer_last_error_timestamp_seconds",
            "When a peer last failed to answer, by the reason that it had",
        );
        let gone = Opts::new("spandrel_peers_gone", "Peers that were seen within retention and are gone");
        let metrics = Metrics {
            up: IntGaugeVec::new(up, &["peer"])?,
            latency: GaugeVec::new(latency, &["peer"])?,
            questions: IntCounterVec::new(questions, &["peer", "outcome"])?,
            last_error: IntGaugeVec::new(last_error, &["peer", "reason"])?,
            gone: IntGauge::with_opts(gone)?,
        };
        registry.register(Box::new(metrics.up.clone()))?;
        registry.register(Box::new(metrics.latency.clone()))?;
        registry.register(Box::new(metrics.questions.clone()))?;
        registry.register(Box::new(metrics.last_error.clone()))?;
        registry.register(Box::new(metrics.gone.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn of(&self, peer: &str) -> PeerMetrics {
        PeerMetrics {
            all: self.clone(),
            peer: peer.to_owned(),
            up: self.up.with_label_values(&[peer]),
            latency: self.latency.with_label_values(&[peer]),
            last_reason: Mutex::default(),
        }
    }
}

/// The words that [`SourceError::reason`](crate::source::SourceError::reason) has, and two more.
const OUTCOMES: [&str; 13] = [
    "ok",
    "not_asked",
    "timeout",
    "busy",
    "rejected",
    "failed",
    "itself",
    "unreachable",
    "refused",
    "unauthorized",
    "version",
    "garbage",
    "too_large",
];

impl PeerMetrics {
    pub(crate) fn question(&self, outcome: &str) {
        self.all.questions.with_label_values(&[self.peer.as_str(), outcome]).inc();
    }

    pub(crate) fn failed(&self, reason: &'static str, time: UnixNanos) {
        let mut last = self.last_reason.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = last.replace(reason).filter(|before| *before != reason) {
            let _ = self.all.last_error.remove_label_values(&[self.peer.as_str(), before]);
        }
        let seconds = i64::try_from(time.0 / 1_000_000_000).unwrap_or(i64::MAX);
        self.all.last_error.with_label_values(&[self.peer.as_str(), reason]).set(seconds);
    }

    pub(crate) fn show(&self, health: &Health) {
        self.up.set(i64::from(health.state == State::Up));
        if let Some(latency) = health.standing.latency {
            self.latency.set(latency.as_secs_f64());
        }
    }
}

impl Drop for PeerMetrics {
    fn drop(&mut self) {
        let peer = [self.peer.as_str()];
        let _ = self.all.up.remove_label_values(&peer);
        let _ = self.all.latency.remove_label_values(&peer);
        for outcome in OUTCOMES {
            let _ = self.all.questions.remove_label_values(&[peer[0], outcome]);
            let _ = self.all.last_error.remove_label_values(&[peer[0], outcome]);
        }
    }
}
