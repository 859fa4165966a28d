//! Who calls whom: the service graph, made of parts that add up.
//!
//! Each sidecar tells of its own spans ([`Gathering`]): counts of its services, the calls of which it holds both
//! ends, and *ends*, of which the other one may be elsewhere. [`join`] puts the ends of all sidecars together. So what
//! travels is in proportion to the calls between sidecars, and has a bound: where there are more, each sidecar tells
//! of one trace in 2^n, chosen by the trace's id, so that all choose the same ones; counts are then estimates, and the
//! answer says so.
//!
//! A call is a span whose parent is of another service. Its count, error and duration are those of the called
//! service's span. A client's or producer's span that nobody answers to, and that says whom it calls, is a call to
//! something that sends no spans: a database, a queue, a service elsewhere.
//!
//! Knows nothing of where spans come from or of HTTP.

mod durations;
mod gathering;
mod joining;

use std::sync::Arc;

use spandrel_store::UnixNanos;

pub use durations::Durations;
pub use gathering::Gathering;
pub use joining::{CallCounts, ServiceGraph, ServiceNode, join};

/// What a node of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum NodeKind {
    /// It has sent spans of its own, or is called as one that could.
    Service = 1,
    Database = 2,
    Queue = 3,
}

/// Calls of one kind, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub count: u64,
    pub errors: u64,
    pub durations: Durations,
}

/// A span's place: the low half of its trace's id, and its own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub trace: u64,
    pub span: u64,
}

/// A span that may have called a service which is held elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub place: Place,
    pub service: Arc<str>,
    /// What it says it calls, where nothing answers to it here.
    pub called: Option<Called>,
}

/// Something that is known by the caller's word alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub name: Arc<str>,
    pub kind: NodeKind,
    pub error: bool,
    pub duration_ns: u64,
}

/// A span whose parent is held elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    pub parent: Place,
    pub service: Arc<str>,
    pub error: bool,
    pub duration_ns: u64,
}

/// What one sidecar can tell alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialGraph {
    /// The least and the greatest start of the spans that were looked at.
    pub extent: Option<(UnixNanos, UnixNanos)>,
    /// Requests that each service served; of all traces.
    pub services: Vec<(Arc<str>, Counts)>,
    /// Calls with both ends here: caller, called; of one trace in 2^`calls_thinned`.
    pub calls: Vec<(Arc<str>, Arc<str>, Counts)>,
    pub calls_thinned: u32,
    /// Ends of calls; of one trace in 2^`ends_thinned`.
    pub callers: Vec<Caller>,
    pub callees: Vec<Callee>,
    pub ends_thinned: u32,
}

impl NodeKind {
    pub const ALL: [NodeKind; 3] = [NodeKind::Service, NodeKind::Database, NodeKind::Queue];

    pub fn as_str(self) -> &'static str {
        match self {
            NodeKind::Service => "service",
            NodeKind::Database => "database",
            NodeKind::Queue => "queue",
        }
    }
}

impl Counts {
    pub fn add(&mut self, error: bool, duration_ns: u64) {
        self.count += 1;
        self.errors += u64::from(error);
        self.durations.add(duration_ns, 1);
    }

    /// Adds others, each of which stands for 2^`thinned`.
    pub fn merge(&mut self, other: &Counts, thinned: u32) {
        let scaled = |count: u64| count.saturating_mul(1 << thinned.min(63));
        self.count = self.count.saturating_add(scaled(other.count));
        self.errors = self.errors.saturating_add(scaled(other.errors));
        other.durations.buckets().for_each(|(bucket, count)| self.durations.add_to(bucket, scaled(count)));
    }
}

/// Whether a trace is one of those that stand for all, one in 2^`thinned`. The same everywhere.
fn is_chosen(trace: u64, thinned: u32) -> bool {
    thinned == 0 || spread(trace) >> (64 - thinned.min(64)) == 0
}

/// Ids need not be random; this is the finish of SplitMix64.
fn spread(id: u64) -> u64 {
    let mixed = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests;
