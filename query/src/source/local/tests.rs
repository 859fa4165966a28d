use std::time::Duration;

use spandrel_config::{ByteSize, Limits, Storage};
use tokio::sync::oneshot;

use super::*;

/// Nothing here is slower than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer that takes so many bytes.
#[derive(Default)]
struct Large(usize);

impl Footprint for Large {
    fn bytes(&self) -> usize {
        self.0
    }
}

impl Footprint for bool {
    fn bytes(&self) -> usize {
        0
    }
}

fn open() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    (Store::open(&storage, &Limits::default(), &Registry::new()).unwrap(), folder)
}

#[tokio::test]
async fn answers_that_are_held_are_within_their_bound_and_only_large_ones_wait_for_it() {
    const MAX: usize = 1 << 20;
    let (store, _folder) = open();
    let source = LocalSource::new(store, String::new(), 1).within(Room::of(ByteSize(MAX as u64), PATIENCE));
    let ask = async |bytes, time| {
        let answer = source.ask(Instant::now() + time, Filter::All, move |_, _| Ok(Large(bytes)));
        tokio::time::timeout(2 * PATIENCE, answer).await.unwrap().map(|reply| reply.held)
    };
    let first = ask(MAX / 4 * 3, PATIENCE).await.unwrap();
    let soon = Duration::from_millis(50);
    assert_eq!(ask(MAX / 2, soon).await.err(), Some(SourceError::NoRoom));
    let small = ask(UNCHARGED_BYTES_MAX, PATIENCE).await.unwrap();
    assert!(small.is_empty());
    // What fits passes what waits for more than there is.
    let waits = source.room.wait(MAX / 2, Instant::now() + PATIENCE);
    tokio::pin!(waits);
    assert!(futures_util::poll!(&mut waits).is_pending());
    assert!(ask(MAX / 8, PATIENCE).await.is_ok());
    // What has no room waits for it; one that is larger than all is alone.
    let (second, ()) = tokio::join!(ask(10 * MAX, PATIENCE), async { drop(first) });
    let second = second.unwrap();
    assert!(source.room.take(1).is_none());
    drop(second);
    assert!(ask(MAX, PATIENCE).await.is_ok());
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_stops_and_gives_its_turn_back() {
    let (store, _folder) = open();
    let source = LocalSource::new(store, String::new(), 1);
    let deadline = Instant::now() + 100 * PATIENCE;
    let (begin, begun) = oneshot::channel();
    let endless = source.ask(deadline, Filter::All, |_, stop| {
        begin.send(()).unwrap();
        while !stop.is_set() {
            std::thread::yield_now();
        }
        Ok(false)
    });
    tokio::select! {
        _ = endless => panic!("it does not end by itself"),
        begun = begun => begun.unwrap(),
    }
    // It was dropped: the only turn there is comes back long before the deadline.
    let next = source.ask(deadline, Filter::All, |_, stop| Ok(stop.is_set()));
    let stopped = tokio::time::timeout(PATIENCE, next).await.unwrap().unwrap().body;
    assert!(!stopped, "a question that is waited for goes on");
}
