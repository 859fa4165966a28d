//! Questions to all sources at once, their answers in one.
//!
//! In comes a question in this crate's own words, out goes the merged answer with its [`Coverage`] and
//! warnings. Each source has until the deadline; one that is late, busy or broken is named in the coverage
//! and never fails or delays the others. Spans held twice are shown once, by record id; counts are summed.
//! Nothing here knows of HTTP, of query text or of how a source keeps its records.

mod candidates;
mod credible;
mod gather;
mod graph;
mod halves;
mod histogram;
mod lists;
mod newest;
pub mod overview;
mod piece;
mod scan;
mod shown;
mod traces;

use std::sync::Arc;

use arc_swap::ArcSwap;
use spandrel_config::Limits;
use spandrel_store::snapshot::Position;
use spandrel_store::{Filter, Record, TimeRange, UnixNanos};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::coverage::Coverage;
use crate::source::{Roster, Source};

pub use candidates::Candidate;
pub use histogram::{CountedSeries, Histogram};
pub use lists::{PeerList, PeerState, ServiceCounts};
pub use shown::{Shown, TracesPlace};
pub use traces::TracesPage;

pub struct Engine {
    /// Changes as peers come and go; one answer keeps to the roster that it began with.
    roster: Arc<ArcSwap<Roster>>,
    limits: Limits,
    /// Those of questions that go to peers.
    turns: Arc<Semaphore>,
}

/// Which records are asked for, of whom.
#[derive(Debug, Clone)]
pub struct About {
    pub filter: Filter,
    pub range: TimeRange,
    /// No start was given: what retention deleted is not asked for.
    pub open_start: bool,
    pub scope: Scope,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    /// This sidecar alone.
    Local,
}

/// An answer with what it covers.
#[derive(Debug)]
pub struct Answer<T> {
    pub body: T,
    pub coverage: Coverage,
    /// What the asker should know, in plain words.
    pub warnings: Vec<String>,
    /// The memory that peers' answers were granted; kept until the answer is written.
    pub held: Vec<OwnedSemaphorePermit>,
}

/// The records of one trace, in the order of their times, each once.
#[derive(Debug, Default)]
pub struct TraceFound {
    pub records: Vec<Arc<Record>>,
    pub truncated: bool,
}

/// Some items of a list, and where to go on.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<Position>,
}

/// The question itself cannot be answered, by anyone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Rejected(pub String);

impl Engine {
    pub fn new(sources: Vec<Arc<dyn Source>>, limits: Limits) -> Engine {
        Engine::over(Arc::new(ArcSwap::from_pointee(Roster::of(sources))), limits)
    }

    /// Over a roster that changes.
    pub fn over(roster: Arc<ArcSwap<Roster>>, limits: Limits) -> Engine {
        let turns = Arc::new(Semaphore::new(limits.peer_questions_max));
        Engine { roster, limits, turns }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl About {
    /// Everything that is retained, everywhere.
    pub fn everything() -> About {
        About { filter: Filter::All, range: TimeRange::ALL, open_start: true, scope: Scope::All }
    }

    /// Whether a record is one that is asked for.
    pub fn concerns(&self, record: &Record) -> bool {
        self.range.contains(record.time()) && self.filter.matches(record)
    }

    /// Whether every record is asked for.
    pub fn is_everything(&self) -> bool {
        self.range == TimeRange::ALL && self.filter == Filter::All
    }

    fn with(&self, range: TimeRange) -> About {
        About { range, ..self.clone() }
    }
}

impl<T> Answer<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { body: f(self.body), coverage: self.coverage, warnings: self.warnings, held: self.held }
    }
}

/// Whether the first comes before the second in answers: newest first, ties by the greater id.
fn before(first: Position, second: Position) -> bool {
    (first.time, first.id) > (second.time, second.id)
}

fn position(record: &Record) -> Position {
    Position { time: record.time(), id: record.id }
}

/// The range that holds just the times from `least` to `greatest`.
fn closed_range(least: UnixNanos, greatest: UnixNanos) -> TimeRange {
    TimeRange { start: least, end: UnixNanos(greatest.0.saturating_add(1)) }
}

#[cfg(test)]
mod tests;
