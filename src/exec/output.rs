//! One output stream of the child: passed on byte for byte, and taken in.

use std::io;

use bytes::{Bytes, BytesMut};
use spandrel_collector::{LineInputs, OutputOrigin};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What is read at once, and how many of these may wait to be taken in.
const READ_BYTES: usize = 64 << 10;
const PIECES_MAX: usize = 32;

/// Runs until the stream ends and everything of it is kept.
pub(super) fn pass<R, W>(pipe: R, onward: W, lines: LineInputs, origin: OutputOrigin) -> JoinHandle<()>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        let (pieces, taken) = mpsc::channel::<io::Result<Bytes>>(PIECES_MAX);
        tokio::join!(copy(pipe, onward, pieces), lines.take_output(origin, taken));
    })
}

/// The service's reader goes first: what it gets does not wait for the store.
async fn copy<R, W>(pipe: R, onward: W, pieces: mpsc::Sender<io::Result<Bytes>>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (mut pipe, mut onward) = (pipe, Some(onward));
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    loop {
        match pipe.read_buf(&mut buffer).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read the command's output any more");
                return;
            }
        }
        let piece = buffer.split().freeze();
        if let Some(writer) = &mut onward
            && let Err(error) = write(writer, &piece).await
        {
            // As `command | head`: whoever read it has gone. The lines are still taken in.
            tracing::debug!(%error, "the command's output is not passed on any more");
            onward = None;
        }
        if pieces.send(Ok(piece)).await.is_err() {
            return;
        }
        buffer.reserve(READ_BYTES);
    }
}

async fn write<W: AsyncWrite + Unpin>(writer: &mut W, piece: &[u8]) -> io::Result<()> {
    writer.write_all(piece).await?;
    writer.flush().await
}
