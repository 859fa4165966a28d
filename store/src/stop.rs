//! Giving up: whoever asked may go away while a question runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by a question and by those who wait for it; a question looks at it as often as at its deadline.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Nobody waits any more.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
