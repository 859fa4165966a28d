//! `/metrics/traces`: rates, errors and latency of every operation, and who calls whom, out of every span that is
//! kept. What Grafana's service graph and its links from traces to metrics ask Prometheus for.
//!
//! In come batches, seen by the store's [`Watch`] and counted once they are acknowledged; out go numbers in
//! OpenMetrics, with the ids of traces as exemplars. Counters begin at zero when the process does.
//! Invariants: there are at most `limits.span_series_max` operations and as many edges, what is beyond them is
//! counted in one series `__overflow__`; at most `limits.half_edges_max` halves of calls wait for their other half.
//!
//! A call between services has two halves. A sidecar joins what it has both halves of; the others it keeps for
//! [`KEPT_FOR`] for gateways, which join those of all their sidecars when they are scraped. A half is joined by the
//! sidecar or handed out, never both, so that the sum over all that are scraped counts a call once.

mod calls;
mod exposition;
mod graph;
mod half;
mod joiner;
mod look;
mod offers;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use spandrel_config::Limits;
use spandrel_store::Store;
use spandrel_store::watch::Watch;
use tokio_util::sync::CancellationToken;

use calls::Calls;
use graph::Graph;
use look::Looked;

pub use half::{Connection, Half, Place, Side};
pub use offers::{Cursor, Offered};

/// Time that both halves of a call have to come to the same sidecar.
const JOINED_WITHIN: Duration = Duration::from_secs(10);

/// Time that a gateway has to come for a half, and that a gateway waits for the other half.
pub const KEPT_FOR: Duration = Duration::from_secs(60);

/// Halves are gone on with at least so often, also where no spans come and nobody scrapes: they are memory.
const SETTLED_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct SpanMetrics {
    calls: Calls,
    graph: Mutex<Graph>,
    /// Of a gateway: how far its sidecars have told their halves, by the names of the sidecars.
    told: Option<Mutex<Vec<(String, Cursor)>>>,
}

impl SpanMetrics {
    /// Of a sidecar: every span that the store keeps from now on.
    pub fn watching(store: &Store, limits: &Limits) -> Arc<SpanMetrics> {
        let graph = Graph::new(limits, JOINED_WITHIN, true);
        let metrics = Arc::new(SpanMetrics::new(limits, graph, None));
        store.watch(metrics.clone().watch());
        metrics
    }

    /// Of a gateway: calls between its sidecars.
    pub fn gathering(limits: &Limits) -> Arc<SpanMetrics> {
        let graph = Graph::new(limits, KEPT_FOR, false);
        Arc::new(SpanMetrics::new(limits, graph, Some(Mutex::default())))
    }

    fn new(limits: &Limits, graph: Graph, told: Option<Mutex<Vec<(String, Cursor)>>>) -> SpanMetrics {
        SpanMetrics { calls: Calls::new(limits.span_series_max), graph: Mutex::new(graph), told }
    }

    fn watch(self: Arc<SpanMetrics>) -> Watch {
        Box::new(move |records| {
            let looked = Looked::at(records);
            let metrics = self.clone();
            (!looked.is_empty()).then(|| Box::new(move || metrics.count(looked, Instant::now())) as _)
        })
    }

    fn count(&self, looked: Looked, now: Instant) {
        self.calls.count(&looked);
        self.with_graph(|graph| graph.add(looked.halves, now));
    }

    /// Whether halves of calls are to be gathered from others before a scrape.
    pub fn is_gathering(&self) -> bool {
        self.told.is_some()
    }

    /// Up to where a sidecar has told its halves to this gateway.
    pub fn told_by(&self, name: &str) -> Option<Cursor> {
        let told = self.told.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().find(|(known, _)| known == name).map(|(_, cursor)| *cursor)
    }

    /// Takes over what a sidecar told; what came of it already, because two scrapes ran at once, is left out.
    pub fn gathered(&self, name: &str, offered: Offered, now: Instant) {
        let Some(told) = &self.told else { return };
        {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            match told.iter_mut().find(|(known, _)| known == name) {
                Some((_, cursor)) if *cursor != offered.from => return,
                Some((_, cursor)) => *cursor = offered.next,
                None => told.push((name.to_owned(), offered.next)),
            }
        }
        self.with_graph(|graph| {
            graph.lost(offered.lost);
            graph.add(offered.halves, now);
        });
    }

    /// The names of sidecars that still are; what others told is forgotten.
    pub fn forget_others(&self, names: &[String]) {
        if let Some(told) = &self.told {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|(name, _)| names.contains(name));
        }
    }

    /// Halves that wait for a gateway, from a place on.
    pub fn offer(&self, after: Option<Cursor>, halves_max: usize, now: Instant) -> Offered {
        self.with_graph(|graph| graph.offer(after, halves_max, now))
    }

    /// All numbers in OpenMetrics.
    pub fn text(self: &Arc<SpanMetrics>, now: Instant) -> Result<String, std::fmt::Error> {
        self.with_graph(|graph| graph.settle(now));
        exposition::text(self)
    }

    /// Goes on with the halves whose time is over, until it is told to stop.
    pub(crate) async fn keep_settled(self: Arc<SpanMetrics>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SETTLED_EVERY);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.with_graph(|graph| graph.settle(Instant::now()));
        }
    }

    fn with_graph<T>(&self, work: impl FnOnce(&mut Graph) -> T) -> T {
        work(&mut self.graph.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
