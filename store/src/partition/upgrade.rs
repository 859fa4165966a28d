//! Partitions of format 1, which had a document for each record, written anew in today's form.
//!
//! A crash at any moment leaves the old one or the new one whole: the old folder steps aside as `N.old` only
//! when the new one is complete, and [`settle`] puts right what a crash left between the two renames.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use tantivy::schema::{Field, IndexRecordOption, Value as _};
use tantivy::store::StoreReader;
use tantivy::{DocSet as _, Index, SegmentReader, TERMINATED, TantivyDocument};

use super::{PartitionWriter, UNBORN, commit_of, create_index, folder, guarded};
use crate::disk::Disk;
use crate::head::HeadBatch;
use crate::stored::{StoredBatch, StoredContext, StoredRecord, Undecodable};

/// A field that only format 1 has.
const OLD_FIELD: &str = "facets";
/// Records that are written as one batch, and batches that are written together.
const BATCH_RECORDS: usize = 1024;
const BATCHES: usize = 32;

/// Puts right what a crash left of an upgrade.
pub(crate) fn settle(partitions: &Path) -> io::Result<()> {
    for entry in fs::read_dir(partitions)? {
        let aside = entry?.path();
        if aside.extension().is_none_or(|extension| extension != "old") {
            continue;
        }
        let path = aside.with_extension("");
        if path.exists() {
            fs::remove_dir_all(&aside)?;
        } else {
            fs::rename(&aside, &path)?;
        }
    }
    Ok(())
}

/// Writes a partition of format 1 anew; one of today's form is left alone.
pub(crate) fn upgrade(disk: &dyn Disk, partitions: &Path, number: u64, identity: u64) -> tantivy::Result<()> {
    let path = folder(partitions, number);
    guarded(|| {
        let old = Index::open_in_dir(&path)?;
        if old.schema().get_field(OLD_FIELD).is_err() {
            return Ok(());
        }
        let commit = commit_of(&old)?;
        tracing::info!(partition = number, records = commit.records(), "upgrading a partition of format 1");
        let unborn = partitions.join(UNBORN);
        create_index(disk, &unborn)?;
        let mut writer = PartitionWriter::open_in(disk, &unborn, number, identity, commit.sequence)?;
        Reader::new(&old, identity)?.copy(&mut writer)?;
        writer.pending = commit.clone();
        writer.commit(commit.running_ms)?;
        writer.close()?;
        let aside = path.with_extension("old");
        fs::rename(&path, &aside)?;
        fs::rename(&unborn, &path)?;
        fs::File::open(partitions)?.sync_all()?;
        fs::remove_dir_all(aside)?;
        Ok(())
    })
}

struct Reader {
    segments: Vec<SegmentReader>,
    stored: Field,
    contexts: BTreeMap<u32, StoredContext>,
    identity: u64,
}

/// Records that followed one another in a journal frame.
#[derive(Default)]
struct Group {
    frame: u64,
    first: u32,
    records: Vec<StoredRecord>,
}

impl Reader {
    fn new(index: &Index, identity: u64) -> tantivy::Result<Reader> {
        let segments = index.reader()?.searcher().segment_readers().to_vec();
        let stored = index.schema().get_field("stored")?;
        let definition = index.schema().get_field("context_definition")?;
        let mut contexts = BTreeMap::new();
        for segment in &segments {
            let store = segment.get_store_reader(1)?;
            let terms = segment.inverted_index(definition)?;
            let mut numbers = terms.terms().stream()?;
            while numbers.advance() {
                let number = numbers.key().try_into().map(u64::from_be_bytes).unwrap_or_default();
                let documents =
                    terms.read_postings_from_terminfo(numbers.value(), IndexRecordOption::Basic)?;
                if documents.doc() != TERMINATED {
                    let bytes = stored_bytes(&store, stored, documents.doc())?;
                    let context = StoredContext::decode(bytes.as_slice()).map_err(Undecodable::from)?;
                    contexts.insert(number as u32, context);
                }
            }
        }
        Ok(Reader { segments, stored, contexts, identity })
    }

    fn copy(&self, writer: &mut PartitionWriter) -> tantivy::Result<()> {
        let mut group = Group::default();
        for segment in &self.segments {
            let store = segment.get_store_reader(1)?;
            let times = segment.fast_fields().u64("time")?;
            // A context's document has no time.
            for document in (0..segment.max_doc()).filter(|document| times.first(*document).is_some()) {
                let bytes = stored_bytes(&store, self.stored, document)?;
                let record = StoredRecord::decode(bytes.as_slice()).map_err(Undecodable::from)?;
                if !group.takes(&record) {
                    self.write(std::mem::take(&mut group), writer)?;
                    (group.frame, group.first) = (record.frame, record.index);
                }
                group.records.push(record);
            }
        }
        self.write(group, writer)
    }

    fn write(&self, group: Group, writer: &mut PartitionWriter) -> tantivy::Result<()> {
        let Some(first) = group.records.first() else { return Ok(()) };
        let mut batch =
            StoredBatch { receiver: first.receiver, received: first.received, ..Default::default() };
        let mut numbers = BTreeMap::new();
        for mut record in group.records {
            let number = *numbers.entry(record.context).or_insert_with_key(|number| {
                batch.contexts.push(self.contexts.get(number).cloned().unwrap_or_default());
                batch.contexts.len() as u32 - 1
            });
            record.context = number;
            (record.receiver, record.received, record.frame, record.index) = (0, 0, 0, 0);
            batch.records.push(record);
        }
        let payload = Bytes::from(batch.encode_to_vec());
        let batch = HeadBatch::read(group.frame, self.identity, payload, None)?.starting_at(group.first);
        writer.add(Arc::new(batch));
        if writer.batches.len() >= BATCHES {
            writer.write_blocks()?;
        }
        Ok(())
    }
}

impl Group {
    /// Whether a record is the next of the same frame. Spans' places were not kept: their ids need none.
    fn takes(&self, record: &StoredRecord) -> bool {
        let Some(last) = self.records.last() else { return false };
        let next = if record.span.is_some() { 0 } else { self.first + self.records.len() as u32 };
        self.records.len() < BATCH_RECORDS
            && (last.span.is_some(), last.receiver, last.received)
                == (record.span.is_some(), record.receiver, record.received)
            && (self.frame, next) == (record.frame, record.index)
    }
}

fn stored_bytes(store: &StoreReader, field: Field, document: u32) -> tantivy::Result<Vec<u8>> {
    let document: TantivyDocument = store.get(document)?;
    let bytes = document.get_first(field).and_then(|value| value.as_bytes()).map(<[u8]>::to_vec);
    Ok(bytes.ok_or_else(|| Undecodable::new("a record is missing"))?)
}
