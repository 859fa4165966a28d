//! For whoever has to see every record that is kept, which the tail cannot promise: it may lag.
//!
//! The watch looks at a batch before it is written, on the thread of whoever appends it, and says what is to be
//! done once the batch is acknowledged. What is refused, or is never acknowledged because its sender went away, is
//! sent again and so is not counted the first time. After a restart the watch sees nothing of what was kept before.

use std::fmt;
use std::sync::OnceLock;

use crate::batch::{NewBody, NewRecord};

/// What is done once the records are kept: briefly, for the acknowledgement waits for it.
pub type Kept = Box<dyn FnOnce() + Send>;

/// Looks at records that are about to be kept.
pub type Watch = Box<dyn Fn(&[NewRecord<NewBody>]) -> Option<Kept> + Send + Sync>;

#[derive(Default)]
pub(crate) struct Watcher(OnceLock<Watch>);

impl Watcher {
    /// False if somebody watches already.
    pub fn set(&self, watch: Watch) -> bool {
        self.0.set(watch).is_ok()
    }

    pub fn look_at(&self, records: &[NewRecord<NewBody>]) -> Option<Kept> {
        self.0.get()?(records)
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Watcher(watching)" } else { "Watcher(idle)" })
    }
}

#[cfg(test)]
mod tests;
