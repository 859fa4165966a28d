use futures_util::stream;
use prost::Message as _;
use spandrel_config::ByteSize;

use super::*;
use crate::federation::grant::pool;
use crate::federation::wire::{Begun, Chunk, Part, Values};
use crate::source::PeerFault;

const LIMIT: usize = 100 << 10;

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

fn chunk() -> Chunk {
    Part::Begun(Begun { protocol: 1, identity: vec![7; 16], run: 3 }).into()
}

/// What comes of a body in such pieces, and the pool that it is charged to.
fn messages(pieces: Vec<Vec<u8>>, zstd: bool) -> Messages<Chunk, tonic::body::Body> {
    let pieces = stream::iter(pieces.into_iter().map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))));
    let body = tonic::body::Body::new(axum::body::Body::from_stream(pieces));
    Messages::new(body, zstd, Grant::new(pool(ByteSize(LIMIT as u64)), LIMIT, "the test's"))
}

async fn read(body: Vec<u8>) -> Result<Option<Chunk>, SourceError> {
    messages(vec![body], true).next().await
}

#[tokio::test]
async fn messages_come_whole_however_they_are_cut_and_compressed() {
    let plain = chunk().encode_to_vec();
    let body = [frame(0, &plain), frame(1, &zstd::bulk::compress(&plain, 3).unwrap())].concat();
    for length in [1, 3, 7, body.len()] {
        let pieces = body.chunks(length).map(<[u8]>::to_vec).collect();
        let mut messages = messages(pieces, true);
        assert_eq!(messages.next().await, Ok(Some(chunk())));
        assert_eq!(messages.next().await, Ok(Some(chunk())));
        assert_eq!(messages.next().await, Ok(None));
    }
}

#[tokio::test]
async fn what_is_no_message_is_garbage() {
    let plain = chunk().encode_to_vec();
    let cut = frame(0, &plain)[..plain.len()].to_vec();
    let folded = frame(1, &zstd::bulk::compress(&plain, 3).unwrap());
    for body in [cut, frame(2, &plain), frame(1, &plain), frame(0, b"\xff\xff")] {
        let error = read(body).await.unwrap_err();
        assert!(matches!(error, SourceError::Peer(PeerFault::Garbage, _)), "{error:?}");
    }
    let error = messages(vec![folded], false).next().await.unwrap_err();
    assert!(matches!(error, SourceError::Peer(PeerFault::Garbage, _)), "{error:?}");
}

#[tokio::test]
async fn a_message_that_says_it_is_too_large_or_unfolds_to_that_is_not_taken() {
    let value = crate::federation::wire::Value { value: "x".repeat(LIMIT), count: 1 };
    let large = Chunk::from(Part::Values(Values { values: vec![value] })).encode_to_vec();
    let folded = zstd::bulk::compress(&large, 3).unwrap();
    for body in [frame(0, &large)[..100].to_vec(), frame(1, &folded)] {
        let error = read(body).await.unwrap_err();
        assert!(matches!(error, SourceError::Peer(PeerFault::TooLarge, _)), "{error:?}");
    }
}

#[tokio::test]
async fn what_comes_is_charged_before_it_is_whole_and_given_back_when_it_is_dropped() {
    let pool = pool(ByteSize(LIMIT as u64));
    let all = pool.available_permits();
    let grant = Grant::new(pool.clone(), 64 << 20, "the test's");
    // One message that says it has many megabytes, and never ends.
    let head = [&[0][..], &(32_u32 << 20).to_be_bytes(), &[0; 11]].concat();
    let pieces = std::iter::once(head).chain(std::iter::repeat_with(|| vec![0; 16 << 10]));
    let pieces = stream::iter(pieces.map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece))));
    let body = tonic::body::Body::new(axum::body::Body::from_stream(pieces));
    let mut messages = Messages::<Chunk, _>::new(body, false, grant.clone());
    assert_eq!(messages.next().await, Err(SourceError::NoRoom));
    assert!(
        messages.waiting.len() <= LIMIT && messages.waiting.len() > LIMIT / 2,
        "{}",
        messages.waiting.len()
    );
    // Once a message is whole, only what it is counts.
    grant.keep(2_000, 0).unwrap();
    assert_eq!(pool.available_permits(), all - 6);
    drop((messages, grant));
    assert_eq!(pool.available_permits(), all);
}
