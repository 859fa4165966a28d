use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::batch::NewRecord;
use crate::head::HeadBatch;
use crate::otlp::Span;
use crate::record::Record;
use crate::stored::{Context, encode_batch};
use crate::testing::{self, shop};

fn head(records: Vec<NewRecord>) -> HeadBatch {
    HeadBatch::read(9, 7, encode_batch(&testing::batch(records)).into(), None).unwrap()
}

fn block_of(batch: &HeadBatch) -> Vec<u8> {
    let mut writer = BlockWriter::new().unwrap();
    for (place, entry) in (0..).zip(batch.entries()) {
        writer.add(batch, place, entry, entry.context).unwrap();
    }
    writer.finish().unwrap().bytes.to_vec()
}

fn records(batch: &HeadBatch, block: &Block) -> Vec<Record> {
    let record = |row| block.record(row, &batch.contexts[block.origin(row).context as usize], 7).unwrap();
    (0..block.rows.len()).map(record).collect()
}

#[test]
fn records_come_back_from_a_block_as_they_were_in_the_head() {
    let batch = head(shop(200));
    let block = Block::read(block_of(&batch).into()).unwrap();
    let expected: Vec<Arc<Record>> = batch.records().collect();
    let found = records(&batch, &block);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}

#[test]
fn what_does_not_fit_its_column_comes_back_too() {
    let odd = |change: fn(&mut Span)| {
        let mut record = shop(2).remove(1);
        let RecordBody::Span(span) = &mut record.body else { unreachable!("every third is a log") };
        change(span);
        record
    };
    let batch = head(vec![
        odd(|span| span.parent_span_id = vec![1, 2, 3]),
        odd(|span| span.parent_span_id = vec![0; 8]),
        odd(|span| span.parent_span_id = vec![9; 8]),
        odd(|span| span.parent_span_id = span.span_id.clone()),
        odd(|span| span.end_time_unix_nano = 0),
        odd(|span| (span.start_time_unix_nano, span.end_time_unix_nano) = (u64::MAX, 1)),
        odd(|span| span.start_time_unix_nano = 0),
        odd(|span| span.kind = -7),
        odd(|span| span.name = String::new()),
        odd(|span| span.trace_state = "a=b".into()),
        odd(|span| (span.flags, span.dropped_links_count) = (257, 3)),
        odd(|span| span.attributes = vec![Default::default(); 3]),
    ]);
    let block = Block::read(block_of(&batch).into()).unwrap();
    for (found, expected) in records(&batch, &block).iter().zip(batch.records()) {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}

#[test]
fn a_trace_is_not_torn_for_a_few_rows() {
    let mut writer = BlockWriter::new().unwrap();
    let batch = head(shop(200));
    for (place, entry) in (0..).zip(batch.entries()).take(ROWS) {
        writer.add(&batch, place, entry, 0).unwrap();
    }
    let last = batch.entries()[ROWS - 1].trace;
    assert!(!writer.is_full(&last));
    assert!(writer.is_full(&[1; 16]));
}

#[test]
fn a_writer_that_was_cleared_writes_the_same_again() {
    let batch = head(shop(100));
    let mut writer = BlockWriter::new().unwrap();
    let mut written = Vec::new();
    for _ in 0..2 {
        for (place, entry) in (0..).zip(batch.entries()) {
            writer.add(&batch, place, entry, entry.context).unwrap();
        }
        written.push(writer.finish().unwrap().bytes.to_vec());
        writer.clear();
    }
    assert_eq!(written[0], written[1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(bytes);
    }

    #[test]
    fn no_flipped_byte_makes_a_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = block_of(&head(shop(40)));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        read_all(bytes);
    }

    #[test]
    fn no_flipped_byte_of_an_unpacked_body_makes_a_reader_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let batch = head(shop(40));
        let mut writer = BlockWriter::new().unwrap();
        for (place, entry) in (0..).zip(batch.entries()) {
            writer.add(&batch, place, entry, entry.context).unwrap();
        }
        writer.write_head();
        writer.write_body();
        let at = at.index(writer.body.len());
        writer.body[at] = byte;
        let packed = zstd::bulk::compress(&writer.body, 1).unwrap();
        let mut bytes = writer.out.clone();
        encode_varint(writer.body.len() as u64, &mut bytes);
        bytes.extend_from_slice(&packed);
        read_all(bytes);
    }
}

fn read_all(bytes: Vec<u8>) {
    let Ok(block) = Block::read(bytes.into()) else { return };
    let context = Context { resource: Arc::default(), scope: Arc::default() };
    for row in 0..block.rows.len() {
        let _ = block.record(row, &context, 7);
    }
}
