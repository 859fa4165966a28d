//! The memory that records may take between the edge and the index.
//!
//! A receiver asks for a permit before it reads a body, the permit travels inside the [`Batch`], and the
//! store drops it once the batch is committed to a partition. So the bytes in flight never pass the budget,
//! whatever the senders do, and "no permit" is the one overload signal.
//!
//! [`Batch`]: crate::Batch

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be in flight at once.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes_max: usize,
    bytes_used: AtomicUsize,
}

/// Some bytes of a [`MemoryBudget`], given back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped gives its bytes back"]
pub struct Permit {
    shared: Arc<Shared>,
    bytes: usize,
}

impl MemoryBudget {
    pub fn new(bytes_max: usize) -> MemoryBudget {
        MemoryBudget { shared: Arc::new(Shared { bytes_max, bytes_used: AtomicUsize::new(0) }) }
    }

    /// A permit for `bytes`, or `None` if they are not to be had now: the caller refuses with a retryable
    /// status. More than the whole budget is never to be had: callers cap their bodies below it.
    pub fn try_acquire(&self, bytes: usize) -> Option<Permit> {
        let mut permit = Permit { shared: self.shared.clone(), bytes: 0 };
        permit.try_grow(bytes).then_some(permit)
    }

    pub fn bytes_max(&self) -> usize {
        self.shared.bytes_max
    }

    pub fn bytes_used(&self) -> usize {
        self.shared.bytes_used.load(Ordering::Relaxed)
    }
}

impl Permit {
    /// Takes `bytes` more; `false`, and unchanged, if they are not to be had.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let max = self.shared.bytes_max;
        let taken = self.shared.bytes_used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= max)
        });
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Gives back what is more than `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let excess = self.bytes.saturating_sub(bytes);
        self.bytes -= excess;
        self.shared.bytes_used.fetch_sub(excess, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.bytes_used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
