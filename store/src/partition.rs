//! Records that arrived together: one tantivy index in one folder.
//!
//! A [`PartitionWriter`] fills the newest partition and commits it now and then; each commit gives a
//! [`PartitionView`], immutable, that snapshots read. The commit's payload says up to which journal frame
//! everything is in, so that the two never disagree: after a crash the frames behind it are indexed again,
//! and what tantivy had not committed is gone.
//!
//! tantivy runs one indexing thread and one merging thread; documents are handed to it by one thread of
//! ours, see `indexer.rs`.

mod block;
mod dictionary;
mod document;
mod lacking;
mod newest;
mod prefilter;
mod queued;
mod schema;
mod select;
mod services;
mod spans;
mod stored;
pub(crate) mod upgrade;
mod values;
mod view;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::IndexRecordOption;
use tantivy::store::StoreReader;
use tantivy::{DocAddress, DocSet as _, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TERMINATED};

use crate::disk::{Disk, IndexFolder};
use crate::head::HeadBatch;
use crate::stored::Context;
use crate::time::{TimeRange, UnixNanos};

use block::BlockWriter;
use document::DocumentWriter;
use queued::Queued;
use schema::Fields;
use stored::stored_bytes;

pub(crate) use newest::NewestRecords;
pub(crate) use view::{PartitionView, check};

/// tantivy's least; a segment is written when it is full, or at a commit.
const ARENA_BYTES: usize = 15_000_000;
/// Segments of up to so many blocks are merged with one another, see tantivy's `LogMergePolicy`.
const MERGE_LAYER_BLOCKS: u32 = 512;
/// So many of about the same size are merged at once: a record is merged seldom, and a question looks into few.
const MERGE_SEGMENTS: usize = 16;
/// The name of a partition's folder while it is made.
const UNBORN: &str = "new";
/// And while it is removed.
const DOOMED: &str = "old";
/// What a segment's reader keeps of what it has read. tantivy does not compress documents, so that keeping them would
/// save a copy only, and take memory in every segment.
const STORE_CACHE_BLOCKS: usize = 0;

/// What a partition's committed records amount to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    /// The last journal frame that is in this partition or an older one.
    pub sequence: u64,
    pub least: u64,
    pub greatest: u64,
    pub spans: u64,
    pub logs: u64,
    /// How long the store had run by then, see `history.rs`.
    pub running_ms: u64,
    /// And by the partition's first commit; where an older version did not note it, by its last.
    #[serde(default)]
    pub begun_ms: Option<u64>,
}

impl Commit {
    fn empty(sequence: u64) -> Commit {
        Commit { sequence, least: u64::MAX, greatest: 0, spans: 0, logs: 0, running_ms: 0, begun_ms: None }
    }

    pub fn records(&self) -> u64 {
        self.spans + self.logs
    }

    /// The event times held; everything where none are known.
    pub fn range(&self) -> TimeRange {
        if self.records() == 0 {
            return TimeRange::ALL;
        }
        TimeRange { start: UnixNanos(self.least), end: UnixNanos(self.greatest.saturating_add(1)) }
    }

    fn add(&mut self, batch: &HeadBatch) {
        self.sequence = batch.sequence;
        for entry in batch.entries() {
            (self.least, self.greatest) = (self.least.min(entry.time), self.greatest.max(entry.time));
            match entry.facets.is_span {
                true => self.spans += 1,
                false => self.logs += 1,
            }
        }
    }
}

/// Of maps in this process alone, whose keys may be a hostile sender's: seeded, and cheap.
type Hasher = foldhash::fast::RandomState;

/// The one partition that is written to.
pub(crate) struct PartitionWriter {
    number: u64,
    path: PathBuf,
    identity: u64,
    fields: Fields,
    reader: IndexReader,
    writer: IndexWriter<Queued>,
    documents: DocumentWriter,
    blocks: BlockWriter,
    /// Batches that the next commit takes in.
    batches: Vec<Arc<HeadBatch>>,
    /// What the next commit will say.
    pending: Commit,
    damaged: Arc<AtomicBool>,
}

/// The folder of a partition.
pub(crate) fn folder(partitions: &Path, number: u64) -> PathBuf {
    partitions.join(format!("{number:08}"))
}

/// Opens a partition to read it. Any damage that shows at once is an error.
pub(crate) fn open(
    disk: &dyn Disk,
    partitions: &Path,
    number: u64,
    identity: u64,
) -> tantivy::Result<Arc<PartitionView>> {
    let path = folder(partitions, number);
    guarded(|| {
        let index = Index::open(IndexFolder::open(disk, &path)?)?;
        check_schema(&index)?;
        let commit = commit_of(&index)?;
        view(number, &reader(&index)?.searcher(), commit, identity, Arc::default())
    })
}

/// Whether the partition has ever committed a record, or cannot say that it has not.
pub(crate) fn has_commits(path: &Path) -> bool {
    let metas = guarded(|| Index::open_in_dir(path)?.load_metas());
    !metas.is_ok_and(|metas| metas.segments.is_empty() && metas.payload.is_none())
}

/// Makes the folder of a new partition with an empty index in it. It appears under its name whole or not at
/// all, so that a folder without an index is always one that was damaged.
fn create(disk: &dyn Disk, partitions: &Path, path: &Path) -> tantivy::Result<()> {
    let unborn = partitions.join(UNBORN);
    create_index(disk, &unborn)?;
    std::fs::rename(&unborn, path)?;
    std::fs::File::open(partitions)?.sync_all()?;
    Ok(())
}

fn create_index(disk: &dyn Disk, path: &Path) -> tantivy::Result<()> {
    clear(path)?;
    std::fs::create_dir(path)?;
    Index::create(IndexFolder::open(disk, path)?, Fields::new().schema, schema::index_settings())?;
    Ok(())
}

/// Removes what a crash left of a partition that was being made or removed.
pub(crate) fn clear_leftovers(partitions: &Path) -> std::io::Result<()> {
    clear(&partitions.join(UNBORN))?;
    clear(&partitions.join(DOOMED))
}

fn clear(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes a partition's folder. It disappears from under its name whole, so that one that a crash left half
/// removed is not taken for a damaged one.
pub(crate) fn remove(partitions: &Path, number: u64) -> std::io::Result<()> {
    let doomed = partitions.join(DOOMED);
    clear(&doomed)?;
    std::fs::rename(folder(partitions, number), &doomed)?;
    std::fs::remove_dir_all(doomed)
}

/// What a partition says of itself in its newest commit, as far as that can be read.
pub(crate) fn peek(partitions: &Path, number: u64) -> Option<Commit> {
    let path = folder(partitions, number);
    guarded(|| commit_of(&Index::open_in_dir(&path)?)).ok().filter(|commit| commit.records() > 0)
}

impl PartitionWriter {
    /// Makes a new partition, or opens one to go on writing to it. `sequence` is the last journal frame that
    /// older partitions hold.
    pub fn open(
        disk: &dyn Disk,
        partitions: &Path,
        number: u64,
        identity: u64,
        sequence: u64,
    ) -> tantivy::Result<PartitionWriter> {
        let path = folder(partitions, number);
        guarded(|| {
            if !path.exists() {
                create(disk, partitions, &path)?;
            }
            PartitionWriter::open_in(disk, &path, number, identity, sequence)
        })
    }

    /// Opens the index in a folder, or makes it there.
    fn open_in(
        disk: &dyn Disk,
        path: &Path,
        number: u64,
        identity: u64,
        sequence: u64,
    ) -> tantivy::Result<PartitionWriter> {
        let fields = Fields::new();
        let index = Index::open(IndexFolder::open(disk, path)?)?;
        check_schema(&index)?;
        let pending = commit_of(&index).unwrap_or_else(|_| Commit::empty(sequence));
        let reader = reader(&index)?;
        let contexts = read_contexts(&reader.searcher(), &fields)?;
        let documents = DocumentWriter::new(fields.clone(), contexts);
        let writer = writer(&index)?;
        let damaged = Arc::default();
        Ok(PartitionWriter {
            number,
            path: path.to_owned(),
            identity,
            fields,
            reader,
            writer,
            documents,
            blocks: BlockWriter::new()?,
            batches: Vec::new(),
            pending,
            damaged,
        })
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    /// The last journal frame that is added, committed or not.
    pub fn sequence(&self) -> u64 {
        self.pending.sequence
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long the store had run when the first records were committed, if any are.
    pub fn begun_ms(&self) -> Option<u64> {
        self.pending.begun_ms
    }

    /// Notes a batch for the next commit.
    pub fn add(&mut self, batch: Arc<HeadBatch>) {
        self.pending.add(&batch);
        self.batches.push(batch);
    }

    /// Makes everything added so far durable and readable.
    pub fn commit(&mut self, running_ms: u64) -> tantivy::Result<Arc<PartitionView>> {
        self.write_blocks()?;
        self.pending.running_ms = running_ms;
        self.pending.begun_ms.get_or_insert(running_ms);
        let payload = serde_json::to_string(&self.pending).expect("a struct of numbers is JSON");
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&payload);
        prepared.commit()?;
        self.view()
    }

    /// Writes the records of all batches, those of a trace together.
    fn write_blocks(&mut self) -> tantivy::Result<()> {
        let batches = std::mem::take(&mut self.batches);
        let mut contexts: Vec<Vec<u32>> = Vec::with_capacity(batches.len());
        for batch in &batches {
            let mut numbers = Vec::with_capacity(batch.contexts.len());
            for context in &batch.contexts {
                let (number, document) = self.documents.context(context);
                if let Some(document) = document {
                    self.writer.add_document(document.into())?;
                }
                numbers.push(number);
            }
            contexts.push(numbers);
        }
        for (_, batch, at) in by_trace(&batches) {
            let contexts = &contexts[batch as usize];
            let batch = &batches[batch as usize];
            let entry = &batch.entries()[at as usize];
            if self.blocks.is_full(&entry.trace) {
                self.finish_block()?;
            }
            let context = contexts[entry.context as usize];
            self.blocks.add(batch, batch.place(at as usize), entry, context)?;
        }
        self.finish_block()
    }

    fn finish_block(&mut self) -> tantivy::Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let document = self.documents.document(&self.blocks.finish()?)?;
        self.blocks.clear();
        self.writer.add_document(document.into())?;
        Ok(())
    }

    /// What is committed, with the segments as merges left them.
    pub fn view(&self) -> tantivy::Result<Arc<PartitionView>> {
        self.reader.reload()?;
        let contexts = self.documents.contexts().into();
        let searcher = self.reader.searcher();
        Ok(Arc::new(PartitionView {
            number: self.number,
            commit: self.pending.clone(),
            fields: self.fields.clone(),
            stores: stores(&searcher)?,
            searcher,
            contexts,
            identity: self.identity,
            damaged: self.damaged.clone(),
        }))
    }

    /// Whether merges have changed the segments since `view` was made.
    pub fn has_merged(&self, view: &PartitionView) -> bool {
        let now = self.reader.searcher().index().searchable_segment_ids().unwrap_or_default();
        let then = view.searcher.segment_readers();
        let known = |id| then.iter().any(|reader| reader.segment_id() == id);
        now.len() != then.len() || now.into_iter().any(|id| !known(id))
    }

    /// Whether it has to be closed whatever its size.
    pub fn is_full(&self) -> bool {
        self.documents.contexts().len() >= document::CONTEXTS_MAX || self.pending.records() >= 1 << 30
    }

    /// Lets running merges end. Everything must have been committed.
    pub fn close(self) -> tantivy::Result<Arc<PartitionView>> {
        let (number, identity, commit) = (self.number, self.identity, self.pending.clone());
        let (reader, damaged) = (self.reader, self.damaged);
        self.writer.wait_merging_threads()?;
        reader.reload()?;
        view(number, &reader.searcher(), commit, identity, damaged)
    }
}

/// Trace, batch and place of all records, those of a trace together in the order they arrived. Those without a trace
/// come last.
fn by_trace(batches: &[Arc<HeadBatch>]) -> Vec<(u128, u32, u32)> {
    let mut order = Vec::with_capacity(batches.iter().map(|batch| batch.len()).sum());
    for (number, batch) in (0..).zip(batches) {
        let traces = batch.entries().iter().map(|entry| match u128::from_be_bytes(entry.trace) {
            0 => u128::MAX,
            trace => trace,
        });
        order.extend((0..).zip(traces).map(|(at, trace)| (trace, number, at)));
    }
    order.sort_unstable();
    order
}

fn view(
    number: u64,
    searcher: &Searcher,
    commit: Commit,
    identity: u64,
    damaged: Arc<AtomicBool>,
) -> tantivy::Result<Arc<PartitionView>> {
    let fields = Fields::new();
    let contexts = read_contexts(searcher, &fields)?.into();
    let (searcher, stores) = (searcher.clone(), stores(searcher)?);
    Ok(Arc::new(PartitionView { number, commit, fields, searcher, stores, contexts, identity, damaged }))
}

/// A reader of each segment's stored documents.
fn stores(searcher: &Searcher) -> tantivy::Result<Vec<StoreReader>> {
    let segments = searcher.segment_readers().iter();
    Ok(segments.map(|segment| segment.get_store_reader(STORE_CACHE_BLOCKS)).collect::<Result<_, _>>()?)
}

/// An index of another form is not one that could be read.
fn check_schema(index: &Index) -> tantivy::Result<()> {
    match index.schema() == Fields::new().schema {
        true => Ok(()),
        false => Err(tantivy::TantivyError::SchemaError("of an unknown form".to_owned())),
    }
}

fn reader(index: &Index) -> tantivy::Result<IndexReader> {
    index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(0).try_into()
}

fn writer(index: &Index) -> tantivy::Result<IndexWriter<Queued>> {
    let options = IndexWriterOptions::builder()
        .memory_budget_per_thread(ARENA_BYTES)
        .num_worker_threads(1)
        .num_merge_threads(1)
        .build();
    let writer = index.writer_with_options(options)?;
    let mut policy = LogMergePolicy::default();
    policy.set_min_layer_size(MERGE_LAYER_BLOCKS);
    policy.set_min_num_segments(MERGE_SEGMENTS);
    writer.set_merge_policy(Box::new(policy));
    Ok(writer)
}

fn commit_of(index: &Index) -> tantivy::Result<Commit> {
    let payload = index.load_metas()?.payload.unwrap_or_default();
    let mut commit: Commit = serde_json::from_str(&payload)
        .map_err(|_| tantivy::TantivyError::InternalError("no commit is noted".to_owned()))?;
    commit.begun_ms.get_or_insert(commit.running_ms);
    Ok(commit)
}

/// The contexts that are defined in the index, in the order of their numbers.
fn read_contexts(searcher: &Searcher, fields: &Fields) -> tantivy::Result<Vec<Arc<Context>>> {
    let damaged = |what: &str| tantivy::TantivyError::InternalError(what.to_owned());
    let mut found: Vec<(u64, DocAddress)> = Vec::new();
    let stores = stores(searcher)?;
    for (segment, reader) in (0..).zip(searcher.segment_readers()) {
        let index = reader.inverted_index(fields.context_definition)?;
        let mut terms = index.terms().stream()?;
        while terms.advance() {
            let number =
                terms.key().try_into().map(u64::from_be_bytes).map_err(|_| damaged("a context's number"))?;
            let mut documents = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            if documents.doc() != TERMINATED {
                found.push((number, DocAddress::new(segment, documents.doc())));
            }
            documents.advance();
        }
    }
    found.sort_unstable();
    let mut contexts = Vec::with_capacity(found.len());
    for (expected, (number, address)) in (0..).zip(found) {
        let bytes = stored_bytes(&stores[address.segment_ord as usize], address.doc_id, fields)?;
        let context = Context::decode(&bytes).ok().filter(|_| number == expected);
        contexts.push(Arc::new(context.ok_or_else(|| damaged("a context is missing"))?));
    }
    Ok(contexts)
}

/// Runs what reads files that a disk may have damaged: a panic is an error like any other.
fn guarded<T>(what: impl FnOnce() -> tantivy::Result<T>) -> tantivy::Result<T> {
    let panicked = |_| tantivy::TantivyError::InternalError("the index is inconsistent".to_owned());
    catch_unwind(AssertUnwindSafe(what)).map_err(panicked)?
}
