//! An immutable view of everything that was queryable at one moment, and the questions it answers.
//!
//! All of these block: call them on a blocking thread. They check their deadline as they go.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::error::ReadError;
use crate::filter::{Field, Filter, Place};
use crate::id::{RecordId, TraceIdMatch};
use crate::record::Record;
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
}

/// The records of a trace in the order of their times, each once.
#[derive(Debug, Default)]
pub struct TraceRecords {
    pub records: Vec<Arc<Record>>,
    /// There are more than were asked for.
    pub truncated: bool,
}

/// How to count: buckets of `step_ns`, aligned to multiples of it, by the values of `by` (none: one series).
#[derive(Debug, Clone)]
pub struct Counting {
    pub step_ns: u64,
    pub by: Vec<Field>,
    /// More groups than this is an error.
    pub groups_max: usize,
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

/// A view of the store as it was when [`Store::snapshot`](crate::Store::snapshot) was called.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) records: Arc<Vec<Arc<Record>>>,
}

impl Snapshot {
    /// The records of a trace, up to `records_max`.
    pub fn trace(
        &self,
        id: &TraceIdMatch,
        records_max: usize,
        deadline: Instant,
    ) -> Result<TraceRecords, ReadError> {
        let filter = Filter::is(Field::TraceId, crate::filter::Test::TraceId(id.clone()));
        let mut found = TraceRecords::default();
        self.scan(&Scan { filter, range: TimeRange::ALL, after: None, deadline }, &mut |record| {
            if found.records.len() == records_max {
                found.truncated = true;
                return ControlFlow::Break(());
            }
            found.records.push(record);
            ControlFlow::Continue(())
        })?;
        found.records.reverse();
        Ok(found)
    }

    /// Visits the matching records newest first, each once, until `visit` breaks.
    pub fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Arc<Record>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let mut found: Vec<&Arc<Record>> = Vec::new();
        for record in self.records.iter() {
            if Instant::now() > scan.deadline {
                return Err(ReadError::Deadline);
            }
            let after = scan.after.is_none_or(|after| (record.time(), record.id) < (after.time, after.id));
            if after && scan.range.contains(record.time()) && scan.filter.matches(record) {
                found.push(record);
            }
        }
        found.sort_by_key(|record| std::cmp::Reverse((record.time(), record.id)));
        found.dedup_by_key(|record| record.id);
        for record in found {
            if visit(record.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Counts the matching records over time; `scan.after` does not apply.
    pub fn count(&self, scan: &Scan, counting: &Counting) -> Result<Vec<Series>, ReadError> {
        let mut groups: BTreeMap<Vec<Option<String>>, BTreeMap<u64, u64>> = BTreeMap::new();
        let mut too_many = false;
        self.scan(scan, &mut |record| {
            let key: Vec<Option<String>> =
                counting.by.iter().map(|field| record.first_value(field)).collect();
            let step = counting.step_ns.max(1);
            *groups.entry(key).or_default().entry(record.time().0 / step * step).or_default() += 1;
            too_many = groups.len() > counting.groups_max;
            if too_many { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if too_many {
            return Err(ReadError::TooManyGroups { max: counting.groups_max });
        }
        let series = |(key, points): (_, BTreeMap<u64, u64>)| Series {
            key,
            points: points.into_iter().map(|(start, count)| (UnixNanos(start), count)).collect(),
        };
        Ok(groups.into_iter().map(series).collect())
    }

    /// The attributes that retained records have, sorted; up to `fields_max`.
    pub fn fields(&self, fields_max: usize, deadline: Instant) -> Result<Vec<FieldInfo>, ReadError> {
        let mut fields = std::collections::BTreeSet::new();
        for record in self.records.iter() {
            if Instant::now() > deadline {
                return Err(ReadError::Deadline);
            }
            crate::filter::visit_fields(record, &mut |info| {
                if fields.len() < fields_max {
                    fields.insert(info);
                }
            });
        }
        Ok(fields.into_iter().collect())
    }

    /// Whether any retained record has the field.
    pub fn knows(&self, field: &Field) -> bool {
        self.records.iter().any(|record| record.first_value(field).is_some())
    }

    /// The values of a field among the matching records.
    pub fn values(&self, field: &Field, scan: &Scan, values_max: usize) -> Result<Values, ReadError> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        self.scan(scan, &mut |record| {
            record.visit_values(field, &mut |value| *counts.entry(value.to_owned()).or_default() += 1);
            ControlFlow::Continue(())
        })?;
        let mut values: Vec<(String, u64)> = counts.into_iter().collect();
        values.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        let truncated = values.len() > values_max;
        values.truncate(values_max);
        Ok(Values { values, truncated })
    }

    /// The least and the greatest event time held; `None` while nothing is.
    pub fn extent(&self) -> Option<(UnixNanos, UnixNanos)> {
        let times = || self.records.iter().map(|record| record.time());
        Some((times().min()?, times().max()?))
    }

    /// How many spans and logs are held; a span sent twice may count twice.
    pub fn record_count(&self) -> u64 {
        self.records.len() as u64
    }

    /// What was here and cannot be answered for.
    pub fn gaps(&self) -> Vec<Gap> {
        Vec::new()
    }
}
