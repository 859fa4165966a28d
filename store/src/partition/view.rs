//! What a partition had committed at one moment, and the questions it answers.
//!
//! A partition that cannot be read is damaged: it says so once in the log, answers nothing from then on, and
//! is a gap in every answer. It never makes a question fail for the others.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use prost::Message as _;
use tantivy::query::EnableScoring;
use tantivy::schema::Value as _;
use tantivy::{DocAddress, DocSet as _, Searcher, TERMINATED, TantivyDocument, Term};

use super::Commit;
use super::collect::{Counts, Hit, Newest};
use super::dictionary::visit_terms;
use super::document::{catalog_term, read_catalog_term};
use super::prefilter::{Compiler, Prefilter, was_cut};
use super::schema::{Facets, Fields, Key, text_term};
use crate::error::ReadError;
use crate::filter::{Field, Filter, Place, Test};
use crate::id::TraceIdMatch;
use crate::record::Record;
use crate::snapshot::{Counting, FieldInfo, Gap, GapReason, Scan, ValueKind};
use crate::stored::{Context, StoredRecord, restore};
use crate::time::{TimeRange, UnixNanos};

/// Records between two looks at the clock.
const DEADLINE_EVERY: usize = 256;

pub(crate) struct PartitionView {
    pub number: u64,
    pub commit: Commit,
    pub(super) fields: Fields,
    pub(super) searcher: Searcher,
    pub(super) contexts: Arc<[Arc<Context>]>,
    pub(super) identity: u64,
    /// Shared by all views of the partition.
    pub(super) damaged: Arc<AtomicBool>,
}

/// Counts of values, or `None` where only reading the records can tell.
type Counted = Option<HashMap<String, u64>>;

impl std::fmt::Debug for PartitionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartitionView({}, {:?})", self.number, self.commit)
    }
}

impl PartitionView {
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// The gap that this partition is, if it is damaged.
    pub fn gap(&self) -> Option<Gap> {
        self.is_damaged().then(|| Gap {
            reason: GapReason::SetAside,
            range: self.commit.range(),
            detail: format!("partition {} cannot be read", self.number),
        })
    }

    pub fn overlaps(&self, range: &TimeRange) -> bool {
        self.commit.records() > 0
            && range.overlaps(UnixNanos(self.commit.least), UnixNanos(self.commit.greatest))
    }

    /// Runs a read; where it fails or panics on damaged bytes, the partition is damaged from now on.
    fn read<T>(&self, what: impl FnOnce() -> tantivy::Result<T>) -> Option<T> {
        if self.is_damaged() {
            return None;
        }
        let reason = match catch_unwind(AssertUnwindSafe(what)) {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the index is inconsistent".to_owned(),
        };
        if !self.damaged.swap(true, Ordering::Relaxed) {
            tracing::error!(
                partition = self.number,
                reason,
                "a partition cannot be read; answers go on without it"
            );
        }
        None
    }

    fn compiler(&self) -> Compiler<'_> {
        Compiler { fields: &self.fields, contexts: &self.contexts }
    }

    fn decode(&self, address: DocAddress) -> tantivy::Result<Record> {
        let document: TantivyDocument = self.searcher.doc(address)?;
        let damaged = |what: String| tantivy::TantivyError::InternalError(what);
        let bytes = document.get_first(self.fields.stored).and_then(|value| value.as_bytes());
        let bytes = bytes.ok_or_else(|| damaged("a record is missing".to_owned()))?;
        let stored = StoredRecord::decode(bytes).map_err(|error| damaged(error.to_string()))?;
        let context = self
            .contexts
            .get(stored.context as usize)
            .ok_or_else(|| damaged("no such context".to_owned()))?;
        restore(stored, context, self.identity).map_err(|error| damaged(error.to_string()))
    }

    /// The records of a trace, in the order they are stored; `records_max` and one at most.
    pub fn trace(
        &self,
        id: &TraceIdMatch,
        records_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Record>, ReadError> {
        let query = self.compiler().trace(id);
        let collector = Newest { range: TimeRange::ALL, latest: u64::MAX, hits_max: records_max + 1 };
        let mut hits = self.read(|| Ok(self.searcher.search(&query, &collector)?.0)).unwrap_or_default();
        hits.sort_unstable_by_key(|hit| hit.1);
        let mut records = Vec::with_capacity(hits.len());
        for (index, (_, address)) in hits.into_iter().enumerate() {
            check(deadline, index)?;
            let Some(record) = self.read(|| self.decode(address)) else { break };
            if record.trace_id().is_some_and(|found| id.matches(found)) {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// The matching records newest first, ties by id.
    pub fn newest<'a>(&'a self, scan: &'a Scan) -> NewestRecords<'a> {
        NewestRecords {
            view: self,
            scan,
            prefilter: self.compiler().compile(&scan.filter),
            latest: scan.after.map_or(u64::MAX, |after| after.time.0),
            hits_max: 256,
            hits: Vec::new(),
            ready: Vec::new(),
            ended: !self.overlaps(&scan.range),
        }
    }

    /// Visits all matching records, in no order.
    fn each(&self, scan: &Scan, visit: &mut dyn FnMut(&Record)) -> Result<(), ReadError> {
        let mut in_time = Ok(());
        self.read(|| self.try_each(scan, visit, &mut in_time));
        in_time
    }

    fn try_each(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&Record),
        in_time: &mut Result<(), ReadError>,
    ) -> tantivy::Result<()> {
        let prefilter = self.compiler().compile(&scan.filter);
        let weight = prefilter.query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        let mut read = 0;
        for (segment, reader) in (0..).zip(self.searcher.segment_readers()) {
            let time = reader.fast_fields().u64("time")?;
            let mut documents = weight.scorer(reader, 1.0)?;
            while documents.doc() != TERMINATED {
                let document = documents.doc();
                documents.advance();
                if !time.first(document).is_some_and(|time| scan.range.contains(UnixNanos(time))) {
                    continue;
                }
                let record = self.decode(DocAddress::new(segment, document))?;
                if prefilter.exact || scan.filter.matches(&record) {
                    visit(&record);
                }
                *in_time = check(scan.deadline, read);
                if in_time.is_err() {
                    return Ok(());
                }
                read += 1;
            }
        }
        Ok(())
    }

    /// Adds the counts of the matching records by group and bucket.
    pub fn count(
        &self,
        scan: &Scan,
        counting: &Counting,
        add: &mut dyn FnMut(Vec<Option<String>>, u64, u64) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if !self.overlaps(&scan.range) {
            return Ok(());
        }
        let prefilter = self.compiler().compile(&scan.filter);
        let columns = counting.by.iter().all(|field| {
            matches!(field, Field::Service | Field::Level | Field::Type | Field::SpanKind | Field::Status)
        });
        if prefilter.exact && columns {
            return self.count_columns(scan, counting, &prefilter, add);
        }
        let mut outcome = Ok(());
        self.each(scan, &mut |record| {
            let key = counting.by.iter().map(|field| record.first_value(field)).collect();
            let start = record.time().0 / counting.step_ns * counting.step_ns;
            if outcome.is_ok() {
                outcome = add(key, start, 1);
            }
        })?;
        outcome
    }

    fn count_columns(
        &self,
        scan: &Scan,
        counting: &Counting,
        prefilter: &Prefilter,
        add: &mut dyn FnMut(Vec<Option<String>>, u64, u64) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let by_service = counting.by.contains(&Field::Service);
        let by_facets = counting.by.iter().any(|field| *field != Field::Service);
        let group = move |facets: u64, context: u64| {
            (if by_facets { facets } else { 0 }) | (if by_service { context << 16 } else { 0 })
        };
        let collector = Counts { range: scan.range, step_ns: counting.step_ns, group };
        let counts = self.read(|| self.searcher.search(&*prefilter.query, &collector)).unwrap_or_default();
        for ((group, start), count) in counts {
            let facets = Facets::unpack(group & 0xffff);
            let key = counting.by.iter().map(|field| self.column_value(field, facets, group >> 16)).collect();
            add(key, start, count)?;
        }
        Ok(())
    }

    fn column_value(&self, field: &Field, facets: Facets, context: u64) -> Option<String> {
        let (record_type, kind, status) = facets.names();
        match field {
            Field::Service => {
                let service = self.contexts.get(context as usize)?.resource.service();
                (!service.is_empty()).then(|| service.to_owned())
            }
            Field::Level => Some(facets.level?.as_str().to_owned()),
            Field::Type => Some(record_type.to_owned()),
            Field::SpanKind => facets.is_span.then(|| kind.to_owned()),
            Field::Status => facets.is_span.then(|| status.to_owned()),
            _ => None,
        }
    }

    /// The attributes there are.
    pub fn fields(&self, fields_max: usize, add: &mut dyn FnMut(FieldInfo)) {
        let mut left = fields_max;
        self.read(|| {
            for reader in self.searcher.segment_readers() {
                let index = reader.inverted_index(self.fields.catalog)?;
                visit_terms(&index, "", &mut |term, _| {
                    if let Some(info) = read_catalog_term(term).filter(|_| left > 0) {
                        left -= 1;
                        add(info);
                    }
                    Ok(())
                })?;
            }
            Ok(())
        });
    }

    /// Whether any record has the attribute.
    pub fn knows(&self, place: Place, name: &str) -> bool {
        let places = Place::CONCRETE.into_iter().filter(|of| place == Place::Any || *of == place);
        let terms =
            places.flat_map(|of| ValueKind::ALL.into_iter().map(move |kind| catalog_term(of, kind, name)));
        let known = |term: String| self.searcher.doc_freq(&text_term(self.fields.catalog, &term));
        self.read(|| {
            for term in terms {
                if known(term)? > 0 {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .unwrap_or(false)
    }

    /// Adds the values of a field among the matching records, each value once a record.
    pub fn values(
        &self,
        field: &Field,
        scan: &Scan,
        add: &mut dyn FnMut(&str, u64),
    ) -> Result<(), ReadError> {
        if !self.overlaps(&scan.range) {
            return Ok(());
        }
        // Asking for records that have the field at all changes nothing about its values.
        let any_value = Filter::is(field.clone(), Test::Exists);
        let all = (scan.filter == Filter::All || scan.filter == any_value) && self.commit.within(&scan.range);
        let counted = if all { self.read(|| self.values_of_all(field)).flatten() } else { None };
        match counted {
            Some(counts) => counts.iter().for_each(|(value, count)| add(value, *count)),
            None => self
                .each(scan, &mut |record| record.visit_distinct_values(field, &mut |value| add(value, 1)))?,
        }
        Ok(())
    }

    /// The values of a field over the whole partition, from the index alone.
    fn values_of_all(&self, field: &Field) -> tantivy::Result<Counted> {
        match field {
            Field::Service => {
                self.values_of_contexts(|context| Some(context.resource.service().to_owned())).map(Some)
            }
            Field::Level | Field::Type | Field::SpanKind | Field::Status => {
                self.values_of_facets(field).map(Some)
            }
            Field::Name => self.values_of_terms(Key::Name),
            Field::EventName => self.values_of_terms(Key::EventName),
            Field::SeverityText => self.values_of_terms(Key::SeverityText),
            _ => Ok(None),
        }
    }

    fn values_of_contexts(
        &self,
        value: impl Fn(&Context) -> Option<String>,
    ) -> tantivy::Result<HashMap<String, u64>> {
        let mut counts = HashMap::new();
        for (number, context) in (0..).zip(self.contexts.iter()) {
            let records = self.searcher.doc_freq(&Term::from_field_u64(self.fields.context, number))?;
            if let Some(value) = value(context).filter(|value| !value.is_empty() && records > 0) {
                *counts.entry(value).or_default() += records;
            }
        }
        Ok(counts)
    }

    fn values_of_facets(&self, field: &Field) -> tantivy::Result<HashMap<String, u64>> {
        let mut counts = HashMap::new();
        for packed in 0..1 << 9 {
            let records = self.searcher.doc_freq(&Term::from_field_u64(self.fields.facets, packed))?;
            if let Some(value) = self.column_value(field, Facets::unpack(packed), 0).filter(|_| records > 0) {
                *counts.entry(value).or_default() += records;
            }
        }
        Ok(counts)
    }

    fn values_of_terms(&self, key: Key<'_>) -> tantivy::Result<Counted> {
        let (mut counts, mut cut) = (HashMap::new(), false);
        let prefix = key.prefix();
        for reader in self.searcher.segment_readers() {
            let index = reader.inverted_index(self.fields.terms)?;
            visit_terms(&index, &prefix, &mut |term, info| {
                let value = &term[prefix.len()..];
                cut |= was_cut(value);
                *counts.entry(value.to_owned()).or_default() += u64::from(info.doc_freq);
                Ok(())
            })?;
        }
        Ok((!cut).then_some(counts))
    }
}

/// Fails when the deadline has passed; looks at the clock now and then only.
pub(crate) fn check(deadline: Instant, index: usize) -> Result<(), ReadError> {
    match index.is_multiple_of(DEADLINE_EVERY) && Instant::now() > deadline {
        true => Err(ReadError::Deadline),
        false => Ok(()),
    }
}

/// Matching records, newest first. Fetches the places of some at a time, then reads them one by one.
pub(crate) struct NewestRecords<'a> {
    view: &'a PartitionView,
    scan: &'a Scan,
    prefilter: Prefilter,
    /// Everything newer has been fetched.
    latest: u64,
    hits_max: usize,
    /// Oldest first, so that the newest is popped.
    hits: Vec<Hit>,
    /// Records of one time, in ascending order.
    ready: Vec<Record>,
    ended: bool,
}

impl NewestRecords<'_> {
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        let mut read = 0;
        loop {
            if let Some(record) = self.ready.pop() {
                return Ok(Some(record));
            }
            match self.hits.last().map(|hit| hit.0) {
                Some(time) => read += self.read_group(time),
                None if self.ended => return Ok(None),
                None => self.fetch(),
            }
            check(self.scan.deadline, read / DEADLINE_EVERY * DEADLINE_EVERY)?;
        }
    }

    /// Reads all hits of one time, so that they can be put in the order of their ids.
    fn read_group(&mut self, time: u64) -> usize {
        let from = self.hits.partition_point(|hit| hit.0 < time);
        let group = self.hits.split_off(from);
        let scan = self.scan;
        for (_, address) in &group {
            let Some(record) = self.view.read(|| self.view.decode(*address)) else { continue };
            let after = scan.after.is_none_or(|after| (record.time(), record.id) < (after.time, after.id));
            if after && (self.prefilter.exact || scan.filter.matches(&record)) {
                self.ready.push(record);
            }
        }
        self.ready.sort_unstable_by_key(|record| record.id);
        group.len()
    }

    fn fetch(&mut self) {
        let collector = Newest { range: self.scan.range, latest: self.latest, hits_max: self.hits_max };
        let found = self.view.read(|| self.view.searcher.search(&*self.prefilter.query, &collector));
        let (mut hits, more) = found.unwrap_or_default();
        hits.sort_unstable();
        if more && let Some(oldest) = hits.first().map(|hit| hit.0) {
            // Of the oldest time there may be more: they come with the next fetch, all together.
            hits.drain(..hits.partition_point(|hit| hit.0 == oldest));
            self.latest = oldest;
        }
        self.ended = !more;
        self.hits = hits;
        self.hits_max = self.hits_max.saturating_mul(4).min(1 << 22);
        if self.hits.is_empty() && !self.ended && self.hits_max == 1 << 22 {
            // Millions of records of the very same nanosecond: give them in the order they are found.
            self.hits_max = usize::MAX;
        }
    }
}
