//! Whether a store has nothing of a trace, found out at once: what most peers of a question are asked in vain.
//!
//! Only what leads to records is looked at, the ids in memory and the dictionaries of terms, which are mapped files, and no
//! block is read. So it may be asked on a thread that others wait for. It gives up at the time that it is given, which it
//! looks at between two batches and two segments: a disk that has to be read first delays that thread by one look-up.

use std::time::Instant;

use crate::id::TraceIdMatch;
use crate::snapshot::Snapshot;

impl Snapshot {
    /// Whether there is no record of the trace; `false` also where that was not found out by `until`.
    pub fn has_nothing_of(&self, id: &TraceIdMatch, until: Instant) -> bool {
        self.state.head.batches().all(|batch| Instant::now() < until && batch.trace(id).next().is_none())
            && self.state.partitions.iter().all(|view| view.has_nothing_of(id, until))
    }
}

#[cfg(test)]
mod tests;
