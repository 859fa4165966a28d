use http_body_util::BodyExt as _;
use spandrel_config::ByteSize;

use super::*;

fn answer(bytes: usize) -> Response<Body> {
    Response::new(Body::from(vec![7; bytes]))
}

#[tokio::test]
async fn what_a_whole_answer_takes_is_held_until_its_last_piece_is_written() {
    const LARGE: usize = 700 << 10;
    let room = Room::of(ByteSize::mib(1), std::time::Duration::ZERO);
    let first = charged(answer(LARGE), &room);
    assert_eq!(first.body().size_hint().exact(), Some(LARGE as u64), "its length is told as before");
    assert_eq!(charged(answer(LARGE), &room).status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(charged(answer(UNCHARGED_BYTES_MAX), &room).status(), StatusCode::OK);
    let mut piece = first.into_body().collect().await.unwrap().to_bytes();
    assert!(piece.len() == LARGE && piece.iter().all(|byte| *byte == 7));
    // A part of it is still on its way.
    let rest = piece.split_off(LARGE - 1);
    drop(piece);
    assert_eq!(charged(answer(LARGE), &room).status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(rest);
    assert_eq!(charged(answer(LARGE), &room).status(), StatusCode::OK);
}

#[test]
fn one_that_is_larger_than_all_is_written_alone() {
    let room = Room::of(ByteSize::kib(100), std::time::Duration::ZERO);
    let alone = charged(answer(1 << 20), &room);
    assert_eq!(alone.status(), StatusCode::OK);
    assert_eq!(charged(answer(UNCHARGED_BYTES_MAX + 1), &room).status(), StatusCode::SERVICE_UNAVAILABLE);
}
