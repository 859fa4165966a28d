//! What a partition had committed at one moment, and the questions it answers.
//!
//! A partition that cannot be read is damaged: it says so once in the log, answers nothing from then on, and
//! is a gap in every answer. It never makes a question fail for the others.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tantivy::query::{EnableScoring, Query};
use tantivy::store::StoreReader;
use tantivy::{DocAddress, DocSet as _, Searcher, TERMINATED, TantivyError, Term};

use super::block::Block;
use super::dictionary::visit_terms;
use super::document::{catalog_term, read_catalog_term};
use super::prefilter::Compiler;
use super::schema::Fields;
use super::select::{Rows, Selector};
use super::stored::stored_bytes;
use super::values::{Tally, Values, are_in_columns};
use super::{Commit, Hasher};
use crate::error::ReadError;
use crate::filter::{Field, Filter, Place};
use crate::id::TraceIdMatch;
use crate::record::Record;
use crate::snapshot::{Counting, FieldInfo, Gap, GapReason, Scan, ValueKind};
use crate::stored::{Context, Undecodable};
use crate::time::{TimeRange, UnixNanos};

/// Records between two looks at the clock.
const DEADLINE_EVERY: usize = 256;

pub(crate) struct PartitionView {
    pub number: u64,
    pub commit: Commit,
    pub(super) fields: Fields,
    pub(super) searcher: Searcher,
    /// The stored documents, by segment.
    pub(super) stores: Vec<StoreReader>,
    pub(super) contexts: Arc<[Arc<Context>]>,
    pub(super) identity: u64,
    /// Shared by all views of the partition.
    pub(super) damaged: Arc<AtomicBool>,
}

/// A block that may have matching records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Candidate {
    pub greatest: u64,
    pub address: DocAddress,
}

impl std::fmt::Debug for PartitionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartitionView({}, {:?})", self.number, self.commit)
    }
}

/// Whether a block could be read at all, and whether to go on.
type Visited = tantivy::Result<Result<(), ReadError>>;

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
    pub(super) fn read<T>(&self, what: impl FnOnce() -> tantivy::Result<T>) -> Option<T> {
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

    pub(super) fn query(&self, filter: &Filter) -> Box<dyn Query> {
        Compiler { fields: &self.fields, contexts: &self.contexts }.compile(filter)
    }

    fn selector(&self) -> Selector<'_> {
        Selector { contexts: &self.contexts, store: self.identity }
    }

    pub(super) fn block(&self, address: DocAddress) -> tantivy::Result<Block> {
        let store = &self.stores[address.segment_ord as usize];
        Ok(Block::read(stored_bytes(store, address.doc_id, &self.fields)?)?)
    }

    pub(super) fn select(&self, block: &Block, scan: &Scan) -> tantivy::Result<Rows> {
        Ok(self.selector().select(block, &scan.filter, &scan.range)?)
    }

    pub(super) fn record(&self, block: &Block, row: usize) -> tantivy::Result<Record> {
        let context = self.selector().context(block.origin(row))?.clone();
        Ok(block.record(row, &context, self.identity)?)
    }

    /// Visits the documents that a query finds, until `visit` says no.
    fn each_document(
        &self,
        query: &dyn Query,
        visit: &mut dyn FnMut(DocAddress) -> tantivy::Result<bool>,
    ) -> tantivy::Result<()> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        for (segment, reader) in (0..).zip(self.searcher.segment_readers()) {
            let mut documents = weight.scorer(reader, 1.0)?;
            while documents.doc() != TERMINATED {
                if !visit(DocAddress::new(segment, documents.doc()))? {
                    return Ok(());
                }
                documents.advance();
            }
        }
        Ok(())
    }

    /// The blocks that may have records which match, those with the newest last.
    pub(super) fn candidates(&self, scan: &Scan) -> tantivy::Result<Vec<Candidate>> {
        let query = self.query(&scan.filter);
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        let mut found = Vec::new();
        for (segment, reader) in (0..).zip(self.searcher.segment_readers()) {
            let columns = reader.fast_fields();
            let (least, greatest) = (columns.u64("least")?, columns.u64("greatest")?);
            let mut documents = weight.scorer(reader, 1.0)?;
            while documents.doc() != TERMINATED {
                let document = documents.doc();
                documents.advance();
                // A context's document has no times.
                let times = least.first(document).zip(greatest.first(document));
                let Some((least, greatest)) = times else { continue };
                if scan.range.overlaps(UnixNanos(least), UnixNanos(greatest)) {
                    found.push(Candidate { greatest, address: DocAddress::new(segment, document) });
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The records of a trace, in the order they are stored; `records_max` and one at most.
    pub fn trace(
        &self,
        id: &TraceIdMatch,
        records_max: usize,
        deadline: Instant,
    ) -> Result<Vec<Record>, ReadError> {
        let query = Compiler { fields: &self.fields, contexts: &self.contexts }.trace(id);
        let (mut records, mut in_time) = (Vec::new(), Ok(()));
        self.read(|| {
            self.each_document(&*query, &mut |address| {
                in_time = check(deadline, 0);
                let block = self.block(address)?;
                for row in block.rows_of(id) {
                    if records.len() > records_max {
                        return Ok(false);
                    }
                    records.push(self.record(&block, row)?);
                }
                Ok(in_time.is_ok())
            })
        });
        in_time.map(|()| records)
    }

    /// Visits the blocks with matching records, and which they are, in no order, until a visit gives up.
    fn each_block(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(&Block, Rows) -> Visited,
    ) -> Result<(), ReadError> {
        let mut outcome = Ok(());
        self.read(|| {
            for candidate in self.candidates(scan)? {
                outcome = scan.check(0);
                if outcome.is_ok() {
                    let block = self.block(candidate.address)?;
                    let rows = self.select(&block, scan)?;
                    if !rows.is_empty() {
                        outcome = visit(&block, rows)?;
                    }
                }
                if outcome.is_err() {
                    break;
                }
            }
            Ok(())
        });
        outcome
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
        let in_columns = counting.by.iter().all(are_in_columns);
        self.each_block(scan, &mut |block, rows| {
            if !in_columns {
                for row in rows.iter() {
                    let record = self.record(block, row)?;
                    let key = counting.by.iter().map(|field| record.first_value(field)).collect();
                    let added = add(key, counting.bucket(block.rows[row].time), 1);
                    if added.is_err() {
                        return Ok(added);
                    }
                }
                return Ok(Ok(()));
            }
            let columns = self.columns(block, &counting.by)?;
            let mut counts: HashMap<(Vec<Option<u32>>, u64), u64, _> =
                HashMap::with_hasher(Hasher::default());
            for row in rows.iter() {
                let first = |values: &Values| Ok(values.of_row(block, row)?.next());
                let key = columns.iter().map(first).collect::<Result<_, Undecodable>>()?;
                *counts.entry((key, counting.bucket(block.rows[row].time))).or_default() += 1;
            }
            for ((numbers, start), count) in counts {
                let value = |(values, number): (&Values, Option<u32>)| Some(values.value(number?).to_owned());
                let added = add(columns.iter().zip(numbers).map(value).collect(), start, count);
                if added.is_err() {
                    return Ok(added);
                }
            }
            Ok(Ok(()))
        })
    }

    fn columns(&self, block: &Block, fields: &[Field]) -> Result<Vec<Values>, Undecodable> {
        fields.iter().map(|field| Values::of(block, &self.selector(), field)).collect()
    }

    /// Adds the attributes there are, some of them several times.
    pub fn fields(&self, deadline: Instant, add: &mut dyn FnMut(FieldInfo)) -> Result<(), ReadError> {
        let mut in_time = Ok(());
        self.read(|| {
            for reader in self.searcher.segment_readers() {
                let index = reader.inverted_index(self.fields.catalog)?;
                let mut visited = 0;
                visit_terms(&index, b"", &mut |term, _| {
                    if in_time.is_ok() {
                        in_time = check(deadline, visited);
                        visited += 1;
                        if let Some(info) = std::str::from_utf8(term).ok().and_then(read_catalog_term) {
                            add(info);
                        }
                    }
                    Ok(())
                })?;
            }
            Ok(())
        });
        in_time
    }

    /// Whether any record has the attribute.
    pub fn knows(&self, place: Place, name: &str) -> bool {
        let places = Place::CONCRETE.into_iter().filter(|of| place == Place::Any || *of == place);
        let terms =
            places.flat_map(|of| ValueKind::ALL.into_iter().map(move |kind| catalog_term(of, kind, name)));
        let known = |term: String| {
            self.searcher.doc_freq(&Term::from_field_bytes(self.fields.catalog, term.as_bytes()))
        };
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
        self.each_block(scan, &mut |block, rows| {
            if !are_in_columns(field) {
                for row in rows.iter() {
                    self.record(block, row)?.visit_distinct_values(field, &mut |value| add(value, 1));
                }
                return Ok(Ok(()));
            }
            let values = Values::of(block, &self.selector(), field)?;
            let mut tally = Tally::of(&values);
            for row in rows.iter() {
                tally.add(row, values.of_row(block, row)?);
            }
            tally.counts().for_each(|(number, count)| add(values.value(number), count));
            Ok(Ok(()))
        })
    }
}

impl From<Undecodable> for TantivyError {
    fn from(error: Undecodable) -> TantivyError {
        TantivyError::InternalError(error.to_string())
    }
}

/// Fails when the deadline has passed; looks at the clock now and then only.
pub(crate) fn check(deadline: Instant, index: usize) -> Result<(), ReadError> {
    match index.is_multiple_of(DEADLINE_EVERY) && Instant::now() > deadline {
        true => Err(ReadError::Deadline),
        false => Ok(()),
    }
}
