//! Retention while everything goes on: the limit of the folder holds at every moment, questions do not notice,
//! what was set aside gives way, and the wall clock has no say.

use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use spandrel_config::{ByteSize, Limits as ConfigLimits, Retention};

use super::tests::{append, ids, later, scan, storage, trace};
use super::*;
use crate::batch::NewRecord;
use crate::filter::{Field, Filter};
use crate::record::RecordBody;
use crate::snapshot::{Counting, GapReason};
use crate::testing::{self, EPOCH, shop, shop_from};
use crate::time::UnixNanos;

const SAMPLE_EVERY: Duration = Duration::from_millis(10);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = HOUR.saturating_mul(24);

fn limited(folder: &Path, limit: ByteSize) -> Storage {
    let retention = Retention { max_bytes: Some(limit), ..Retention::default() };
    Storage { retention, ..storage(folder) }
}

fn open(storage: &Storage) -> (Store, prometheus::Registry) {
    let registry = prometheus::Registry::new();
    (Store::open(storage, &ConfigLimits::default(), &registry).unwrap(), registry)
}

/// Records of the shop that do not compress.
fn noisy(first: u64, count: u64) -> Vec<NewRecord> {
    let mut rng = Rng::with_seed(first);
    let mut records = shop_from(first, count);
    for record in &mut records {
        let noise: String = (0..1500).map(|_| rng.alphanumeric()).collect();
        let attribute = testing::text("noise", &noise);
        match &mut record.body {
            RecordBody::Span(span) => span.attributes.push(attribute),
            RecordBody::Log(log) => log.attributes.push(attribute),
        }
    }
    records
}

/// Bytes of the disk that everything in a folder takes, a file that is renamed meanwhile counted once.
fn allocated(folder: &Path, seen: &mut HashSet<u64>) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(folder) else { return 0 };
    let own = if seen.insert(metadata.ino()) { metadata.blocks() * 512 } else { 0 };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    own + entries.map(|entry| allocated(&entry.path(), seen)).sum::<u64>()
}

fn counter(registry: &prometheus::Registry, name: &str) -> u64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    family.get_metric()[0].get_counter().get_value() as u64
}

#[test]
fn the_folder_never_passes_its_limit_under_load_and_questions_never_fail() {
    const BATCH: u64 = 100;
    const BATCHES: u64 = 160;
    let folder = tempfile::tempdir().unwrap();
    let limit = ByteSize::mib(16);
    let (store, registry) = open(&limited(folder.path(), limit));
    let next = AtomicU64::new(0);
    let (ended, end) = sync_channel::<()>(1);
    let (answered, most) = std::thread::scope(|scope| {
        let folder = folder.path();
        let sampling = scope.spawn(move || {
            let mut most = 0;
            while end.recv_timeout(SAMPLE_EVERY) == Err(RecvTimeoutError::Timeout) {
                most = allocated(folder, &mut HashSet::new()).max(most);
            }
            most
        });
        let senders: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    loop {
                        let batch = next.fetch_add(1, Ordering::Relaxed);
                        if batch >= BATCHES {
                            return;
                        }
                        let send = || store.append(testing::batch(noisy(batch * BATCH, BATCH)));
                        while let Err(refused) = runtime.block_on(send()) {
                            let full = matches!(refused, AppendError::StorageFull { .. });
                            assert!(full, "{refused}");
                            std::thread::park_timeout(SAMPLE_EVERY);
                        }
                    }
                })
            })
            .collect();
        let mut answered = 0;
        while senders.iter().any(|sender| !sender.is_finished()) {
            ask(&store, next.load(Ordering::Relaxed) * BATCH);
            answered += 1;
        }
        drop(ended);
        (answered, sampling.join().unwrap())
    });
    assert!(answered > 0);
    assert!(most <= limit.0, "the folder took {most} bytes of {}", limit.0);
    assert!(most > limit.0 / 2, "the limit was not put to the test: {most} bytes");
    // What is deleted leaves the state before it is counted.
    store.close();
    let snapshot = store.snapshot();
    assert!(snapshot.gaps().iter().all(|gap| gap.reason == GapReason::Deleted));
    let deleted = counter(&registry, "spandrel_store_deleted_records_total");
    assert!(deleted > 0);
    assert_eq!(snapshot.record_count() + deleted, BATCHES * BATCH);
}

fn ask(store: &Store, records: u64) {
    let snapshot = store.snapshot();
    let mut given = 0;
    let mut visit = |_| {
        given += 1;
        if given == 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    snapshot.scan(&scan(Filter::equals(Field::Service, "payment")), &mut visit).unwrap();
    let counting = Counting { step_ns: 100_000_000, origin_ns: 0, by: vec![Field::Service], groups_max: 100 };
    snapshot.count(&scan(Filter::equals(Field::Level, "error")), &counting).unwrap();
    snapshot.trace(&trace(records / 2), 1000, later()).unwrap();
}

#[test]
fn what_was_set_aside_counts_and_goes_first_the_oldest_of_it_before_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let storage = limited(folder.path(), ByteSize::mib(16));
    let (store, _) = open(&storage);
    append(&store, shop(40));
    store.close();
    drop(store);
    let meta = folder.path().join("partitions/00000001/meta.json");
    fs::write(meta, b"damaged").unwrap();
    let (store, _) = open(&storage);
    append(&store, shop_from(40, 40));
    store.close();
    drop(store);
    let aside = folder.path().join("set-aside");
    let partition = aside.join("partitions-00000001-1");
    let before = put(&aside.join("earlier"), SystemTime::now() - DAY);
    let after = put(&aside.join("later"), SystemTime::now() + DAY);
    assert!(partition.exists());

    let (store, _) = open(&storage);
    assert_eq!((before.exists(), partition.exists(), after.exists()), (false, true, true));
    let snapshot = store.snapshot();
    assert_eq!(snapshot.gaps().len(), 1);
    assert_eq!(ids(&snapshot, &scan(Filter::All)).len(), 40);
}

/// Eight megabytes of a time.
fn put(path: &Path, modified: SystemTime) -> std::path::PathBuf {
    fs::write(path, vec![1; 8 << 20]).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
    path.to_owned()
}

#[test]
fn a_wall_clock_that_jumps_by_a_day_and_back_loses_nothing() {
    const BATCH: u64 = 400;
    let folder = tempfile::tempdir().unwrap();
    let mut storage = limited(folder.path(), ByteSize::mib(8));
    storage.retention.max_age = Duration::from_secs(60 * 60);
    let day = DAY.as_nanos() as u64;
    let clocks = [EPOCH, EPOCH + day, EPOCH - day, EPOCH + 2 * day, EPOCH];
    for (round, clock) in (0..).zip(clocks) {
        let (store, _) = open(&storage);
        let mut batch = testing::batch(noisy(round * BATCH, BATCH));
        batch.received = UnixNanos(clock);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.append(batch)).unwrap();
        store.close();
    }
    let (store, _) = open(&storage);
    let snapshot = store.snapshot();
    assert!(snapshot.state.partitions.len() > 1, "no partition is closed, so none could be deleted");
    assert_eq!(snapshot.gaps(), []);
    assert_eq!(snapshot.record_count(), clocks.len() as u64 * BATCH);
}

#[test]
fn the_last_records_of_a_service_that_fell_silent_go_when_their_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut storage = limited(folder.path(), ByteSize::mib(16));
    storage.retention.max_age = 24 * HOUR;
    let (store, _) = open(&storage);
    append(&store, shop(40));
    store.close();
    drop(store);

    // Nothing more comes, and the store runs on and off for longer than a partition may be open: it is closed.
    run_on(folder.path(), 2 * HOUR);
    let (store, registry) = open(&storage);
    let is_closed = || folder.path().join("partitions/00000002").exists();
    wait_until("the partition is closed", is_closed);
    assert_eq!(counter(&registry, "spandrel_store_deleted_records_total"), 0);
    store.close();
    drop(store);

    run_on(folder.path(), 24 * HOUR);
    let (store, registry) = open(&storage);
    let are_gone = || counter(&registry, "spandrel_store_deleted_records_total") == 40;
    wait_until("the records are deleted", are_gone);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.record_count(), 0);
    assert_eq!(snapshot.gaps()[0].reason, GapReason::Deleted);
}

/// As if a store had run so long with the folder.
fn run_on(folder: &Path, time: Duration) {
    let path = folder.join("history.json");
    let mut history: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let before = history["running_ms"].as_u64().unwrap();
    history["running_ms"] = (before + time.as_millis() as u64).into();
    fs::write(path, history.to_string()).unwrap();
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = later();
    let (_never, tick) = sync_channel::<()>(1);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        let _ = tick.recv_timeout(SAMPLE_EVERY);
    }
}
