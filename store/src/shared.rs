//! What the writer's two threads and the readers share: the current state, replaced as a whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::budget::MemoryBudget;
use crate::head::Head;
use crate::metrics::Metrics;
use crate::partition::PartitionView;
use crate::record::Record;
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
    pub budget: MemoryBudget,
    pub tail: broadcast::Sender<Arc<[Arc<Record>]>>,
    pub metrics: Metrics,
    /// The last journal frame that is in a committed partition.
    pub committed: AtomicU64,
    /// Bytes on disk as last measured, journal apart.
    pub partition_bytes: AtomicU64,
    pub journal_bytes: AtomicU64,
    pub max_bytes: u64,
}

impl Shared {
    pub fn new(
        state: State,
        budget: MemoryBudget,
        metrics: Metrics,
        tail_batches: usize,
        max_bytes: u64,
    ) -> Shared {
        let shared = Shared {
            state: Mutex::new(Arc::new(state)),
            budget,
            tail: broadcast::Sender::new(tail_batches),
            metrics,
            committed: AtomicU64::new(0),
            partition_bytes: AtomicU64::new(0),
            journal_bytes: AtomicU64::new(0),
            max_bytes,
        };
        shared.show();
        shared
    }

    pub fn state(&self) -> Arc<State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    /// Whether `bytes` more would pass the limit of the data folder.
    pub fn is_full(&self, bytes: u64) -> bool {
        let used = self.partition_bytes.load(Ordering::Relaxed) + self.journal_bytes.load(Ordering::Relaxed);
        used + bytes > self.max_bytes
    }
}
