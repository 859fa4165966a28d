use std::time::Duration;

use spandrel_config::{Limits, Storage};
use tokio::sync::oneshot;

use super::*;

/// Nothing here is slower than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_stops_and_gives_its_turn_back() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let store = Store::open(&storage, &Limits::default(), &Registry::new()).unwrap();
    let source = LocalSource::new(store, String::new(), 1);
    let deadline = Instant::now() + 100 * PATIENCE;
    let (begin, begun) = oneshot::channel();
    let endless = source.ask(deadline, Filter::All, |_, stop| {
        begin.send(()).unwrap();
        while !stop.is_set() {
            std::thread::yield_now();
        }
        Ok(())
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
