//! What the writer's two threads and the readers share: the current state, replaced as a whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::budget::MemoryBudget;
use crate::checkpoints::Checkpoints;
use crate::head::Head;
use crate::metrics::Metrics;
use crate::partition::PartitionView;
use crate::record::Record;
use crate::retention::Limits;
use crate::snapshot::{Gap, Snapshot};

/// Everything that is queryable. A record is in the head or in a partition, never in both.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub head: Head,
    /// Oldest first; the last one may be open.
    pub partitions: Vec<Arc<PartitionView>>,
    pub gaps: Vec<Gap>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// Held for as long as it takes to clone or swap a pointer.
    state: Mutex<Arc<State>>,
    /// Held for as long as it takes to change or copy some.
    checkpoints: Mutex<Checkpoints>,
    pub budget: MemoryBudget,
    pub tail: broadcast::Sender<Arc<[Arc<Record>]>>,
    pub metrics: Metrics,
    /// The last journal frame that is in a committed partition.
    pub committed: AtomicU64,
    /// Bytes on disk as last measured, journal apart, with what a merge and a commit may take.
    pub reserved_bytes: AtomicU64,
    /// The largest batch that found no room since room was last made.
    pub wanted_bytes: AtomicU64,
    pub journal_bytes: AtomicU64,
    pub max_bytes: u64,
}

impl Shared {
    pub fn new(
        state: State,
        checkpoints: Checkpoints,
        budget: MemoryBudget,
        metrics: Metrics,
        tail_batches: usize,
        max_bytes: u64,
    ) -> Shared {
        let shared = Shared {
            state: Mutex::new(Arc::new(state)),
            checkpoints: Mutex::new(checkpoints),
            budget,
            tail: broadcast::Sender::new(tail_batches),
            metrics,
            committed: AtomicU64::new(0),
            reserved_bytes: AtomicU64::new(0),
            wanted_bytes: AtomicU64::new(0),
            journal_bytes: AtomicU64::new(0),
            max_bytes,
        };
        shared.show();
        shared
    }

    pub fn state(&self) -> Arc<State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn checkpoints(&self) -> MutexGuard<'_, Checkpoints> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot { state: self.state() }
    }

    /// Replaces the state by a changed copy. The copy is cheap: it is made of pointers.
    pub fn update(&self, change: impl FnOnce(&mut State)) {
        let old = {
            let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let mut next = State::clone(&current);
            change(&mut next);
            std::mem::replace(&mut *current, Arc::new(next))
        };
        // Freed outside the lock: the last holder of a head frees its records.
        drop(old);
        self.show();
    }

    fn show(&self) {
        self.metrics.memory_used_bytes.set(self.budget.bytes_used() as i64);
        self.metrics.memory_budget_bytes.set(self.budget.bytes_max() as i64);
    }

    /// Whether a batch of so many bytes, after those that wait to be written, might pass the limit of the data
    /// folder, in the journal and in the index. Where it might, retention is told to make room for it.
    pub fn is_full(&self, waiting: u64, bytes: u64) -> bool {
        let records = self.journal_bytes.load(Ordering::Relaxed) + waiting + bytes;
        let used = self.reserved_bytes.load(Ordering::Relaxed) + Limits::room_for(records);
        let is_full = used > self.max_bytes;
        if is_full {
            self.wanted_bytes.fetch_max(bytes, Ordering::Relaxed);
        }
        is_full
    }
}
