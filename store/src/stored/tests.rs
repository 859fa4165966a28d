use super::*;
use crate::head::HeadBatch;
use crate::testing;

#[test]
fn a_batch_comes_back_as_it_was_sent() {
    let batch = testing::batch(testing::shop(40));
    let sent = testing::shop(40);
    let head = HeadBatch::read(9, 7, encode_batch(&batch).into(), None).unwrap();
    let records: Vec<_> = head.records().collect();
    assert_eq!(records.len(), sent.len());
    for (record, sent) in records.iter().zip(&sent) {
        // Shown, for NaN is not equal to itself.
        assert_eq!(format!("{:?}", record.body), format!("{:?}", sent.body));
        assert_eq!(record.resource, sent.resource);
        assert_eq!(record.scope, sent.scope);
        assert_eq!(record.level, sent.level);
        assert_eq!(record.flags, sent.flags);
        assert_eq!(record.original, sent.original);
        assert_eq!((record.receiver, record.received), (batch.receiver, batch.received));
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
        let _ = HeadBatch::read(1, 1, bytes.clone().into(), None).map(|batch| batch.records().count());
        let _ = Context::decode(&bytes);
    }
}

#[test]
fn checkpoints_stand_in_the_frame_and_a_frame_without_them_has_none() {
    let mut batch = testing::batch(testing::shop(3));
    assert_eq!(checkpoints_of(&encode_batch(&batch)).unwrap(), []);
    batch.checkpoints = vec![("a".to_owned(), Some(Bytes::from_static(b"1"))), ("b".to_owned(), None)];
    let frame = encode_batch(&batch);
    assert_eq!(checkpoints_of(&frame).unwrap(), batch.checkpoints);
    assert_eq!(HeadBatch::read(1, 1, frame.into(), None).unwrap().records().count(), 3);
}
