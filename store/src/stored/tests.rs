use super::*;
use crate::testing;

#[test]
fn a_batch_comes_back_as_it_was_sent() {
    let batch = testing::batch(testing::shop(40));
    let sent: Vec<NewRecord> = batch.records.clone();
    let records = decode_batch(encode_batch(&batch).into(), 7, 9).unwrap();
    assert_eq!(records.len(), sent.len());
    for (record, sent) in records.iter().zip(&sent) {
        assert_eq!(record.body, sent.body);
        assert_eq!(record.resource, sent.resource);
        assert_eq!(record.scope, sent.scope);
        assert_eq!(record.level, sent.level);
        assert_eq!(record.flags, sent.flags);
        assert_eq!(record.original, sent.original);
        assert_eq!((record.receiver, record.received), (batch.receiver, batch.received));
    }
}

#[test]
fn a_record_comes_back_from_a_partition_with_its_id() {
    let batch = testing::batch(testing::shop(40));
    for record in decode_batch(encode_batch(&batch).into(), 7, 9).unwrap() {
        let stored = StoredRecord::decode(encode_record(&record, 3).as_slice()).unwrap();
        assert_eq!(stored.context, 3);
        let back = restore(stored, &Context::of(&record), 7).unwrap();
        assert_eq!(back.id, record.id);
        assert_eq!(back.body, record.body);
        assert_eq!((back.receiver, back.received), (record.receiver, record.received));
    }
}

#[test]
fn contexts_stand_in_a_batch_once() {
    let batch = testing::batch(testing::shop(40));
    let stored = StoredBatch::decode(encode_batch(&batch).as_slice()).unwrap();
    assert!(stored.contexts.len() < stored.records.len());
    assert_eq!(stored.records.len(), batch.records.len());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = decode_batch(bytes.clone().into(), 1, 1);
        let _ = Context::decode(&bytes);
    }
}
