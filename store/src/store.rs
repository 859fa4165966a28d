//! The store: one writer, many snapshots.
//!
//! A batch goes to the journal's thread (`appender.rs`), which makes it durable, publishes it in the head and
//! acknowledges it, and from there to the index's thread (`indexer.rs`), which moves it from the head to a
//! partition. Readers take a [`Snapshot`] and are never in anybody's way.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use spandrel_config::{Durability, Storage};
use tokio::sync::{broadcast, oneshot};

use crate::appender::{Append, Appender, KeptJournal, Waiting};
use crate::batch::Batch;
use crate::budget::MemoryBudget;
use crate::disk::{Disk, MappedFiles, RealDisk};
use crate::error::{AppendError, OpenError};
use crate::folder::DataFolder;
use crate::indexer::Indexer;
use crate::metrics::Metrics;
use crate::record::Record;
use crate::recovery::{Recovered, recover};
use crate::retention::Limits;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::stored::encode_batch;
use crate::trouble::Trouble;
use crate::watch::{Watch, Watcher};

/// Batches that a slow tail may lag behind before it is told how many it missed.
const TAIL_BATCHES_MAX: usize = 256;
/// Batches that wait for the disk; more are refused as overload.
const APPEND_QUEUE: usize = 1024;
/// Batches that wait for the index; their bytes are bounded by the memory budget.
const INDEX_QUEUE: usize = 64;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A handle to the store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Option<Writer>>>,
    mapped: Arc<MappedFiles>,
    watcher: Arc<Watcher>,
    /// More can never be kept at once.
    batch_bytes_max: u64,
}

#[derive(Debug)]
struct Writer {
    queue: SyncSender<Append>,
    appender: JoinHandle<KeptJournal>,
    indexer: JoinHandle<()>,
}

impl Store {
    /// Opens the data folder, repairs what a crash left, and starts the writer. Blocks.
    pub fn open(
        storage: &Storage,
        limits: &spandrel_config::Limits,
        registry: &prometheus::Registry,
    ) -> Result<Store, OpenError> {
        Store::open_on(Arc::new(RealDisk::default()), storage, limits, registry)
    }

    /// Opens a folder on a disk that may fail.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        storage: &Storage,
        limits: &spandrel_config::Limits,
        registry: &prometheus::Registry,
    ) -> Result<Store, OpenError> {
        let metrics = Metrics::register(registry)?;
        let mapped = disk.mapped().clone();
        let io = |source| OpenError::Io { folder: storage.directory.clone(), source };
        let folder = Arc::new(DataFolder::open(disk, &storage.directory)?);
        let retention = Limits::new(&storage.retention, limits, &folder).map_err(io)?;
        warn_of_a_small_volume(storage, &folder).map_err(io)?;
        let sync = storage.durability == Durability::Fsync;
        let Recovered { state, mut journal, checkpoints, history, committed, next_partition } =
            recover(&folder, sync, limits.checkpoints_max, &metrics).map_err(io)?;
        metrics.storage_limit_bytes.set(retention.max_bytes as i64);

        let waiting: Vec<_> = state.head.batches().cloned().collect();
        let budget = MemoryBudget::new(limits.in_flight().as_usize());
        let shared = Shared::new(state, checkpoints, budget, metrics, TAIL_BATCHES_MAX, retention.max_bytes);
        let shared = Arc::new(shared);
        shared.committed.store(committed, std::sync::atomic::Ordering::Release);
        journal.limit_files(retention.journal_file_bytes);
        shared.journal_bytes.store(journal.bytes(), std::sync::atomic::Ordering::Relaxed);

        let (index, batches) = sync_channel(INDEX_QUEUE.max(waiting.len()));
        for batch in waiting {
            index.try_send(batch).expect("the queue was made with room for these");
        }
        let (queue, appends) = sync_channel(APPEND_QUEUE);
        let batch_bytes_max = retention.batch_bytes_max();
        let mut indexer =
            Indexer::new(shared.clone(), folder.clone(), retention, history, batches, next_partition);
        indexer.retain();
        let kept = KeptJournal { shared: shared.clone(), folder, journal, trimmed: 0 };
        let trouble = Trouble::default();
        let appender = Appender { shared: shared.clone(), kept, queue: appends, index, trouble };
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let indexer = spawn("index").spawn(move || indexer.run()).map_err(io)?;
        let appender = spawn("journal").spawn(move || appender.run()).map_err(io)?;
        let writer = Arc::new(Mutex::new(Some(Writer { queue, appender, indexer })));
        Ok(Store { shared, writer, mapped, watcher: Arc::default(), batch_bytes_max })
    }

    /// Keeps a batch. Returns once its records are in the journal, synced as configured, and queryable.
    /// Its checkpoints are kept with them. An empty batch is a success. If the caller goes away while waiting, the batch may be kept or not.
    pub async fn append(&self, batch: Batch) -> Result<(), AppendError> {
        if batch.records.is_empty() && batch.checkpoints.is_empty() {
            return Ok(());
        }
        let fit = self.shared.checkpoints().check(&batch.checkpoints);
        fit.map_err(|reason| AppendError::Checkpoints { reason })?;
        let payload = encode_batch(&batch);
        if payload.len() as u64 > self.batch_bytes_max {
            return Err(AppendError::TooLarge { bytes_max: self.batch_bytes_max });
        }
        if self.shared.is_full(0, payload.len() as u64) {
            return Err(AppendError::StorageFull { retry_after: RETRY_AFTER });
        }
        let Batch { records, checkpoints, permit, .. } = batch;
        let seen = self.watcher.look_at(&records);
        drop(records);
        let (reply, kept) = oneshot::channel();
        self.send(Append { payload, waiting: Waiting { permit, checkpoints, reply } })?;
        kept.await.unwrap_or(Err(AppendError::Closed))?;
        if let Some(note) = seen {
            note();
        }
        Ok(())
    }

    /// Lets `watch` see every record that is kept from now on; false if somebody does already.
    pub fn watch(&self, watch: Watch) -> bool {
        self.watcher.set(watch)
    }

    fn send(&self, append: Append) -> Result<(), AppendError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = writer.as_ref().ok_or(AppendError::Closed)?;
        writer.queue.try_send(append).map_err(|error| match error {
            TrySendError::Full(_) => AppendError::Overloaded { retry_after: RETRY_AFTER },
            TrySendError::Disconnected(_) => AppendError::Closed,
        })
    }

    /// More bytes of one batch, encoded, can never be kept.
    pub fn batch_bytes_max(&self) -> u64 {
        self.batch_bytes_max
    }

    /// The memory that batches in flight are charged to.
    pub fn budget(&self) -> &MemoryBudget {
        &self.shared.budget
    }

    /// Lets go of the pages of the index that questions have read. Blocks, if only for moments.
    pub fn let_go_of_pages(&self) {
        self.mapped.let_go();
    }

    /// The checkpoints whose keys begin with `prefix`, as all batches kept so far leave them.
    pub fn checkpoints(&self, prefix: &str) -> Vec<(String, Bytes)> {
        self.shared.checkpoints().current(prefix)
    }

    /// Everything that is queryable now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Records as they are acknowledged, from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<[Arc<Record>]>> {
        self.shared.tail.subscribe()
    }

    /// Refuses what comes from now on, indexes what was acknowledged and commits it. Blocks until done.
    pub fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Writer { queue, appender, indexer }) = writer else { return };
        drop(queue);
        let journal = appender.join();
        if indexer.join().is_err() {
            tracing::error!("the indexing thread failed; what is acknowledged stays in the journal");
        }
        match journal {
            Ok(mut journal) => journal.trim(),
            Err(_) => tracing::error!("the journal's thread failed"),
        }
    }
}

/// A limit that the volume cannot hold is none: the volume is full before.
fn warn_of_a_small_volume(storage: &Storage, folder: &DataFolder) -> std::io::Result<()> {
    let Some(max_bytes) = storage.retention.max_bytes else { return Ok(()) };
    let volume_bytes = spandrel_config::ByteSize(folder.volume_bytes()?);
    if max_bytes > volume_bytes {
        tracing::warn!(
            "storage.retention.max_bytes is {max_bytes}, and the volume of {} has {volume_bytes} in all: it will be full \
             before retention deletes anything",
            storage.directory.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod answers;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod tests;
