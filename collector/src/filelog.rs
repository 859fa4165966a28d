//! Lines of files: `receivers.filelog`.
//!
//! In come the files that the patterns name, out go records, each line of each file once. One thread reads
//! ([`reader`]); here its chunks are understood, and kept in the order they were read, each with the checkpoints that
//! say how far its files are read: both are in the same frame of the journal, so that after a crash reading goes on
//! exactly behind what is kept. One chunk is understood while the one before it is kept. Where the store has no room,
//! this waits, and so does the reader. Nothing is dropped but a record for which there can never be room: that is counted and
//! passed over, for all that stands behind it would wait for ever. Nothing is held for a file but its place.
//!
//! On shutdown the reader looks once more, and what it has read is kept before this returns.

mod cutter;
mod discovery;
mod files;
mod fingerprint;
mod kubernetes;
mod metrics;
mod position;
mod reader;
mod tailed;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spandrel_config::{FileLogReceiver, Limits};
use spandrel_store::Receiver;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::cutter::CutLimits;
use self::discovery::Stat;
use self::files::Files;
pub(crate) use self::metrics::FileLogMetrics;
use self::position::FileId;
use self::reader::{FileChunk, FileReader, Piece};
use self::tailed::{Origin, READ_BYTES, Reading, Tailed, Turn, folder_of};
use crate::content::Compression;
use crate::entries::{self, Gathered, Gathering};
use crate::intake::Intake;
use crate::lines::{CHUNK_LINES_MAX, ChunkLimits, LineOwner};
use crate::otlp::Signal;
use crate::refusal::Refusal;

const RECEIVER: Receiver = Receiver::FileLog;
/// A refused chunk is tried again after no more than this.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// A chunk, and a turn, is such a part of what the store can keep at once, if that is little: a record has its line more than
/// once, with its attributes.
const BATCH_PART: u64 = 16;
/// What a record takes at once beside its line.
const RECORD_BYTES: u64 = 512;

/// Follows files until stopped; then keeps what was read.
pub(crate) async fn run(
    intake: Intake,
    config: FileLogReceiver,
    limits: Limits,
    metrics: FileLogMetrics,
    stop: CancellationToken,
) {
    // One waits while the one before it is understood.
    let (chunks, read) = mpsc::channel(1);
    let (understood, to_keep) = mpsc::channel(1);
    let reader = reader(&intake, config, &limits, metrics, chunks, stop);
    let reading = tokio::task::spawn_blocking(move || reader.run(&Handle::current()));
    tokio::join!(understand_all(&intake, read, understood), keep_all(&intake, to_keep));
    if let Err(error) = reading.await {
        tracing::error!(%error, "files are no longer followed");
    }
}

fn reader(
    intake: &Intake,
    config: FileLogReceiver,
    limits: &Limits,
    metrics: FileLogMetrics,
    chunks: mpsc::Sender<FileChunk>,
    stop: CancellationToken,
) -> FileReader {
    let batch_bytes_max = intake.store.batch_bytes_max();
    let reading = reading(limits, batch_bytes_max, config.force_flush_period);
    let poll_interval = config.poll_interval;
    let saved = intake.store.checkpoints(position::KEYS);
    FileReader {
        files: Files::new(config, metrics.clone(), limits.checkpoints_max, saved),
        reading,
        poll_interval,
        chunk_bytes_max: limits.line_batch_bytes_max.as_usize().min(part_of(batch_bytes_max)),
        files_open_max: limits.files_open_max,
        metrics,
        chunks,
        stop,
        open: VecDeque::new(),
        last: None,
        chunk: FileChunk::default(),
    }
}

fn part_of(batch_bytes_max: u64) -> usize {
    usize::try_from(batch_bytes_max / BATCH_PART).unwrap_or(usize::MAX).max(1)
}

fn reading(limits: &Limits, batch_bytes_max: u64, line_delay: Duration) -> Reading {
    let ChunkLimits { join, join_delay, .. } = ChunkLimits::of(limits);
    let line_bytes_max = limits.line_bytes_max.as_usize();
    let records_max = usize::try_from(batch_bytes_max / RECORD_BYTES).unwrap_or(usize::MAX);
    let limits = CutLimits { line_bytes_max, join, records_max: records_max.clamp(1, CHUNK_LINES_MAX) };
    let turn_bytes = READ_BYTES.min(part_of(batch_bytes_max));
    Reading { limits, record_delay: join_delay, line_delay, turn_bytes, is_last: false }
}

/// Reads a file to its end and keeps nothing of it, for measurements: bytes and records.
pub(crate) fn read_alone(limits: &Limits, path: &Path) -> io::Result<(u64, usize)> {
    let metadata = std::fs::metadata(path)?;
    let origin = Origin { resource: Vec::new(), service: None, attributes: Vec::new() };
    let (id, stat) = (FileId::of(&metadata), Stat::of(&metadata));
    let mut file = Tailed::new(id, path.to_owned(), folder_of(path), stat, origin.into());
    let reading = Reading { is_last: true, ..reading(limits, u64::MAX, Duration::ZERO) };
    let (mut bytes, mut count) = (0, 0);
    loop {
        match file.turn(reading, Instant::now())? {
            Turn::Read { records, bytes: read, more } => {
                bytes += read;
                count += records.len();
                if !more {
                    return Ok((bytes, count));
                }
            }
            Turn::Replaced => return Err(io::Error::other("the file was replaced while it was read")),
        }
    }
}

async fn understand_all(
    intake: &Intake,
    mut read: mpsc::Receiver<FileChunk>,
    understood: mpsc::Sender<(Arc<FileChunk>, Gathered)>,
) {
    while let Some(chunk) = read.recv().await {
        let mut chunk = Arc::new(chunk);
        let records = understand_patiently(intake, &mut chunk).await;
        if understood.send((chunk, records)).await.is_err() {
            return;
        }
    }
}

/// One after the other: what a later chunk says of a file must not be kept before the earlier one is.
async fn keep_all(intake: &Intake, mut to_keep: mpsc::Receiver<(Arc<FileChunk>, Gathered)>) {
    while let Some((mut chunk, mut understood)) = to_keep.recv().await {
        let _in_flight = intake.activity.request();
        let mut told = false;
        while let Err(refusal) = keep(intake, &chunk, understood).await {
            wait_or_pass_over(intake, &refusal, &mut chunk, &mut told).await;
            understood = understand_patiently(intake, &mut chunk).await;
        }
    }
}

async fn keep(intake: &Intake, chunk: &FileChunk, understood: Gathered) -> Result<(), Refusal> {
    let Gathered { received, records, permit, cuts } = understood;
    intake.keep_with_checkpoints(RECEIVER, received, records, permit, chunk.checkpoints.clone()).await?;
    intake.counters.cut(&cuts);
    Ok(())
}

/// However long it takes until there is memory for it.
async fn understand_patiently(intake: &Intake, chunk: &mut Arc<FileChunk>) -> Gathered {
    let mut told = false;
    loop {
        match understand(intake, chunk.clone()).await {
            Ok(understood) => return understood,
            Err(refusal) => wait_or_pass_over(intake, &refusal, chunk, &mut told).await,
        }
    }
}

/// Before a chunk that was refused is tried again: where that is of no use, its largest record is left out of it.
async fn wait_or_pass_over(intake: &Intake, refusal: &Refusal, chunk: &mut Arc<FileChunk>, told: &mut bool) {
    intake.counters.refused_request(RECEIVER, refusal.reason());
    let is_in_vain = refusal.retry_after().is_none();
    if is_in_vain && let Some(bytes) = Arc::make_mut(chunk).remove_largest() {
        tracing::warn!(%refusal, bytes, "a record of a file can never be kept, and is passed over");
        return intake.counters.refused_records(RECEIVER, Signal::Logs, refusal.reason(), 1);
    }
    if !std::mem::replace(told, true) {
        tracing::warn!(%refusal, "following files waits");
    }
    tokio::time::sleep(refusal.retry_after().unwrap_or(RETRY_AFTER).min(RETRY_AFTER)).await;
}

async fn understand(intake: &Intake, chunk: Arc<FileChunk>) -> Result<Gathered, Refusal> {
    let size = (chunk.bytes, Compression::Identity);
    let read = move |gathering: &mut Gathering| {
        chunk.pieces.iter().try_for_each(|Piece { origin, records }| {
            let Origin { resource, service, attributes } = &**origin;
            let whose = LineOwner::new(resource, attributes.clone(), service.as_deref(), gathering);
            records.iter().try_for_each(|record| whose.take(record, gathering))
        })
    };
    entries::gather(intake, size, intake.admit()?, read).await.map(|(gathered, ())| gathered)
}

#[cfg(test)]
mod tests;
