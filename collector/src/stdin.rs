//! JSON or text lines on standard input: `myservice | spandrel run --set receivers.stdin.enabled=true`.
//!
//! Lines are kept in batches by size, by time and at the end of the input. Nobody can be told to send again,
//! so where the store refuses, this waits and does not read on: the writer feels it, and nothing is dropped.
//! On shutdown what was read is kept before this returns.

use std::io::Read as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use spandrel_config::StdinReceiver;
use spandrel_store::Receiver;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::lines::stream::LineSplitter;
use crate::lines::{self, Chunk, LineOrigin};

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// Pieces that were read and not yet taken apart.
const PIECES_MAX: usize = 2;

/// How often a refused batch is tried again, unless the store says otherwise.
const RETRY_AFTER: Duration = Duration::from_millis(200);

pub(crate) struct Stdin {
    intake: Intake,
    origin: LineOrigin,
    splitter: LineSplitter,
    chunk: Chunk,
    /// When the chunk's first line has waited long enough.
    due: Option<Instant>,
}

impl Stdin {
    pub(crate) fn new(intake: Intake, config: &StdinReceiver) -> Stdin {
        let origin = LineOrigin { receiver: Receiver::Stdin, resource: config.resource.clone() };
        let splitter = LineSplitter::new(intake.record_limits.line_bytes_max);
        let chunk = Chunk::new(intake.chunk_limits);
        Stdin { intake, origin, splitter, chunk, due: None }
    }

    /// Reads until the end of the input, or until stopped.
    pub(crate) async fn run<R: AsyncRead + Unpin>(mut self, input: R, stop: CancellationToken) {
        let _open = self.intake.activity.connection();
        let mut input = input;
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        loop {
            let due = self.due;
            tokio::select! {
                read = input.read_buf(&mut piece) => match read {
                    Ok(0) => break,
                    Ok(_) => self.take_in(&piece).await,
                    Err(error) => {
                        tracing::warn!(%error, "cannot read standard input any more");
                        break;
                    }
                },
                () = until(due) => self.flush().await,
                () = stop.cancelled() => break,
            }
            piece.clear();
        }
        self.chunk.lines.extend(self.splitter.finish());
        self.flush().await;
    }

    async fn take_in(&mut self, piece: &[u8]) {
        let delay = self.intake.chunk_limits.delay;
        let mut lines = Vec::new();
        self.splitter.feed(piece, |line| lines.push(line));
        for line in lines {
            self.chunk.push(line);
            self.due.get_or_insert_with(|| Instant::now() + delay);
            if self.chunk.is_full() {
                self.flush().await;
            }
        }
    }

    /// Keeps what was read, however long it takes.
    async fn flush(&mut self) {
        self.due = None;
        let chunk = std::mem::replace(&mut self.chunk, Chunk::new(self.intake.chunk_limits));
        if chunk.lines.is_empty() {
            return;
        }
        let _in_flight = self.intake.activity.request();
        let mut told = false;
        while let Err(refusal) = lines::keep(&self.intake, &self.origin, &chunk).await {
            self.intake.counters.refused_request(Receiver::Stdin, refusal.reason());
            if !told {
                tracing::warn!(%refusal, "standard input waits");
                told = true;
            }
            tokio::time::sleep(refusal.retry_after().unwrap_or(RETRY_AFTER)).await;
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The process's standard input. It is read on a thread of its own, which ends with the process: a read that
/// nobody answers must not hold up the shutdown.
pub(crate) fn standard_input() -> impl AsyncRead + Unpin {
    let (pieces, received) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(PIECES_MAX);
    let read = move || {
        let mut input = std::io::stdin().lock();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let piece = match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(&buffer[..count])),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = piece.is_err();
            if pieces.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("stdin".to_owned()).spawn(read) {
        tracing::error!(%error, "cannot start the thread that reads standard input");
    }
    StreamReader::new(ReceiverStream::new(received))
}

#[cfg(test)]
mod tests;
