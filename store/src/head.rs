//! The newest records, in memory, not yet in a committed index.
//!
//! A value that is cheap to clone and never changes: the writer makes a new one for each append and each
//! commit, and snapshots keep the one they were made with. Records stay encoded, as they stand in the journal;
//! those that answer a question are decoded for it.

mod batch;
mod newest;
mod sieve;

use std::sync::Arc;

pub(crate) use batch::{Entry, HeadBatch};
pub(crate) use newest::NewestOfHead;

use crate::error::ReadError;
use crate::record::Record;
use crate::snapshot::Scan;
use crate::time::UnixNanos;
use sieve::{Verdict, judge};

/// Batches a chunk holds before a new one is begun; what an append copies at most.
const CHUNK_BATCHES: usize = 128;

#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    chunks: Vec<Arc<Vec<Arc<HeadBatch>>>>,
}

impl Head {
    /// The same head with one batch more.
    pub fn push(&mut self, batch: Arc<HeadBatch>) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_BATCHES => Arc::make_mut(chunk).push(batch),
            _ => self.chunks.push(Arc::new(vec![batch])),
        }
    }

    /// Drops what is committed: all frames up to `sequence`.
    pub fn drop_through(&mut self, sequence: u64) {
        self.chunks.retain(|chunk| chunk.last().is_some_and(|batch| batch.sequence > sequence));
        if let Some(first) = self.chunks.first_mut()
            && first.first().is_some_and(|batch| batch.sequence <= sequence)
        {
            Arc::make_mut(first).retain(|batch| batch.sequence > sequence);
        }
    }

    /// Oldest first.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &Arc<HeadBatch>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// All records, decoded one by one.
    pub fn records(&self) -> impl Iterator<Item = Arc<Record>> {
        self.batches().flat_map(|batch| batch.records())
    }

    /// Visits the records that match a question, in no order.
    pub fn each(&self, scan: &Scan, visit: &mut dyn FnMut(Arc<Record>)) -> Result<(), ReadError> {
        let mut looked_at = 0;
        for batch in self.batches().filter(|batch| batch.overlaps(&scan.range)) {
            for (index, entry) in batch.entries().iter().enumerate() {
                scan.check(looked_at)?;
                looked_at += 1;
                if !scan.range.contains(UnixNanos(entry.time)) {
                    continue;
                }
                let verdict = judge(&scan.filter, batch, entry);
                if verdict == Verdict::No {
                    continue;
                }
                let Some(record) = batch.record(index) else { continue };
                if verdict == Verdict::Yes || scan.filter.matches(&record) {
                    visit(record);
                }
            }
        }
        Ok(())
    }

    pub fn extent(&self) -> Option<(UnixNanos, UnixNanos)> {
        self.batches()
            .filter_map(|batch| batch.extent())
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }

    pub fn len(&self) -> usize {
        self.batches().map(|batch| batch.len()).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.batches().map(|batch| batch.bytes()).sum()
    }
}
