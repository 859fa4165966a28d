//! Random work on a disk that fails and loses power, compared with a model.
//!
//! Each case follows from its seed, which a failure prints; `SPANDREL_CRASH_SEEDS=N` runs N random ones and
//! `SPANDREL_CRASH_SEED=S` that one only. What has to hold, at any moment and after every start:
//! * every acknowledged record is found, once, with the id it was first seen with;
//! * a batch's checkpoint is there if its records are, and only then, until another batch forgets it;
//! * a record that was refused may be there, once, if the disk did not let it be taken back, until a power cut;
//! * nothing is said to be missing, unless the power cut left bytes that nobody wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use spandrel_config::{ByteSize, Limits as ConfigLimits, Retention};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::tests::{copy, scan};
use super::*;
use crate::disk::failing::{FailingDisk, Mood, Side};
use crate::filter::Filter;
use crate::id::RecordId;
use crate::snapshot::Counting;
use crate::testing::{self, EPOCH, shop_from};

/// Cases of an ordinary run of the tests.
const SEEDS: u64 = 200;
const STEPS: usize = 12;
/// Little enough that some steps fill a commit, more than a case writes.
const MAX_BYTES: ByteSize = ByteSize::mib(4);

struct Case {
    rng: Rng,
    runtime: Runtime,
    folder: TempDir,
    disk: FailingDisk,
    store: Option<Store>,
    /// The number of the next record.
    next: u64,
    kept: BTreeMap<u64, Option<RecordId>>,
    refused: BTreeMap<u64, Option<RecordId>>,
    /// The first record of each batch, which names its checkpoint; and whose checkpoint the batch forgets.
    batches: BTreeMap<u64, Option<u64>>,
    /// Batches that had nothing but a checkpoint and were kept.
    bare: BTreeSet<String>,
    /// A power cut left bytes that nobody wrote.
    torn: bool,
    /// What was done, for who reads a failure.
    notes: Vec<String>,
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_whatever_the_disk_does() {
    let (first, seeds) = seeds();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= seeds {
                        return;
                    }
                    let seed = first.wrapping_add(at);
                    let ran = catch_unwind(AssertUnwindSafe(|| Case::new(seed).run()));
                    assert!(ran.is_ok(), "seed {seed}: repeat it with SPANDREL_CRASH_SEED={seed}");
                }
            });
        }
    });
}

/// The first seed, and how many.
#[allow(clippy::disallowed_methods, reason = "what to test is not configuration")]
fn seeds() -> (u64, u64) {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse().ok());
    match (number("SPANDREL_CRASH_SEED"), number("SPANDREL_CRASH_SEEDS")) {
        (Some(seed), _) => (seed, 1),
        (None, Some(count)) => (fastrand::u64(..), count),
        (None, None) => (fastrand::u64(..), SEEDS),
    }
}

impl Case {
    fn new(seed: u64) -> Case {
        let mut rng = Rng::with_seed(seed);
        let mut case = Case {
            disk: FailingDisk::new(rng.u64(..)),
            rng,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            store: None,
            next: 0,
            kept: BTreeMap::new(),
            refused: BTreeMap::new(),
            batches: BTreeMap::new(),
            bare: BTreeSet::new(),
            torn: false,
            notes: Vec::new(),
        };
        case.open();
        case
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            match self.rng.u32(0..100) {
                0..45 => self.append(),
                45..50 => self.append_bare(),
                50..70 => self.change_mood(),
                70..80 => self.check("while it runs"),
                80..90 => self.reopen(),
                _ => self.cut_power(),
            }
        }
        self.reopen();
        self.disk.set(Side::Journal, Mood::Sound);
        self.disk.set(Side::Index, Mood::Sound);
        self.append();
        self.reopen();
        assert_eq!(
            fs::read_dir(self.folder.path().join("journal")).unwrap().count(),
            0,
            "the journal is done"
        );
    }

    fn open(&mut self) {
        let retention = Retention { max_bytes: Some(MAX_BYTES), ..Retention::default() };
        let storage = Storage { directory: self.folder.path().to_owned(), retention, ..Storage::default() };
        let (limits, registry) = (ConfigLimits::default(), prometheus::Registry::new());
        let disk = Arc::new(self.disk.clone());
        self.store = Some(Store::open_on(disk, &storage, &limits, &registry).unwrap());
        self.check("after a start");
    }

    /// Sends some batches at once.
    fn append(&mut self) {
        let store = self.store.as_ref().unwrap();
        let mut sent = Vec::new();
        for _ in 0..self.rng.u32(1..5) {
            let records = [self.rng.u64(1..4), self.rng.u64(1..60), self.rng.u64(1..400)];
            let records = records[self.rng.usize(0..3)];
            let mut batch = testing::batch(shop_from(self.next, records));
            batch.checkpoints.push((checkpoint(self.next), Some(Bytes::new())));
            let forgets = self.rng.choice(self.batches.keys().copied()).filter(|_| self.rng.bool());
            batch.checkpoints.extend(forgets.map(|first| (checkpoint(first), None)));
            self.batches.insert(self.next, forgets);
            let store = store.clone();
            sent.push((
                self.next..self.next + records,
                self.runtime.spawn(async move { store.append(batch).await }),
            ));
            self.next += records;
        }
        for (numbers, answer) in sent {
            let answer = self.runtime.block_on(answer).unwrap();
            self.notes.push(format!("{numbers:?} {answer:?}"));
            match answer {
                Ok(()) => self.kept.extend(numbers.map(|number| (number, None))),
                Err(_) => self.refused.extend(numbers.map(|number| (number, None))),
            }
        }
    }

    /// Sends a batch without records.
    fn append_bare(&mut self) {
        let key = format!("bare/{}", self.next + self.bare.len() as u64);
        let mut batch = testing::batch(Vec::new());
        batch.checkpoints.push((key.clone(), Some(Bytes::new())));
        let answer = self.runtime.block_on(self.store.as_ref().unwrap().append(batch));
        self.notes.push(format!("{key} {answer:?}"));
        if answer.is_ok() {
            self.bare.insert(key);
        }
    }

    fn change_mood(&mut self) {
        let side = if self.rng.bool() { Side::Journal } else { Side::Index };
        let mood = match self.rng.u32(0..6) {
            0..2 => Mood::Sound,
            2..4 => Mood::FailingOnce(self.rng.u32(0..100)),
            _ => Mood::Failing([0.02, 0.1, 0.5][self.rng.usize(0..3)]),
        };
        self.disk.set(side, mood);
        self.notes.push(format!("{side:?} {mood:?}"));
    }

    /// Ends the store as a stop would, and opens it again.
    fn reopen(&mut self) {
        self.notes.push("reopen".to_owned());
        self.store.take().unwrap().close();
        self.open();
    }

    /// Cuts the power in the middle of something, and goes on with what is left.
    fn cut_power(&mut self) {
        let side = if self.rng.bool() { Side::Journal } else { Side::Index };
        let operations = if self.rng.bool() { self.rng.u32(0..10) } else { self.rng.u32(0..200) };
        self.disk.set(side, Mood::CutAfter(operations));
        self.notes.push(format!("power cut after {operations} operations on the {side:?}"));
        self.append();
        self.append();
        if self.rng.bool() {
            self.disk.cut();
        }
        self.store.take().unwrap().close();
        self.disk.cut();
        let image = tempfile::tempdir().unwrap();
        copy(self.folder.path(), image.path()).unwrap();
        let tear = self.rng.bool();
        self.torn |= tear;
        self.disk.lose_unsynced(self.folder.path(), image.path(), tear, &mut self.rng);
        self.folder = image;
        self.disk = FailingDisk::new(self.rng.u64(..));
        self.open();
    }

    /// Compares everything that is found with the model.
    fn check(&mut self, when: &str) {
        self.notes.push(format!("check {when}"));
        let snapshot = self.store.as_ref().unwrap().snapshot();
        let mut found: BTreeMap<u64, RecordId> = BTreeMap::new();
        let mut visit = |record: Arc<Record>| {
            let number = number_of(&record);
            assert!(found.insert(number, record.id).is_none(), "{when}: record {number} is there twice");
            ControlFlow::Continue(())
        };
        snapshot.scan(&scan(Filter::All), &mut visit).unwrap();
        let counting = Counting { step_ns: u64::MAX, origin_ns: 0, by: Vec::new(), groups_max: 10 };
        let counted = snapshot.count(&scan(Filter::All), &counting).unwrap();
        let counted: u64 = counted.iter().flat_map(|series| &series.points).map(|point| point.1).sum();
        assert_eq!(counted, found.len() as u64, "{when}: a record is counted twice");
        assert_eq!(snapshot.record_count(), counted, "{when}: the counts that commits hold are off");
        for (number, id) in &found {
            let sent = self.kept.get_mut(number).or_else(|| self.refused.get_mut(number));
            let sent = sent.unwrap_or_else(|| panic!("{when}: record {number} was never sent"));
            let first_seen = sent.get_or_insert(*id);
            assert_eq!(first_seen, id, "{when}: record {number} has another id");
        }
        self.check_checkpoints(when, &found);
        let missing: Vec<&u64> = self.kept.keys().filter(|number| !found.contains_key(number)).collect();
        assert!(missing.is_empty(), "{when}: acknowledged records are missing: {missing:?}");
        if !self.torn {
            assert_eq!(snapshot.gaps(), [], "{when}: a gap where nothing was damaged");
        }
    }
}

impl Case {
    fn check_checkpoints(&self, when: &str, found: &BTreeMap<u64, RecordId>) {
        let store = self.store.as_ref().unwrap();
        let keys =
            |prefix| store.checkpoints(prefix).into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>();
        let of_found = || self.batches.iter().filter(|(first, _)| found.contains_key(first));
        let forgotten: BTreeSet<u64> = of_found().filter_map(|(_, forgets)| *forgets).collect();
        let kept = of_found().map(|(first, _)| *first).filter(|first| !forgotten.contains(first));
        assert_eq!(keys("file/"), kept.map(checkpoint).collect(), "{when}: checkpoints and records disagree");
        assert!(keys("bare/").is_superset(&self.bare), "{when}: an acknowledged checkpoint is missing");
    }
}

/// The key of the checkpoint of the batch whose first record has this number.
fn checkpoint(first: u64) -> String {
    format!("file/{first:08}")
}

#[allow(clippy::print_stderr, reason = "a failed case has to tell what it did")]
impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:#?}", self.notes);
        }
    }
}

/// The shop's number of a record.
fn number_of(record: &Record) -> u64 {
    match &record.body {
        crate::record::RecordBody::Span(span) => {
            u64::from_be_bytes(span.span_id.as_slice().try_into().unwrap()) - 1
        }
        crate::record::RecordBody::Log(log) => log.observed_time_unix_nano - EPOCH,
    }
}
