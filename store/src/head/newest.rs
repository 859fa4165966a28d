//! The matching records of the head, newest first, ties by id; decoded when their turn comes.

use std::sync::Arc;

use super::Head;
use super::batch::HeadBatch;
use super::sieve::{Verdict, judge};
use crate::error::ReadError;
use crate::record::Record;
use crate::snapshot::{Position, Scan};
use crate::time::UnixNanos;

pub(crate) struct NewestOfHead<'a> {
    scan: &'a Scan,
    /// Oldest first, so that the newest is popped.
    places: Vec<Place<'a>>,
    /// Matching records of one time, in ascending order.
    ready: Vec<Arc<Record>>,
}

/// A record that matches, or may.
struct Place<'a> {
    time: u64,
    batch: &'a HeadBatch,
    index: usize,
    matches: bool,
}

impl Head {
    pub fn newest<'a>(&'a self, scan: &'a Scan) -> Result<NewestOfHead<'a>, ReadError> {
        let mut places = Vec::new();
        let latest = scan.after.map_or(u64::MAX, |after| after.time.0);
        for batch in self.batches().filter(|batch| batch.overlaps(&scan.range)) {
            scan.check(0)?;
            for (index, entry) in batch.entries().iter().enumerate() {
                if entry.time > latest || !scan.range.contains(UnixNanos(entry.time)) {
                    continue;
                }
                let verdict = judge(&scan.filter, batch, entry);
                if verdict != Verdict::No {
                    let matches = verdict == Verdict::Yes;
                    places.push(Place { time: entry.time, batch, index, matches });
                }
            }
        }
        places.sort_by_key(|place| place.time);
        Ok(NewestOfHead { scan, places, ready: Vec::new() })
    }
}

impl NewestOfHead<'_> {
    /// The next record, without taking it.
    pub fn peek(&mut self) -> Result<Option<&Arc<Record>>, ReadError> {
        let mut looked_at = 0;
        while self.ready.is_empty()
            && let Some(time) = self.places.last().map(|place| place.time)
        {
            while let Some(place) = self.places.pop_if(|place| place.time == time) {
                self.scan.check(looked_at)?;
                looked_at += 1;
                self.read(&place);
            }
            self.ready.sort_unstable_by_key(|record| record.id);
        }
        Ok(self.ready.last())
    }

    pub fn pop(&mut self) -> Option<Arc<Record>> {
        self.ready.pop()
    }

    fn read(&mut self, place: &Place<'_>) {
        let Some(record) = place.batch.record(place.index) else { return };
        let is_after = |after: Position| (record.time(), record.id) < (after.time, after.id);
        let matches = place.matches || self.scan.filter.matches(&record);
        if matches && self.scan.after.is_none_or(is_after) {
            self.ready.push(record);
        }
    }
}
