//! What a stage has kept, for its tests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spandrel_store::snapshot::Scan;
use spandrel_store::{Filter, Record, Stop, Store, TimeRange};

/// All records of a store.
pub(crate) fn records(store: &Store) -> Vec<Arc<Record>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let scan =
        Scan { filter: Filter::All, range: TimeRange::ALL, after: None, deadline, stop: Stop::default() };
    let mut records = Vec::new();
    let mut visit = |record| {
        records.push(record);
        std::ops::ControlFlow::Continue(())
    };
    store.snapshot().scan(&scan, &mut visit).unwrap();
    records
}
