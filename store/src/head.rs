//! The newest records, in memory, not yet in a committed index.
//!
//! A value that is cheap to clone and never changes: the writer makes a new one for each append and each
//! commit, and snapshots keep the one they were made with.

use std::sync::Arc;

use crate::budget::Permit;
use crate::id::TraceIdMatch;
use crate::record::Record;
use crate::time::{TimeRange, UnixNanos};

/// Batches a chunk holds before a new one is begun; what an append copies at most.
const CHUNK_BATCHES: usize = 128;

#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    chunks: Vec<Arc<Vec<Arc<HeadBatch>>>>,
}

/// The records of one journal frame.
#[derive(Debug)]
pub(crate) struct HeadBatch {
    pub sequence: u64,
    pub records: Vec<Arc<Record>>,
    /// Encoded size, which commits are paced by.
    pub bytes: u64,
    least: UnixNanos,
    greatest: UnixNanos,
    /// Low halves of the trace ids with the place of their record, sorted.
    traces: Vec<(u64, u32)>,
    /// Given back when the batch is committed and no snapshot holds it any more.
    _permit: Option<Permit>,
}

impl HeadBatch {
    pub fn new(sequence: u64, records: Vec<Arc<Record>>, bytes: u64, permit: Option<Permit>) -> HeadBatch {
        let times = || records.iter().map(|record| record.time());
        let trace = |(place, record): (usize, &Arc<Record>)| Some((record.trace_id()?.low64(), place as u32));
        let mut traces: Vec<(u64, u32)> = records.iter().enumerate().filter_map(trace).collect();
        traces.sort_unstable();
        HeadBatch {
            sequence,
            bytes,
            least: times().min().unwrap_or_default(),
            greatest: times().max().unwrap_or_default(),
            traces,
            records,
            _permit: permit,
        }
    }

    pub fn overlaps(&self, range: &TimeRange) -> bool {
        range.overlaps(self.least, self.greatest)
    }

    /// The records of a trace.
    pub fn trace<'a>(&'a self, id: &'a TraceIdMatch) -> impl Iterator<Item = &'a Arc<Record>> {
        let mut lows: Vec<u64> =
            id.exact.iter().map(|id| id.low64()).chain(id.low64.iter().copied()).collect();
        lows.sort_unstable();
        lows.dedup();
        let places = lows.into_iter().flat_map(|low| {
            let from = self.traces.partition_point(|(other, _)| *other < low);
            self.traces[from..].iter().take_while(move |(other, _)| *other == low)
        });
        places
            .map(|(_, place)| &self.records[*place as usize])
            .filter(|record| record.trace_id().is_some_and(|found| id.matches(found)))
    }
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

    pub fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.batches().flat_map(|batch| &batch.records)
    }

    pub fn extent(&self) -> Option<(UnixNanos, UnixNanos)> {
        let batches = || self.batches().filter(|batch| !batch.records.is_empty());
        Some((batches().map(|b| b.least).min()?, batches().map(|b| b.greatest).max()?))
    }

    pub fn bytes(&self) -> u64 {
        self.batches().map(|batch| batch.bytes).sum()
    }
}
