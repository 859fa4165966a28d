//! tantivy collectors: which documents match, by time, and how many per bucket.
//!
//! Each reads the time column. A document without a time is a context's, not a record's, and is left out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use crate::time::TimeRange;

/// A matching document with its event time.
pub(super) type Hit = (u64, DocAddress);

/// The newest matching documents in a range of time, `hits_max` at most, in no order, and whether there are
/// more.
pub(super) struct Newest {
    pub range: TimeRange,
    /// Nothing newer than this.
    pub latest: u64,
    pub hits_max: usize,
}

pub(super) struct SegmentNewest {
    time: Column<u64>,
    segment: SegmentOrdinal,
    range: TimeRange,
    latest: u64,
    hits_max: usize,
    newest: BinaryHeap<Reverse<(u64, DocId)>>,
    more: bool,
}

impl Collector for Newest {
    type Fruit = (Vec<Hit>, bool);
    type Child = SegmentNewest;

    fn for_segment(&self, segment: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentNewest> {
        Ok(SegmentNewest {
            time: reader.fast_fields().u64("time")?,
            segment,
            range: self.range,
            latest: self.latest,
            hits_max: self.hits_max,
            newest: BinaryHeap::new(),
            more: false,
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<(Vec<Hit>, bool)>) -> tantivy::Result<(Vec<Hit>, bool)> {
        let mut more = fruits.iter().any(|(_, more)| *more);
        let mut hits: Vec<Hit> = fruits.into_iter().flat_map(|(hits, _)| hits).collect();
        if hits.len() > self.hits_max {
            more = true;
            hits.select_nth_unstable_by_key(self.hits_max - 1, |hit| Reverse(hit.0));
            hits.truncate(self.hits_max);
        }
        Ok((hits, more))
    }
}

impl SegmentCollector for SegmentNewest {
    type Fruit = (Vec<Hit>, bool);

    fn collect(&mut self, doc: DocId, _: Score) {
        let Some(time) = self.time.first(doc) else { return };
        if time > self.latest || !self.range.contains(crate::time::UnixNanos(time)) {
            return;
        }
        if self.newest.len() < self.hits_max {
            self.newest.push(Reverse((time, doc)));
            return;
        }
        self.more = true;
        if let Some(mut oldest) = self.newest.peek_mut()
            && oldest.0.0 < time
        {
            *oldest = Reverse((time, doc));
        }
    }

    fn harvest(self) -> (Vec<Hit>, bool) {
        let hit = |Reverse((time, doc)): Reverse<(u64, DocId)>| (time, DocAddress::new(self.segment, doc));
        (self.newest.into_iter().map(hit).collect(), self.more)
    }
}

/// Counts by bucket of time and by a group that is made of the facets and context columns.
pub(super) struct Counts<F> {
    pub range: TimeRange,
    pub step_ns: u64,
    /// `(facets, context)` to the number of a group.
    pub group: F,
}

pub(super) struct SegmentCounts<F> {
    time: Column<u64>,
    facets: Column<u64>,
    context: Column<u64>,
    range: TimeRange,
    step_ns: u64,
    group: F,
    counts: HashMap<(u64, u64), u64>,
}

impl<F: Fn(u64, u64) -> u64 + Clone + Send + Sync + 'static> Collector for Counts<F> {
    /// Counts by group and start of the bucket.
    type Fruit = HashMap<(u64, u64), u64>;
    type Child = SegmentCounts<F>;

    fn for_segment(&self, _: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<SegmentCounts<F>> {
        let columns = reader.fast_fields();
        Ok(SegmentCounts {
            time: columns.u64("time")?,
            facets: columns.u64("facets")?,
            context: columns.u64("context")?,
            range: self.range,
            step_ns: self.step_ns,
            group: self.group.clone(),
            counts: HashMap::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, fruits: Vec<Self::Fruit>) -> tantivy::Result<Self::Fruit> {
        let mut sum = HashMap::new();
        for (key, count) in fruits.into_iter().flatten() {
            *sum.entry(key).or_default() += count;
        }
        Ok(sum)
    }
}

impl<F: Fn(u64, u64) -> u64 + Send + Sync + 'static> SegmentCollector for SegmentCounts<F> {
    type Fruit = HashMap<(u64, u64), u64>;

    fn collect(&mut self, doc: DocId, _: Score) {
        let Some(time) = self.time.first(doc) else { return };
        if self.range.contains(crate::time::UnixNanos(time)) {
            let facets = self.facets.first(doc).unwrap_or_default();
            let context = self.context.first(doc).unwrap_or_default();
            let key = ((self.group)(facets, context), time / self.step_ns * self.step_ns);
            *self.counts.entry(key).or_default() += 1;
        }
    }

    fn harvest(self) -> Self::Fruit {
        self.counts
    }
}
