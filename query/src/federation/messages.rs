//! The messages of a gRPC body as they come: each is charged while it comes, while it unfolds and before it is read.
//!
//! This is what tonic's `Streaming` does, but that it unfolds and reads a message before anybody can say how much of
//! one there may be: here nothing takes memory that was not granted (`grant.rs`).

use std::io::Read as _;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as HttpBody;
use tonic::{Code, Status};

use super::fault::error_of;
use super::grant::Grant;
use super::wire::{Garbage, Weighed};
use crate::source::SourceError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Of a message: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;
/// What unfolds at once.
const STEP_BYTES: usize = 32 << 10;
/// 8 MiB, as for zstd everywhere in HTTP (RFC 9659); a frame may ask for gigabytes.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

pub(super) struct Messages<M, B> {
    body: B,
    grant: Arc<Grant>,
    /// Whether they may be compressed.
    zstd: bool,
    /// What came of the next ones.
    waiting: BytesMut,
    read_as: PhantomData<fn() -> M>,
}

impl<M, B> Messages<M, B>
where
    M: Weighed,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    pub(super) fn new(body: B, zstd: bool, grant: Arc<Grant>) -> Messages<M, B> {
        Messages { body, grant, zstd, waiting: BytesMut::new(), read_as: PhantomData }
    }

    pub(super) fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// `None` where there are no more; an error ends them.
    pub(super) async fn next(&mut self) -> Result<Option<M>, SourceError> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let Some(frame) = self.body.frame().await else {
                return if self.waiting.is_empty() {
                    Ok(None)
                } else {
                    Err(Garbage("half a message").into())
                };
            };
            let frame = frame.map_err(|error| error_of(&Status::from_error(error.into())))?;
            match frame.into_data() {
                Ok(piece) => {
                    self.grant.receive(piece.len())?;
                    self.waiting.extend_from_slice(&piece);
                }
                Err(other) => {
                    let status = other.into_trailers().ok().and_then(|last| Status::from_header_map(&last));
                    if let Some(status) = status.filter(|status| status.code() != Code::Ok) {
                        return Err(error_of(&status));
                    }
                }
            }
        }
    }

    /// The next one, if it has come.
    fn whole(&mut self) -> Result<Option<M>, SourceError> {
        let Some((head, come)) = self.waiting.split_at_checked(HEAD_BYTES) else { return Ok(None) };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        self.grant.allows(length)?;
        if come.len() < length {
            return Ok(None);
        }
        let flag = head[0];
        self.waiting.advance(HEAD_BYTES);
        let bytes = self.waiting.split_to(length).freeze();
        let bytes = match flag {
            0 => bytes,
            1 if self.zstd => self.unfold(&bytes)?,
            _ => return Err(Garbage("compressed in a way that was not asked for").into()),
        };
        self.grant.keep(bytes.len(), M::weight(&bytes)?)?;
        self.grant.receive(self.waiting.len())?;
        Ok(Some(M::decode(bytes).map_err(|_| Garbage("a message that cannot be read"))?))
    }

    fn unfold(&self, folded: &[u8]) -> Result<Bytes, SourceError> {
        let broken = |_| Garbage("not compressed as it says");
        let mut decoder = zstd::stream::read::Decoder::with_buffer(folded).map_err(broken)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
        let mut unfolded = Vec::new();
        let mut step = vec![0; STEP_BYTES];
        loop {
            let count = decoder.read(&mut step).map_err(broken)?;
            if count == 0 {
                return Ok(unfolded.into());
            }
            self.grant.receive(count)?;
            unfolded.extend_from_slice(&step[..count]);
        }
    }
}

#[cfg(test)]
mod tests;
