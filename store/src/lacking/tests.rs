use std::time::{Duration, Instant};

use spandrel_config::{Limits, Storage};

use super::*;
use crate::id::TraceId;
use crate::store::Store;
use crate::testing::{self, shop};

const TRACES: u64 = 20;

fn trace(n: u64) -> TraceIdMatch {
    TraceIdMatch::exactly(TraceId::from_otlp(&testing::trace_bytes(n)).unwrap())
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// A store of some traces, and what it shows while they are in memory and once they are in a partition.
fn shown(check: impl Fn(&Snapshot)) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
    let open = || Store::open(&storage, &Limits::default(), &prometheus::Registry::new()).unwrap();
    let store = open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.append(testing::batch(shop(TRACES)))).unwrap();
    check(&store.snapshot());
    store.close();
    drop(store);
    let snapshot = open().snapshot();
    assert_eq!(snapshot.state.head.len(), 0);
    check(&snapshot);
}

#[test]
fn a_store_has_nothing_of_the_traces_that_it_does_not_find() {
    shown(|snapshot| {
        let mut lacking = 0;
        for n in 0..3 * TRACES {
            let found = snapshot.trace(&trace(n), 1_000, later()).unwrap().records;
            assert_eq!(snapshot.has_nothing_of(&trace(n), later()), found.is_empty(), "trace {n}");
            lacking += usize::from(found.is_empty());
        }
        assert!((1..3 * TRACES as usize).contains(&lacking));
    });
}

#[test]
fn any_reading_of_an_id_that_is_there_is_not_nothing() {
    shown(|snapshot| {
        let (here, not_here) = (trace(1).exact[0], TraceId::from_otlp(&[0xee; 16]).unwrap());
        let low64 = vec![here.low64()];
        let readings = [
            (TraceIdMatch { exact: vec![not_here, here], low64: Vec::new() }, false),
            (TraceIdMatch { exact: vec![not_here], low64: low64.clone() }, false),
            (TraceIdMatch { exact: Vec::new(), low64 }, false),
            (TraceIdMatch::exactly(not_here), true),
        ];
        for (id, expected) in readings {
            assert_eq!(snapshot.has_nothing_of(&id, later()), expected, "{id:?}");
        }
    });
}

#[test]
fn without_time_nothing_is_said() {
    let not_here = TraceIdMatch::exactly(TraceId::from_otlp(&[0xee; 16]).unwrap());
    shown(|snapshot| assert!(!snapshot.has_nothing_of(&not_here, Instant::now())));
}
