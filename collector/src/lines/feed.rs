//! Lines of a stream on their way to the store: taken apart, joined, kept in batches.
//!
//! In come pieces of bytes, out go records. A batch is kept when it is large enough, when its first line has
//! waited `limits.line_batch_delay`, and at the end. Nobody can be told to send again, so where the store
//! refuses, this waits and its caller does not read on: the writer feels it, and nothing is dropped, unless the
//! origin says that its writer must not be held up. Held are one
//! batch, one record that may go on, and one line that has not ended.

use std::time::Duration;

use bytes::BytesMut;
use spandrel_store::Receiver;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::joiner::Joiner;
use super::stream::LineSplitter;
use super::{Chunk, JOIN_DELAYS_MAX, LineOrigin, RawLine};
use crate::intake::Intake;
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// What is read at once.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// A refused batch is tried again after no more than this.
const RETRY_AFTER: Duration = Duration::from_millis(200);

pub(crate) struct LineFeed {
    intake: Intake,
    origin: LineOrigin,
    splitter: LineSplitter,
    joiner: Joiner,
    chunk: Chunk,
    /// When the chunk's first line has waited long enough.
    chunk_due: Option<Instant>,
    /// The last chunk was dropped, so the next is tried once: the writer is not held up for each.
    gave_up: bool,
    /// Since when the last record waits for more lines, and when it is taken to be whole.
    record_begun: Option<Instant>,
    record_due: Option<Instant>,
}

impl LineFeed {
    pub(crate) fn new(intake: Intake, origin: LineOrigin) -> LineFeed {
        let splitter = LineSplitter::new(intake.record_limits.line_bytes_max);
        let (joiner, chunk) = (Joiner::new(intake.chunk_limits.join), Chunk::new(intake.chunk_limits));
        LineFeed {
            intake,
            origin,
            splitter,
            joiner,
            chunk,
            chunk_due: None,
            gave_up: false,
            record_begun: None,
            record_due: None,
        }
    }

    /// Reads until the end of the input, or until stopped; then keeps what was read.
    pub(crate) async fn run<R: AsyncRead + Unpin>(mut self, input: R, stop: CancellationToken) {
        let mut input = input;
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        loop {
            let due = self.due();
            tokio::select! {
                read = input.read_buf(&mut piece) => match read {
                    Ok(0) => break,
                    Ok(_) => self.take_in(&piece).await,
                    Err(error) => {
                        tracing::warn!(%error, from = self.origin.receiver.as_str(), "cannot read lines any more");
                        break;
                    }
                },
                () = until(due) => self.on_due().await,
                () = stop.cancelled() => break,
            }
            piece.clear();
            piece.reserve(READ_BYTES);
        }
        self.finish().await;
    }

    /// Takes the next piece.
    pub(crate) async fn take_in(&mut self, piece: &[u8]) {
        let mut lines = Vec::new();
        self.splitter.feed(piece, |line| lines.push(line));
        // A piece of a line goes on with no record yet.
        if lines.is_empty() {
            return;
        }
        for line in lines {
            self.take_line(line).await;
        }
        self.record_due = self.joiner.is_waiting().then(|| {
            let (now, delay) = (Instant::now(), self.intake.chunk_limits.join_delay);
            let begun = *self.record_begun.get_or_insert(now);
            (now + delay).min(begun + JOIN_DELAYS_MAX * delay)
        });
    }

    async fn take_line(&mut self, line: RawLine) {
        let mut records = Vec::new();
        self.joiner.push(line, |record| records.push(record));
        if !records.is_empty() {
            self.record_begun = None;
        }
        self.take_records(records).await;
    }

    async fn end_record(&mut self) {
        let mut records = Vec::new();
        self.joiner.flush(|record| records.push(record));
        self.record_begun = None;
        self.take_records(records).await;
    }

    async fn take_records(&mut self, records: Vec<RawLine>) {
        for record in records {
            self.take_record(record).await;
        }
    }

    async fn take_record(&mut self, record: RawLine) {
        let delay = self.intake.chunk_limits.delay;
        self.chunk.push(record);
        self.chunk_due.get_or_insert_with(|| Instant::now() + delay);
        if self.chunk.is_full() {
            self.flush().await;
        }
    }

    /// When [`LineFeed::on_due`] is to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.chunk_due.into_iter().chain(self.record_due).min()
    }

    pub(crate) async fn on_due(&mut self) {
        let now = Instant::now();
        if self.record_due.is_some_and(|due| due <= now) {
            self.record_due = None;
            self.end_record().await;
        }
        if self.chunk_due.is_some_and(|due| due <= now) {
            self.flush().await;
        }
    }

    /// Keeps everything, the line that has not ended too.
    pub(crate) async fn finish(&mut self) {
        if let Some(line) = self.splitter.finish() {
            self.take_line(line).await;
        }
        self.end_record().await;
        self.flush().await;
    }

    /// Keeps the chunk, however long it takes, or as long as its origin has patience.
    async fn flush(&mut self) {
        self.chunk_due = None;
        let chunk = std::mem::replace(&mut self.chunk, Chunk::new(self.intake.chunk_limits));
        if !chunk.lines.is_empty() {
            let patience = if self.gave_up { Some(Duration::ZERO) } else { self.origin.patience };
            self.gave_up = !keep_patiently(self, chunk, patience).await;
        }
    }
}

/// What knows how chunks of an input are kept.
pub(crate) trait Keeper: Sync {
    fn intake(&self) -> &Intake;

    fn receiver(&self) -> Receiver;

    /// All of the chunk is kept, or nothing.
    fn keep(&self, chunk: &Chunk) -> impl Future<Output = Result<(), Refusal>> + Send;
}

impl Keeper for LineFeed {
    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn receiver(&self) -> Receiver {
        self.origin.receiver
    }

    async fn keep(&self, chunk: &Chunk) -> Result<(), Refusal> {
        super::keep(&self.intake, &self.origin, chunk).await.map(drop)
    }
}

/// Keeps a chunk of an input that cannot be told to send again; without patience, however long it takes. A line for which
/// there can never be room holds up nobody: it is counted and passed over. False where the patience was at its end.
pub(crate) async fn keep_patiently(keeper: &impl Keeper, chunk: Chunk, patience: Option<Duration>) -> bool {
    let (intake, receiver) = (keeper.intake(), keeper.receiver());
    let _in_flight = intake.activity.request();
    let begun = Instant::now();
    let (mut told, mut gave_up) = (patience == Some(Duration::ZERO), false);
    // The next is the last.
    let mut parts = vec![chunk];
    while let Some(part) = parts.pop() {
        let Err(refusal) = keeper.keep(&part).await else { continue };
        intake.counters.refused_request(receiver, refusal.reason());
        let Some(delay) = refusal.retry_after() else {
            match part.halves() {
                Some([first, second]) => parts.extend([second, first]),
                None => pass_over(intake, receiver, &refusal, &part),
            }
            continue;
        };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(%refusal, input = receiver.as_str(), "an input of lines waits");
        }
        if patience.is_some_and(|patience| begun.elapsed() >= patience) {
            gave_up = true;
            drop_lines(intake, receiver, &refusal, &part);
            continue;
        }
        tokio::time::sleep(delay.min(RETRY_AFTER)).await;
        parts.push(part);
    }
    !gave_up
}

fn pass_over(intake: &Intake, receiver: Receiver, refusal: &Refusal, line: &Chunk) {
    tracing::warn!(%refusal, input = receiver.as_str(), "a line can never be kept, and is passed over");
    drop_lines(intake, receiver, refusal, line);
}

fn drop_lines(intake: &Intake, receiver: Receiver, refusal: &Refusal, lines: &Chunk) {
    intake.counters.refused_records(receiver, Signal::Logs, refusal.reason(), lines.lines.len() as u64);
}

pub(crate) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
