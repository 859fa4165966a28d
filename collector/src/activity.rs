//! Who is here: open connections and requests in flight, by which shutdown knows when all is idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::counters::Counters;

#[derive(Debug)]
pub(crate) struct Activity {
    counters: Counters,
    connections: AtomicUsize,
    requests: AtomicUsize,
    begun: Instant,
    /// Milliseconds after `begun` at which something last came or went.
    last_ms: AtomicU64,
}

/// An open connection; ends when dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Activity>);

/// A request in flight; ends when dropped.
#[derive(Debug)]
pub(crate) struct RequestInFlight(Arc<Activity>);

impl Activity {
    pub(crate) fn new(counters: Counters) -> Activity {
        let (connections, requests) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Activity { counters, connections, requests, begun: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    pub(crate) fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.counters.connections_open.inc();
        self.touch();
        OpenConnection(self.clone())
    }

    pub(crate) fn request(self: &Arc<Self>) -> RequestInFlight {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.counters.requests_in_flight.inc();
        self.touch();
        RequestInFlight(self.clone())
    }

    /// Nobody is connected, nothing is in flight, and so it has been for `quiet`.
    pub(crate) fn is_idle_for(&self, quiet: Duration) -> bool {
        let none = |count: &AtomicUsize| count.load(Ordering::Relaxed) == 0;
        let last = self.begun + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        none(&self.connections) && none(&self.requests) && last.elapsed() >= quiet
    }

    /// The quiet begins anew.
    pub(crate) fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.fetch_max(now, Ordering::Relaxed);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.counters.connections_open.dec();
        self.0.touch();
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
        self.0.counters.requests_in_flight.dec();
        self.0.touch();
    }
}
