//! The index's thread: owns the open partition, commits it, closes it, and keeps to the retention limits.
//!
//! In come batches that are already acknowledged and queryable in the head. A commit moves them to the
//! partition's view in one step. Commits are paced by bytes, and by time only so that an idle store holds
//! little in memory and in the journal: freshness is the head's business.
//!
//! Where tantivy fails, the writer is thrown away and opened again, and everything that the head still holds
//! is indexed anew; until that works, batches stay in the head, their permits are kept, and the memory
//! budget turns new ones away at the edge.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::folder::{DataFolder, disk_bytes};
use crate::head::HeadBatch;
use crate::history::History;
use crate::partition::{self, PartitionView, PartitionWriter};
use crate::retention::Limits;
use crate::shared::Shared;
use crate::snapshot::{Gap, GapReason};
use crate::time::{TimeRange, UnixNanos};
use crate::trouble::Trouble;

/// How often the clock is looked at while nothing comes in.
const TICK: Duration = Duration::from_millis(200);
const RETENTION_EVERY: Duration = Duration::from_secs(1);
/// The same for a store that nothing came to for so long: hundreds of idle sidecars on a machine are felt.
const REST_AFTER: Duration = Duration::from_secs(30);
const TICK_AT_REST: Duration = Duration::from_secs(1);
const RETENTION_AT_REST: Duration = Duration::from_secs(5);
/// Uncommitted records wait this long at most, and this long once nothing more comes: not so long where there are
/// enough of them to be worth a commit.
const COMMIT_AGE: Duration = Duration::from_secs(10);
const COMMIT_IDLE: Duration = Duration::from_secs(1);
const COMMIT_IDLE_OF_MANY: Duration = Duration::from_millis(100);
/// This part of a full commit is many.
const COMMIT_PART_OF_MANY: u64 = 4;
/// A commit is due once what it takes in holds this much of the memory budget: small requests may take half of it, and
/// go on arriving while the commit is made. What is on its way to the index does not count: a commit would not free it.
const COMMIT_BUDGET_PERCENT: usize = 20;
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// After so many failures to open it, a partition is left as it is and a new one begun.
const REOPENS_MAX: u32 = 5;

pub(crate) struct Indexer {
    shared: Arc<Shared>,
    folder: Arc<DataFolder>,
    limits: Limits,
    history: History,
    queue: Receiver<Arc<HeadBatch>>,
    /// `None` after a failure, until it is opened again.
    writer: Option<PartitionWriter>,
    number: u64,
    failures: u32,
    /// By what could not be done.
    trouble: Trouble<&'static str>,
    retry_at: Instant,
    /// The last batch taken from the queue.
    received: u64,
    uncommitted_bytes: u64,
    /// What they hold of the memory budget.
    uncommitted_memory: usize,
    uncommitted_since: Option<Instant>,
    last_batch: Instant,
    retained: Instant,
    /// Bytes of closed partitions, by number: they do not change.
    closed_bytes: HashMap<u64, u64>,
}

impl Indexer {
    pub fn new(
        shared: Arc<Shared>,
        folder: Arc<DataFolder>,
        limits: Limits,
        history: History,
        queue: Receiver<Arc<HeadBatch>>,
        number: u64,
    ) -> Indexer {
        let now = Instant::now();
        Indexer {
            received: shared.committed.load(Ordering::Acquire),
            shared,
            folder,
            limits,
            history,
            queue,
            writer: None,
            number,
            failures: 0,
            trouble: Trouble::default(),
            retry_at: now,
            uncommitted_bytes: 0,
            uncommitted_memory: 0,
            uncommitted_since: None,
            last_batch: now,
            retained: now,
            closed_bytes: HashMap::new(),
        }
    }

    pub fn run(mut self) {
        self.reopen();
        loop {
            let (tick, retention_every) = self.pace();
            match self.queue.recv_timeout(tick) {
                Ok(batch) => self.take(batch),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.reopen();
            if self.commit_is_due() {
                self.commit();
            }
            if self.retained.elapsed() >= retention_every {
                self.tick();
            }
        }
        if self.uncommitted_since.is_some() {
            // After a failure this is the last chance to try again.
            self.retry_at = Instant::now();
            self.reopen();
            self.commit();
        }
        if let Err(error) = self.history.write() {
            tracing::warn!(%error, "cannot note how long the store has run");
        }
    }

    /// How often the clock is looked at, and retention.
    fn pace(&self) -> (Duration, Duration) {
        let is_asked_for_room = self.shared.wanted_bytes.load(Ordering::Relaxed) > 0;
        let has_work = self.uncommitted_since.is_some() || self.writer.is_none() || is_asked_for_room;
        match !has_work && self.last_batch.elapsed() >= REST_AFTER {
            true => (TICK_AT_REST, RETENTION_AT_REST),
            false => (TICK, RETENTION_EVERY),
        }
    }

    fn take(&mut self, batch: Arc<HeadBatch>) {
        self.received = batch.sequence;
        self.add(batch);
    }

    fn add(&mut self, batch: Arc<HeadBatch>) {
        self.uncommitted_bytes += batch.bytes();
        self.uncommitted_memory += batch.memory;
        self.uncommitted_since.get_or_insert_with(Instant::now);
        self.last_batch = Instant::now();
        if let Some(writer) = &mut self.writer {
            writer.add(batch);
        }
    }

    fn commit_is_due(&self) -> bool {
        let Some(since) = self.uncommitted_since else { return false };
        self.writer.is_some()
            && (self.uncommitted_bytes >= self.limits.commit_bytes
                || self.memory_runs_short()
                || since.elapsed() >= COMMIT_AGE
                || self.last_batch.elapsed() >= self.idle_wait())
    }

    /// How long nothing must have come before what there is is committed.
    fn idle_wait(&self) -> Duration {
        match self.uncommitted_bytes >= self.limits.commit_bytes / COMMIT_PART_OF_MANY {
            true => COMMIT_IDLE_OF_MANY,
            false => COMMIT_IDLE,
        }
    }

    /// Uncommitted batches hold so much of the budget that senders would soon be turned away until a commit.
    fn memory_runs_short(&self) -> bool {
        self.uncommitted_memory / COMMIT_BUDGET_PERCENT >= self.shared.budget.bytes_max() / 100
    }

    fn commit(&mut self) {
        let Some(writer) = &mut self.writer else { return };
        let started = Instant::now();
        let view = match writer.commit(self.history.running_ms()) {
            Ok(view) => view,
            Err(error) => return self.fail("commit", &error),
        };
        (self.uncommitted_bytes, self.uncommitted_memory) = (0, 0);
        self.uncommitted_since = None;
        self.failures = 0;
        if let Some(failed) = self.trouble.is_over() {
            tracing::info!(failed, "the index is written again");
        }
        // Before the journal's files go, what replaces them is counted.
        self.measure();
        self.shared.committed.store(view.commit.sequence, Ordering::Release);
        self.publish(view);
        self.shared.metrics.commits.inc();
        self.shared.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        if self.is_to_be_closed() {
            self.close_partition();
        }
        self.retain();
    }

    /// Makes a view of the open partition the current one; what it holds leaves the head in the same step.
    fn publish(&self, view: Arc<PartitionView>) {
        self.shared.update(|state| {
            state.head.drop_through(view.commit.sequence);
            match state.partitions.last_mut().filter(|last| last.number == view.number) {
                Some(last) => *last = view,
                None => state.partitions.push(view),
            }
        });
        let state = self.shared.state();
        let metrics = &self.shared.metrics;
        metrics.head_records.set(state.head.len() as i64);
        metrics.head_bytes.set(state.head.bytes() as i64);
        metrics.partitions.set(state.partitions.len() as i64);
        metrics.records.set(state.partitions.iter().map(|view| view.commit.records()).sum::<u64>() as i64);
    }

    fn is_to_be_closed(&self) -> bool {
        let Some(writer) = &self.writer else { return false };
        writer.is_full()
            || self.open_for(writer) >= self.limits.partition_age
            || disk_bytes(writer.path()) >= self.limits.partition_bytes
    }

    /// How long the store has run since the first commit of the open partition.
    fn open_for(&self, writer: &PartitionWriter) -> Duration {
        let since = |begun_ms| self.history.running_ms().saturating_sub(begun_ms);
        Duration::from_millis(writer.begun_ms().map_or(0, since))
    }

    /// Ends the open partition, whose records are all committed, and begins the next.
    fn close_partition(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        match writer.close() {
            Ok(view) => self.publish(view),
            Err(error) => {
                tracing::warn!(%error, "merges of a closed partition did not end well; it stays as it is")
            }
        }
        self.number += 1;
        self.reopen();
    }

    fn fail(&mut self, what: &'static str, error: &tantivy::TantivyError) {
        self.shared.metrics.index_errors.inc();
        self.failures += 1;
        if let Some(failed) = self.trouble.failed(what, 1, Instant::now()) {
            tracing::error!(%error, failed, "cannot {what}; the records stay in the journal and in memory, trying again");
        }
        self.writer = None;
        self.retry_at = Instant::now() + REOPEN_AFTER;
    }

    /// Opens the writer if there is none, and feeds it what the head holds and it has not committed.
    fn reopen(&mut self) {
        if self.writer.is_some() || Instant::now() < self.retry_at {
            return;
        }
        let committed = self.shared.committed.load(Ordering::Acquire);
        let (partitions, identity) = (self.folder.partitions(), self.folder.identity);
        match PartitionWriter::open(&*self.folder.disk, &partitions, self.number, identity, committed) {
            Ok(writer) => self.feed(writer),
            Err(error) => {
                self.fail("open the index", &error);
                if self.failures >= REOPENS_MAX && !is_storage_full(&error) {
                    self.number += 1;
                    self.failures = 0;
                }
            }
        }
    }

    /// Takes a writer that was opened, and gives it what the head holds and it does not.
    fn feed(&mut self, writer: PartitionWriter) {
        let mut committed = self.shared.committed.load(Ordering::Acquire);
        if writer.sequence() > committed {
            // A commit that failed may have come as far as to be durable.
            match writer.view() {
                Ok(view) => self.publish(view),
                Err(error) => return self.fail("read the index", &error),
            }
            committed = writer.sequence();
            self.shared.committed.store(committed, Ordering::Release);
        }
        self.writer = Some(writer);
        (self.uncommitted_bytes, self.uncommitted_memory) = (0, 0);
        self.uncommitted_since = None;
        let state = self.shared.state();
        for batch in state.head.batches() {
            if batch.sequence > committed && batch.sequence <= self.received {
                self.add(batch.clone());
            }
        }
    }

    fn tick(&mut self) {
        self.retained = Instant::now();
        if self.uncommitted_since.is_none()
            && let Some(writer) = &self.writer
            && let Some(current) = self.shared.state().partitions.last()
            && current.number == writer.number()
            && writer.has_merged(current)
        {
            match writer.view() {
                Ok(view) => self.publish(view),
                Err(error) => tracing::warn!(%error, "cannot read the index after a merge"),
            }
        }
        // Also where nothing comes any more, or the last records of a silent service would be kept for good.
        if self.uncommitted_since.is_none()
            && self.writer.as_ref().is_some_and(|writer| writer.begun_ms().is_some())
            && self.is_to_be_closed()
        {
            self.close_partition();
        }
        if let Err(error) = self.history.tick(self.limits.max_age) {
            tracing::warn!(%error, "cannot note how long the store has run");
        }
        self.retain();
    }

    /// Deletes what was set aside, then the oldest closed partitions, until the limits hold.
    pub fn retain(&mut self) {
        let wanted = self.shared.wanted_bytes.swap(0, Ordering::Relaxed);
        loop {
            let (used, open) = self.measure();
            let excess = self.limits.excess(used, open, wanted);
            if excess > 0 && self.delete_oldest_set_aside() {
                continue;
            }
            let state = self.shared.state();
            let Some(oldest) = state.partitions.first().filter(|oldest| oldest.number != self.number) else {
                return;
            };
            let age = self.history.running_ms().saturating_sub(oldest.commit.running_ms);
            let expired = u128::from(age) > self.limits.max_age.as_millis();
            if excess == 0 && !expired {
                return;
            }
            self.delete(oldest);
        }
    }

    /// Whether there was anything that was set aside and could be deleted. That it is missing stays noted.
    fn delete_oldest_set_aside(&self) -> bool {
        match self.folder.delete_oldest_set_aside() {
            Ok(None) => false,
            Ok(Some(path)) => {
                tracing::warn!(path = %path.display(), "retention deletes what was set aside");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot delete what was set aside");
                false
            }
        }
    }

    /// Bytes used by everything but the journal, and by the open partition.
    fn measure(&mut self) -> (u64, u64) {
        let partitions = self.folder.partitions();
        // The checkpoints twice: as they are, and while they are replaced.
        let mut used = disk_bytes(&self.folder.set_aside()) + 2 * disk_bytes(&self.folder.checkpoints());
        for view in &self.shared.state().partitions {
            if view.number != self.number {
                let measured = || disk_bytes(&partition::folder(&partitions, view.number));
                used += *self.closed_bytes.entry(view.number).or_insert_with(measured);
            }
        }
        let open = disk_bytes(&partition::folder(&partitions, self.number));
        let reserved = used + open + self.limits.transient(open);
        self.shared.reserved_bytes.store(reserved, Ordering::Relaxed);
        self.shared.metrics.partition_bytes.set((used + open) as i64);
        (used + open, open)
    }

    fn delete(&mut self, view: &PartitionView) {
        tracing::info!(
            partition = view.number,
            records = view.commit.records(),
            "retention deletes a partition"
        );
        let detail = "deleted by retention".to_owned();
        // What said that it is of the future is deleted no less, but nobody who asks for later times misses it.
        let TimeRange { start, end } = view.commit.range();
        let now = UnixNanos::now();
        let range = TimeRange { start: start.min(now), end: end.min(now) };
        let gap = Gap { reason: GapReason::Deleted, range, detail };
        // Without records, checkpoints are all that came.
        if view.commit.records() > 0
            && let Err(error) = self.history.add(&gap)
        {
            tracing::warn!(%error, "cannot note what retention deleted");
        }
        let gaps = self.history.gaps();
        self.shared.update(|state| {
            state.partitions.retain(|other| other.number != view.number);
            state.gaps = gaps;
        });
        if let Err(error) = partition::remove(&self.folder.partitions(), view.number) {
            tracing::warn!(%error, partition = view.number, "cannot delete a partition");
        }
        self.closed_bytes.remove(&view.number);
        self.shared.metrics.deleted_partitions.inc();
        self.shared.metrics.deleted_records.inc_by(view.commit.records());
    }
}

fn is_storage_full(error: &tantivy::TantivyError) -> bool {
    match error {
        tantivy::TantivyError::IoError(error) => {
            matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
        }
        _ => false,
    }
}
