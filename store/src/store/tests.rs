use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use spandrel_config::{ByteSize, Limits as ConfigLimits, Retention};

use super::*;
use crate::batch::NewRecord;
use crate::filter::{Field, Filter, Place, Test};
use crate::id::{RecordId, TraceId, TraceIdMatch};
use crate::record::{Flags, RecordBody};
use crate::snapshot::{GapReason, Scan};
use crate::stop::Stop;
use crate::testing::{self, EPOCH, shop, shop_from};
use crate::text::Glob;
use crate::time::{TimeRange, UnixNanos};

pub(super) fn storage(folder: &Path) -> Storage {
    Storage { directory: folder.to_owned(), ..Storage::default() }
}

pub(super) fn open(folder: &Path) -> Store {
    open_with(&storage(folder))
}

fn open_with(storage: &Storage) -> Store {
    Store::open(storage, &ConfigLimits::default(), &prometheus::Registry::new()).unwrap()
}

pub(super) fn append(store: &Store, records: Vec<NewRecord>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.append(testing::batch(records))).unwrap();
}

pub(super) fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

pub(super) fn scan(filter: Filter) -> Scan {
    Scan { filter, range: TimeRange::ALL, after: None, deadline: later(), stop: Stop::default() }
}

pub(super) fn ids(snapshot: &Snapshot, scan: &Scan) -> Vec<RecordId> {
    let mut ids = Vec::new();
    let mut visit = |record: Arc<Record>| {
        ids.push(record.id);
        ControlFlow::Continue(())
    };
    snapshot.scan(scan, &mut visit).unwrap();
    ids
}

fn bodies(snapshot: &Snapshot) -> Vec<RecordBody> {
    let mut bodies = Vec::new();
    let mut visit = |record: Arc<Record>| {
        bodies.push(record.body.clone());
        ControlFlow::Continue(())
    };
    snapshot.scan(&scan(Filter::All), &mut visit).unwrap();
    bodies
}

fn sorted_bodies(mut records: Vec<RecordBody>) -> Vec<String> {
    let mut shown: Vec<String> = records.drain(..).map(|body| format!("{body:?}")).collect();
    shown.sort();
    shown
}

pub(super) fn trace(n: u64) -> TraceIdMatch {
    TraceIdMatch::exactly(TraceId::from_otlp(&testing::trace_bytes(n)).unwrap())
}

#[test]
fn a_record_is_found_when_its_append_returns() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for n in 0..30 {
        append(&store, shop_from(n, 1));
        assert_eq!(ids(&store.snapshot(), &scan(Filter::All)).len() as u64, n + 1);
    }
    let found = store.snapshot().trace(&trace(10), 100, later()).unwrap();
    assert!(found.records.len() >= 3 && !found.truncated);
}

#[test]
fn what_was_sent_comes_back_from_the_partitions_field_for_field() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(200));
    store.close();
    drop(store);
    let snapshot = open(folder.path()).snapshot();
    assert_eq!(snapshot.state.head.records().count(), 0);
    let sent = shop(200).into_iter().map(|record| record.body).collect();
    assert_eq!(sorted_bodies(bodies(&snapshot)), sorted_bodies(sent));
}

#[test]
fn ids_are_the_same_in_memory_in_the_journal_and_in_a_partition() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(50));
    append(&store, shop_from(50, 50));
    let in_memory = ids(&store.snapshot(), &scan(Filter::All));
    let crashed = crash_image(folder.path());
    let from_journal = ids(&open(crashed.path()).snapshot(), &scan(Filter::All));
    store.close();
    drop(store);
    let from_partition = ids(&open(folder.path()).snapshot(), &scan(Filter::All));
    assert_eq!(in_memory, from_journal);
    assert_eq!(in_memory, from_partition);
}

/// A copy of the folder as a crash would leave it now: without what the store would do at its end. One during which the
/// store made or removed a file is of no moment, and made again.
fn crash_image(folder: &Path) -> tempfile::TempDir {
    for _ in 0..1_000 {
        let image = tempfile::tempdir().unwrap();
        let before = files(folder);
        if copy(folder, image.path()).is_ok() && before.is_ok() && before.ok() == files(folder).ok() {
            return image;
        }
    }
    panic!("{} does not come to rest", folder.display());
}

/// The files of a folder, their lengths, and when they were written.
fn files(folder: &Path) -> std::io::Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        match about.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => drop(found.insert(entry.path(), (about.len(), about.modified()?))),
        }
    }
    Ok(found)
}

pub(super) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

#[test]
fn a_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let second = Store::open(&storage(folder.path()), &ConfigLimits::default(), &prometheus::Registry::new());
    assert!(matches!(second, Err(OpenError::Locked { .. })));
}

#[test]
fn a_folder_of_a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spandrel.json"), r#"{"format":99,"identity":1}"#).unwrap();
    let refused =
        Store::open(&storage(folder.path()), &ConfigLimits::default(), &prometheus::Registry::new());
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("format version 99") && text.contains("up to 2"), "{text}");
}

#[test]
fn a_folder_with_a_description_of_garbage_is_refused_with_the_name_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("spandrel.json"), "garbage").unwrap();
    let refused =
        Store::open(&storage(folder.path()), &ConfigLimits::default(), &prometheus::Registry::new());
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("spandrel.json") && text.contains("expected value"), "{text}");
}

#[test]
fn a_folder_of_an_older_format_is_upgraded_with_all_its_records_and_their_ids() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1");
    let folder = tempfile::tempdir().unwrap();
    copy(&kept.join("data"), folder.path()).unwrap();
    let expected = fs::read_to_string(kept.join("ids.txt")).unwrap();
    for _ in 0..2 {
        let store = open(folder.path());
        let mut found: Vec<String> =
            ids(&store.snapshot(), &scan(Filter::All)).iter().map(RecordId::to_string).collect();
        found.sort();
        assert_eq!(found, expected.lines().collect::<Vec<_>>());
        let pool = Filter::is(Field::Message, Test::Phrase(vec!["connection".into(), "pool".into()]));
        assert_eq!(ids(&store.snapshot(), &scan(pool)).len(), 20);
        assert_eq!(store.snapshot().gaps(), []);
        store.close();
    }
    let description = fs::read_to_string(folder.path().join("spandrel.json")).unwrap();
    assert!(description.contains("\"format\":2"), "{description}");
}

#[test]
fn an_upgrade_that_a_crash_cut_short_between_its_renames_is_put_right() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format-1/data");
    let folder = tempfile::tempdir().unwrap();
    copy(&kept, folder.path()).unwrap();
    let partitions = folder.path().join("partitions");
    fs::rename(partitions.join("00000001"), partitions.join("00000001.old")).unwrap();
    assert_eq!(ids(&open(folder.path()).snapshot(), &scan(Filter::All)).len(), 250);
    assert!(!partitions.join("00000001.old").exists());
}

#[test]
fn after_close_nothing_is_taken_and_nothing_is_left_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(20));
    store.close();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = runtime.block_on(store.append(testing::batch(shop(1))));
    assert!(matches!(refused, Err(AppendError::Closed)));
    assert_eq!(fs::read_dir(folder.path().join("journal")).unwrap().count(), 0);
}

#[test]
fn a_partition_whose_making_a_crash_cut_short_is_made_again_and_is_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(40));
    store.close();
    drop(store);
    // tantivy writes its list of files before it writes the first meta.json.
    let unborn = folder.path().join("partitions/new");
    // And one that was being removed may have lost its meta.json first.
    let doomed = folder.path().join("partitions/old");
    for left in [&unborn, &doomed] {
        fs::create_dir(left).unwrap();
        fs::write(left.join(".managed.json"), "[\"meta.json\"]").unwrap();
    }

    let store = open(folder.path());
    assert_eq!(store.snapshot().gaps(), []);
    assert!(!unborn.exists() && !doomed.exists());
    append(&store, shop_from(40, 10));
    assert_eq!(ids(&store.snapshot(), &scan(Filter::All)).len(), 50);
}

#[test]
fn a_partition_whose_files_are_all_gone_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(40));
    store.close();
    drop(store);
    let partition = folder.path().join("partitions/00000001");
    fs::remove_dir_all(&partition).unwrap();
    fs::create_dir(&partition).unwrap();
    assert_eq!(open(folder.path()).snapshot().gaps().len(), 1);
}

#[test]
fn a_damaged_partition_is_set_aside_and_the_rest_serves() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(40));
    store.close();
    drop(store);
    let partition = folder.path().join("partitions/00000001");
    let mut files = fs::read_dir(&partition).unwrap().map(|entry| entry.unwrap().path());
    let stored = files.find(|path| path.extension().is_some_and(|extension| extension == "store"));
    fs::remove_file(stored.unwrap()).unwrap();

    let store = open(folder.path());
    let gaps = store.snapshot().gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].reason, GapReason::SetAside);
    let times: Vec<u64> = shop(40).iter().map(|r| r.body.time().map_or(EPOCH + 5, |t| t.0)).collect();
    assert_eq!(gaps[0].range.start.0, *times.iter().min().unwrap());
    append(&store, shop_from(40, 10));
    assert_eq!(ids(&store.snapshot(), &scan(Filter::All)).len(), 10);
    store.close();
    drop(store);
    let snapshot = open(folder.path()).snapshot();
    assert_eq!((snapshot.gaps().len(), snapshot.record_count()), (1, 10));
}

#[test]
fn damage_that_shows_only_when_it_is_read_is_a_gap_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(400));
    store.close();
    drop(store);
    let partition = folder.path().join("partitions/00000001");
    for entry in fs::read_dir(&partition).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "store") {
            let mut content = fs::read(&path).unwrap();
            content[20..200].fill(0xa5);
            fs::write(&path, content).unwrap();
        }
    }
    let store = open(folder.path());
    ids(&store.snapshot(), &scan(Filter::All));
    assert_eq!(store.snapshot().gaps().len(), 1);
    append(&store, shop_from(400, 5));
    assert_eq!(ids(&store.snapshot(), &scan(Filter::All)).len(), 5);
}

#[test]
fn a_span_that_was_sent_twice_is_one_span() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    append(&store, shop(20));
    store.close();
    drop(store);
    let store = open(folder.path());
    append(&store, shop_from(1, 1));
    let snapshot = store.snapshot();
    let span = shop_from(1, 1)[0].body.span_id().unwrap();
    let of_span = |record: &&Arc<Record>| record.span().is_some() && record.span_id() == Some(span);
    let found = snapshot.trace(&trace(1), 100, later()).unwrap();
    let kept: Vec<_> = found.records.iter().filter(of_span).collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].flags.contains(Flags::DUPLICATE));
    let twice = Filter::equals(Field::SpanId, &span.to_string()).and(Filter::equals(Field::Type, "span"));
    assert_eq!(ids(&snapshot, &scan(twice)).len(), 1);
}

#[test]
fn retention_by_bytes_deletes_the_oldest_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let limit = ByteSize::mib(4);
    let retention = Retention { max_bytes: Some(limit), ..Retention::default() };
    let storage = Storage { retention, ..storage(folder.path()) };
    for round in 0..40 {
        let store = open_with(&storage);
        let mut records = shop_from(round * 1500, 1500);
        // One whose clock is wrong.
        if let RecordBody::Log(log) = &mut records[0].body {
            log.time_unix_nano = u64::MAX / 2;
        }
        append(&store, records);
        store.close();
        assert!(crate::folder::disk_bytes(folder.path()) <= limit.0, "round {round}");
    }
    let snapshot = open_with(&storage).snapshot();
    assert_eq!(snapshot.gaps().len(), 1);
    assert_eq!(snapshot.gaps()[0].reason, GapReason::Deleted);
    assert!(snapshot.gaps()[0].range.end <= UnixNanos::now(), "what comes from now on is not missing");
    assert!(snapshot.record_count() < 40 * 1500);
    assert!(!snapshot.trace(&trace(40 * 1500 - 1), 100, later()).unwrap().records.is_empty());
}

#[test]
fn values_too_long_for_a_term_are_found_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let long = |end: &str| format!("{}{end}", "x".repeat(70_000));
    let mut records = shop(3);
    for (record, end) in records.iter_mut().zip(["a", "b", "c"]) {
        let attribute = testing::text("long", &long(end));
        match &mut record.body {
            RecordBody::Span(span) => span.attributes.push(attribute),
            RecordBody::Log(log) => log.attributes.push(attribute),
        }
    }
    append(&store, records);
    store.close();
    drop(store);
    let snapshot = open(folder.path()).snapshot();
    let field = || Field::Attribute { place: Place::Any, name: "long".into() };
    assert_eq!(ids(&snapshot, &scan(Filter::equals(field(), &long("b")))).len(), 1);
    let ends = |pattern: &str| scan(Filter::is(field(), Test::Glob(Glob::new(pattern))));
    assert_eq!(ids(&snapshot, &ends("x*c")).len(), 1);
    assert_eq!(ids(&snapshot, &ends("*")).len(), 3);
    let not_b = Filter::Not(Box::new(Filter::equals(field(), &long("b"))));
    assert_eq!(ids(&snapshot, &scan(not_b)).len(), 2);
}

#[test]
fn checkpoints_are_there_after_a_crash_after_a_stop_and_without_any_record() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = open(folder.path());
    let checkpoint =
        |key: &str, value: &'static str| (key.to_owned(), Some(bytes::Bytes::from_static(value.as_bytes())));
    let mut batch = testing::batch(shop(5));
    batch.checkpoints = vec![checkpoint("f/a", "1"), checkpoint("f/b", "1"), checkpoint("other", "1")];
    runtime.block_on(store.append(batch)).unwrap();
    let mut without_records = testing::batch(Vec::new());
    without_records.checkpoints = vec![checkpoint("f/a", "2"), ("f/b".to_owned(), None)];
    runtime.block_on(store.append(without_records)).unwrap();
    let expected = vec![("f/a".to_owned(), bytes::Bytes::from_static(b"2"))];
    assert_eq!(store.checkpoints("f/"), expected);

    let crashed = crash_image(folder.path());
    assert_eq!(open(crashed.path()).checkpoints("f/"), expected);

    store.close();
    drop(store);
    assert_eq!(fs::read_dir(folder.path().join("journal")).unwrap().count(), 0, "the journal is done");
    let store = open(folder.path());
    assert_eq!(store.checkpoints("f/"), expected);
    assert_eq!(ids(&store.snapshot(), &scan(Filter::All)).len(), 5);
}

#[test]
fn a_damaged_file_of_checkpoints_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).close();
    fs::write(folder.path().join("checkpoints"), "no checkpoints").unwrap();
    assert_eq!(open(folder.path()).checkpoints(""), []);
    assert_eq!(fs::read_dir(folder.path().join("set-aside")).unwrap().count(), 1);
}
