//! JSON or text lines on standard input: `myservice | spandrel run --set receivers.stdin.enabled=true`.
//!
//! On shutdown what was read is kept before this returns.

use std::io::Read as _;

use bytes::Bytes;
use spandrel_config::StdinReceiver;
use spandrel_store::Receiver;
use tokio::io::AsyncRead;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::lines::LineOrigin;
use crate::lines::feed::{LineFeed, READ_BYTES};

/// Pieces that were read and not yet taken apart.
const PIECES_MAX: usize = 2;

/// Reads until the end of the input, or until stopped.
pub(crate) async fn run<R>(intake: Intake, config: StdinReceiver, input: R, stop: CancellationToken)
where
    R: AsyncRead + Unpin,
{
    let _open = intake.activity.connection();
    let origin = LineOrigin::new(Receiver::Stdin, config.resource);
    LineFeed::new(intake, origin).run(input, stop).await;
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
