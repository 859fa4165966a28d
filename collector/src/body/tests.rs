use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Frame, SizeHint};
use spandrel_store::MemoryBudget;

use super::*;

const FRAME_BYTES: usize = 100;
const FRAMES: usize = 9;

/// A body that comes in pieces, and notes what of the budget is taken each time it is asked for one.
struct Pieces {
    budget: MemoryBudget,
    left: usize,
    says_its_length: bool,
    taken: Vec<usize>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        this.taken.push(this.budget.bytes_used());
        let Some(left) = this.left.checked_sub(1) else { return Poll::Ready(None) };
        this.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; FRAME_BYTES])))))
    }

    fn size_hint(&self) -> SizeHint {
        match self.says_its_length {
            true => SizeHint::with_exact((self.left * FRAME_BYTES) as u64),
            false => SizeHint::default(),
        }
    }
}

/// What was taken at each piece, while others hold `others` of 4,000 bytes, and whether the body was read.
async fn taken(
    others: usize,
    says_its_length: bool,
    announced: fn(&[u8]) -> Option<usize>,
) -> (Vec<usize>, bool) {
    let budget = MemoryBudget::new(4_000);
    let held = budget.try_acquire(others).unwrap();
    let mut admission = Admission::new(&budget, Duration::ZERO).unwrap();
    let limits = BodyLimits { bytes_max: 1_000, timeout: Duration::from_secs(60) };
    let mut pieces = Pieces { budget, left: FRAMES, says_its_length, taken: Vec::new() };
    let read = read(&mut pieces, limits, announced, &mut admission).await;
    drop(held);
    (pieces.taken, read.is_ok_and(|bytes| bytes.len() == FRAMES * FRAME_BYTES))
}

#[tokio::test]
async fn an_announced_length_is_charged_before_anything_is_read() {
    assert_eq!(taken(500, true, |_| None).await, (vec![1_400; FRAMES + 1], true));
}

#[tokio::test]
async fn what_there_is_no_room_for_is_thrown_away_as_it_comes() {
    assert_eq!(taken(1_600, true, |_| None).await, (vec![1_600; FRAMES + 1], false));
}

#[tokio::test]
async fn the_first_bytes_may_announce_it_too() {
    let mut expected = vec![1_400; FRAMES + 1];
    expected[0] = 500;
    assert_eq!(taken(500, false, |_| Some(900)).await, (expected, true));
}

#[tokio::test]
async fn of_an_unknown_length_each_piece_is_charged() {
    let expected = (0..=FRAMES).map(|pieces| 500 + pieces * FRAME_BYTES).collect();
    assert_eq!(taken(500, false, |_| None).await, (expected, true));
}
