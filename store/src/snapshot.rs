//! An immutable view of everything that was queryable at one moment, and the questions it answers.
//!
//! All of these block: call them on a blocking thread. They check their deadline as they go.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::error::ReadError;
use crate::filter::{Field, Filter, Place, visit_fields};
use crate::head::NewestOfHead;
use crate::id::{RecordId, TraceIdMatch};
use crate::partition::{NewestRecords, PartitionView, check};
use crate::record::{Flags, Record};
use crate::shared::State;
use crate::stop::Stop;
use crate::time::{TimeRange, UnixNanos};

/// A place in the order of answers: newest first, ties by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub time: UnixNanos,
    pub id: RecordId,
}

/// Which records a question is about.
#[derive(Debug, Clone)]
pub struct Scan {
    pub filter: Filter,
    pub range: TimeRange,
    /// Only what comes after this place, newest first.
    pub after: Option<Position>,
    pub deadline: Instant,
    /// Ends it before its deadline.
    pub stop: Stop,
}

/// The records of a trace in the order of their times, each once.
#[derive(Debug, Default)]
pub struct TraceRecords {
    pub records: Vec<Arc<Record>>,
    /// There are more than were asked for.
    pub truncated: bool,
}

/// How to count: buckets of `step_ns`, one of which begins at `origin_ns`, by the values of `by` (none: one series).
#[derive(Debug, Clone)]
pub struct Counting {
    pub step_ns: u64,
    /// 0: buckets begin at multiples of their length.
    pub origin_ns: u64,
    pub by: Vec<Field>,
    /// More groups than this is an error.
    pub groups_max: usize,
}

impl Counting {
    /// The start of the bucket of a time; of the first bucket, which may be shorter, 0.
    pub(crate) fn bucket(&self, time: u64) -> u64 {
        let begin = self.origin_ns % self.step_ns;
        time.checked_sub(begin).map_or(0, |since| since / self.step_ns * self.step_ns + begin)
    }
}

/// The counts of one group: `key` holds a value for each field of [`Counting::by`], `None` where records
/// have none; `points` are bucket starts and counts, ascending, without empty buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    pub key: Vec<Option<String>>,
    pub points: Vec<(UnixNanos, u64)>,
}

/// A field that some retained record has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldInfo {
    pub name: String,
    /// `Record`, `Resource`, `Scope`, `Event` or `Body`; never `Any`.
    pub place: Place,
    pub kind: ValueKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ValueKind {
    String = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    Bytes = 5,
    Map = 6,
}

impl ValueKind {
    pub const ALL: [ValueKind; 6] = [
        ValueKind::String,
        ValueKind::Int,
        ValueKind::Double,
        ValueKind::Bool,
        ValueKind::Bytes,
        ValueKind::Map,
    ];

    pub(crate) fn from_repr(number: u8) -> Option<ValueKind> {
        ValueKind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// Values of a field with the number of records that have each, most frequent first, ties by value.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Values {
    pub values: Vec<(String, u64)>,
    /// There are more values than were asked for, or more records than were looked at.
    pub truncated: bool,
}

/// What this store had and cannot answer for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub reason: GapReason,
    /// Event times of what is missing, as far as known.
    pub range: TimeRange,
    /// For people.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// A damaged partition was set aside.
    SetAside,
    /// Retention deleted it.
    Deleted,
}

impl Scan {
    /// Whether to go on; the clock is looked at now and then only.
    pub(crate) fn check(&self, looked_at: usize) -> Result<(), ReadError> {
        match self.stop.is_set() {
            true => Err(ReadError::Stopped),
            false => check(self.deadline, looked_at),
        }
    }
}

/// A view of the store as it was when [`Store::snapshot`](crate::Store::snapshot) was called.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) state: Arc<State>,
}

impl Snapshot {
    /// The records of a trace, up to `records_max`: of a larger one, the earliest that each part of the store
    /// gave.
    pub fn trace(
        &self,
        id: &TraceIdMatch,
        records_max: usize,
        deadline: Instant,
    ) -> Result<TraceRecords, ReadError> {
        let batches = self.state.head.batches();
        let mut records: Vec<Arc<Record>> = batches.flat_map(|batch| batch.trace(id)).collect();
        for view in &self.state.partitions {
            records.extend(view.trace(id, records_max, deadline)?.into_iter().map(Arc::new));
        }
        records.sort_by_key(|record| (record.time(), record.id));
        mark_duplicates(&mut records);
        let truncated = records.len() > records_max;
        records.truncate(records_max);
        Ok(TraceRecords { records, truncated })
    }

    /// Visits the matching records newest first, each once, until `visit` breaks.
    pub fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Arc<Record>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let mut merge = Merge::new(&self.state, scan)?;
        let mut last = None;
        while let Some(record) = merge.next_record()? {
            let place = (record.time(), record.id);
            if last != Some(place) && visit(record).is_break() {
                break;
            }
            last = Some(place);
        }
        Ok(())
    }

    /// Counts the matching records over time; `scan.after` does not apply. A span that was sent twice counts
    /// as often as it is kept.
    pub fn count(&self, scan: &Scan, counting: &Counting) -> Result<Vec<Series>, ReadError> {
        let counting = Counting { step_ns: counting.step_ns.max(1), ..counting.clone() };
        let mut groups: BTreeMap<Vec<Option<String>>, BTreeMap<u64, u64>> = BTreeMap::new();
        let mut add = |key, start, count| {
            *groups.entry(key).or_default().entry(start).or_default() += count;
            match groups.len() > counting.groups_max {
                true => Err(ReadError::TooManyGroups { max: counting.groups_max }),
                false => Ok(()),
            }
        };
        for record in self.matching_head(scan)? {
            let key = counting.by.iter().map(|field| record.first_value(field)).collect();
            add(key, counting.bucket(record.time().0), 1)?;
        }
        for view in &self.state.partitions {
            view.count(scan, &counting, &mut add)?;
        }
        let series = |(key, points): (_, BTreeMap<u64, u64>)| Series {
            key,
            points: points.into_iter().map(|(start, count)| (UnixNanos(start), count)).collect(),
        };
        Ok(groups.into_iter().map(series).collect())
    }

    fn matching_head(&self, scan: &Scan) -> Result<Vec<Arc<Record>>, ReadError> {
        let mut matching = Vec::new();
        self.state.head.each(scan, &mut |record| matching.push(record))?;
        Ok(matching)
    }

    /// The attributes that retained records have, sorted; up to `fields_max`.
    pub fn fields(&self, fields_max: usize, deadline: Instant) -> Result<Vec<FieldInfo>, ReadError> {
        let mut fields = BTreeSet::new();
        let mut add = |info: FieldInfo| {
            if fields.len() < fields_max {
                fields.insert(info);
            }
        };
        for (index, record) in self.state.head.records().enumerate() {
            check(deadline, index)?;
            visit_fields(&record, &mut add);
        }
        for view in &self.state.partitions {
            view.fields(deadline, &mut add)?;
        }
        Ok(fields.into_iter().collect())
    }

    /// Whether any retained record has the attribute; fields of Spandrel's own are always known.
    pub fn knows(&self, field: &Field) -> bool {
        let Field::Attribute { place, name } = field else { return true };
        let in_head = || self.state.head.records().any(|record| record.has_attribute(*place, name));
        self.state.partitions.iter().any(|view| view.knows(*place, name)) || in_head()
    }

    /// The values of a field among the matching records.
    pub fn values(&self, field: &Field, scan: &Scan, values_max: usize) -> Result<Values, ReadError> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut add = |value: &str, count: u64| match counts.get_mut(value) {
            Some(sum) => *sum += count,
            None => drop(counts.insert(value.to_owned(), count)),
        };
        for record in self.matching_head(scan)? {
            record.visit_distinct_values(field, &mut |value| add(value, 1));
        }
        for view in &self.state.partitions {
            view.values(field, scan, &mut add)?;
        }
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        let truncated = values.len() > values_max;
        values.truncate(values_max);
        Ok(Values { values, truncated })
    }

    /// The least and the greatest event time held; `None` while nothing is.
    pub fn extent(&self) -> Option<(UnixNanos, UnixNanos)> {
        let commits =
            self.state.partitions.iter().map(|view| &view.commit).filter(|commit| commit.records() > 0);
        let of_partitions = commits.map(|commit| (UnixNanos(commit.least), UnixNanos(commit.greatest)));
        let both = of_partitions.chain(self.state.head.extent());
        both.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// How many spans and logs are held; a span sent twice may count twice.
    pub fn record_count(&self) -> u64 {
        let of_partitions: u64 = self.state.partitions.iter().map(|view| view.commit.records()).sum();
        of_partitions + self.state.head.len() as u64
    }

    /// What was here and cannot be answered for.
    pub fn gaps(&self) -> Vec<Gap> {
        let damaged = self.state.partitions.iter().filter_map(|view| view.gap());
        self.state.gaps.iter().cloned().chain(damaged).collect()
    }
}

/// Of records with the same id, the first to arrive stays and is flagged.
fn mark_duplicates(records: &mut Vec<Arc<Record>>) {
    let mut first: HashMap<RecordId, usize> = HashMap::with_capacity(records.len());
    let mut kept: Vec<Arc<Record>> = Vec::with_capacity(records.len());
    for record in records.drain(..) {
        match first.entry(record.id) {
            Entry::Vacant(entry) => {
                entry.insert(kept.len());
                kept.push(record);
            }
            Entry::Occupied(entry) => {
                let earlier = Arc::make_mut(&mut kept[*entry.get()]);
                earlier.flags.insert(Flags::DUPLICATE);
            }
        }
    }
    *records = kept;
}

/// The matching records of the head and all partitions, newest first. A partition is not looked at before
/// everything newer than its newest record has been given.
struct Merge<'a> {
    scan: &'a Scan,
    head: NewestOfHead<'a>,
    unopened: Vec<&'a Arc<PartitionView>>,
    open: BinaryHeap<Candidate>,
    sources: Vec<NewestRecords<'a>>,
}

/// The next record of an open partition.
struct Candidate {
    record: Arc<Record>,
    source: usize,
}

impl<'a> Merge<'a> {
    fn new(state: &'a State, scan: &'a Scan) -> Result<Merge<'a>, ReadError> {
        let mut unopened: Vec<_> =
            state.partitions.iter().filter(|view| view.overlaps(&scan.range)).collect();
        unopened.sort_by_key(|view| view.commit.greatest);
        let head = state.head.newest(scan)?;
        Ok(Merge { scan, head, unopened, open: BinaryHeap::new(), sources: Vec::new() })
    }

    fn next_record(&mut self) -> Result<Option<Arc<Record>>, ReadError> {
        let of_head = self.head.peek()?.map(|record| (record.time(), record.id));
        loop {
            let best = self.open.peek().map(Candidate::key).max(of_head);
            let Some(view) = self
                .unopened
                .last()
                .filter(|view| best.is_none_or(|(time, _)| view.commit.greatest >= time.0))
            else {
                break;
            };
            let source = self.sources.len();
            self.sources.push(view.newest(self.scan));
            self.unopened.pop();
            self.advance(source)?;
        }
        let of_partitions = self.open.peek().map(Candidate::key);
        if of_head >= of_partitions {
            return Ok(self.head.pop());
        }
        let Some(Candidate { record, source }) = self.open.pop() else { return Ok(None) };
        self.advance(source)?;
        Ok(Some(record))
    }

    fn advance(&mut self, source: usize) -> Result<(), ReadError> {
        if let Some(record) = self.sources[source].next_record()? {
            self.open.push(Candidate { record: Arc::new(record), source });
        }
        Ok(())
    }
}

impl Candidate {
    fn key(&self) -> (UnixNanos, RecordId) {
        (self.record.time(), self.record.id)
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Candidate) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Candidate) -> Ordering {
        self.key().cmp(&other.key())
    }
}
