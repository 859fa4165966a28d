//! The journal's thread: batches become durable, then queryable, then are acknowledged, then are indexed.
//!
//! In come batches from [`Store::append`](crate::Store::append), over a bounded queue; those that wait while
//! the disk syncs are written and synced together. Out go the same batches, in order, to the index's thread,
//! over a bounded queue too: when the index falls behind, this waits, the queue in front fills, and appends
//! are refused as overloaded. It ends when the store is closed, after everything that was queued.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::batch::Checkpoint;
use crate::budget::Permit;
use crate::checkpoints;
use crate::error::AppendError;
use crate::folder::DataFolder;
use crate::head::HeadBatch;
use crate::journal::Journal;
use crate::shared::Shared;
use crate::trouble::Trouble;

/// Batches and bytes of one write and sync.
const GROUP_BATCHES_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 8 << 20;
/// Without appends, how long a journal file may outlive the commit of its frames.
const TRIM_EVERY: Duration = Duration::from_millis(500);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A batch that waits to be kept.
pub(crate) struct Append {
    pub payload: Vec<u8>,
    pub waiting: Waiting,
}

/// What is done once it is.
pub(crate) struct Waiting {
    pub permit: Option<Permit>,
    pub checkpoints: Vec<Checkpoint>,
    pub reply: oneshot::Sender<Result<(), AppendError>>,
}

pub(crate) struct Appender {
    pub shared: Arc<Shared>,
    pub kept: KeptJournal,
    pub queue: Receiver<Append>,
    pub index: SyncSender<Arc<HeadBatch>>,
    pub trouble: Trouble<ErrorKind>,
}

/// The journal, and how far it has been trimmed.
pub(crate) struct KeptJournal {
    pub shared: Arc<Shared>,
    pub folder: Arc<DataFolder>,
    pub journal: Journal,
    pub trimmed: u64,
}

impl Appender {
    /// Gives the journal back at the end, to be trimmed once everything is committed.
    pub fn run(mut self) -> KeptJournal {
        loop {
            match self.queue.recv_timeout(TRIM_EVERY) {
                Ok(first) => self.append(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.kept.trim();
        }
        self.kept
    }

    fn append(&mut self, first: Append) {
        let group = self.group(first);
        let payloads: Vec<Vec<u8>> = group.0;
        if payloads.is_empty() {
            return;
        }
        let started = Instant::now();
        let written = self.kept.journal.append(&payloads);
        self.shared.metrics.journal_sync_seconds.observe(started.elapsed().as_secs_f64());
        self.shared.journal_bytes.store(self.kept.journal.bytes(), Ordering::Relaxed);
        match written {
            Ok(sequence) => {
                if let Some(refused) = self.trouble.is_over() {
                    tracing::info!(refused, "the journal is written again");
                }
                self.publish(sequence, group.1, payloads);
            }
            Err(error) => self.refuse(&error, group.1),
        }
    }

    /// The first batch and those that wait behind it, with their payloads apart. The first that there is
    /// no room for is refused and ends the group.
    fn group(&self, first: Append) -> (Vec<Vec<u8>>, Vec<Waiting>) {
        let mut bytes = 0;
        let (mut payloads, mut waiting) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(append) = next {
            let of_this = append.payload.len();
            let is_full = self.shared.is_full(bytes as u64, of_this as u64);
            if is_full {
                // Whoever asked may have gone.
                let full = AppendError::StorageFull { retry_after: RETRY_AFTER };
                let _ = append.waiting.reply.send(Err(full));
            } else {
                bytes += of_this;
                payloads.push(append.payload);
                waiting.push(append.waiting);
            }
            let has_room = !is_full && waiting.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_MAX;
            next = if has_room { self.queue.try_recv().ok() } else { None };
        }
        (payloads, waiting)
    }

    fn publish(&self, first: u64, waiting: Vec<Waiting>, payloads: Vec<Vec<u8>>) {
        let mut batches = Vec::with_capacity(waiting.len());
        let mut replies = Vec::with_capacity(waiting.len());
        for ((sequence, waiting), payload) in (first..).zip(waiting).zip(payloads) {
            match HeadBatch::read(sequence, self.kept.folder.identity, payload.into(), waiting.permit) {
                Ok(batch) => {
                    self.shared.checkpoints().take(sequence, waiting.checkpoints);
                    batches.push(Arc::new(batch));
                    replies.push(waiting.reply);
                }
                // The sender is not told that it was kept: nobody could find it.
                Err(error) => tracing::error!(%error, sequence, "a batch cannot be read back"),
            }
        }
        self.shared.update(|state| batches.iter().for_each(|batch| state.head.push(batch.clone())));
        for reply in replies {
            // Whoever asked may have gone; what was kept stays kept.
            let _ = reply.send(Ok(()));
        }
        let metrics = &self.shared.metrics;
        for batch in batches {
            metrics.appended_records.inc_by(batch.len() as u64);
            metrics.head_records.add(batch.len() as i64);
            metrics.head_bytes.add(batch.bytes() as i64);
            if self.shared.tail.receiver_count() > 0 {
                // Whoever watched may have gone.
                let _ = self.shared.tail.send(batch.records().collect());
            }
            if self.index.send(batch).is_err() {
                tracing::error!("the indexing thread has ended; what is acknowledged stays in the journal");
            }
        }
    }

    fn refuse(&mut self, error: &std::io::Error, waiting: Vec<Waiting>) {
        self.shared.metrics.journal_errors.inc();
        if let Some(refused) = self.trouble.failed(error.kind(), waiting.len(), Instant::now()) {
            tracing::error!(%error, refused, "the journal cannot be written; senders are told to try again");
        }
        for Waiting { reply, .. } in waiting {
            let _ = reply.send(Err(refusal(error)));
        }
    }
}

impl KeptJournal {
    /// Deletes what is no longer needed of the journal.
    pub fn trim(&mut self) {
        let committed = self.shared.committed.load(Ordering::Acquire);
        if committed == self.trimmed {
            return;
        }
        if self.journal.has_to_trim(committed)
            && let Err(error) = self.keep_checkpoints(committed)
        {
            return tracing::warn!(%error, "the checkpoints of receivers cannot be written; the journal keeps them");
        }
        match self.journal.trim(committed) {
            Ok(()) => self.trimmed = committed,
            Err(error) => tracing::warn!(%error, "a journal file that is no longer needed cannot be deleted"),
        }
        self.shared.journal_bytes.store(self.journal.bytes(), Ordering::Relaxed);
        self.shared.metrics.journal_bytes.set(self.journal.bytes() as i64);
    }

    /// Puts what the frames up to `committed` say of receivers where it outlives them.
    fn keep_checkpoints(&self, committed: u64) -> std::io::Result<()> {
        let Some(content) = self.shared.checkpoints().fold(committed) else { return Ok(()) };
        checkpoints::write(&*self.folder.disk, &self.folder.checkpoints(), &content)?;
        self.shared.checkpoints().are_kept();
        Ok(())
    }
}

fn refusal(error: &std::io::Error) -> AppendError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => AppendError::StorageFull { retry_after: RETRY_AFTER },
        _ => AppendError::Journal { reason: error.to_string(), retry_after: RETRY_AFTER },
    }
}
