//! The memory that one peer's answer may take here: asked for before it is used, whatever the peer sends.
//!
//! Two things are charged, to `limits.peer_answer_bytes_max` of this answer and to `limits.answers_bytes_max` of all:
//! bytes that have come and are no whole part yet, from each piece of the body on; and parts that were read, for as
//! long as the answer is held, at three times their bytes where it is about all answers. A part is charged once it is decoded, so that one part of each thread of the runtime,
//! at most as large as an answer, may be there uncharged for a moment.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::{Asker, PACE};
use crate::federation::fault::status_of;
use crate::source::{PeerFault, SourceError};

/// What an answer takes for each of its bytes once it is read: records with their names and texts, and their JSON beside them
/// while that is written.
const READ_FACTOR: usize = 3;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The least that is charged.
pub(super) const PERMIT_BYTES: usize = 1 << 10;

#[derive(Debug)]
pub(super) struct Grant {
    pool: Arc<Semaphore>,
    bytes_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Of a part that is still coming.
    coming: Charged,
    read: Charged,
}

#[derive(Debug, Default)]
struct Charged {
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Charged {
    fn permits(&self, factor: usize) -> usize {
        self.bytes.saturating_mul(factor).div_ceil(PERMIT_BYTES)
    }
}

/// A body whose pieces are charged as they come.
pub(super) struct Metered<B> {
    pub(super) body: B,
    pub(super) grant: Arc<Grant>,
}

impl Grant {
    pub(super) fn of(asker: &Asker) -> Arc<Grant> {
        let (pool, bytes_max) = (asker.answers.clone(), asker.answer_bytes_max);
        Arc::new(Grant { pool, bytes_max, taken: Mutex::default() })
    }

    /// A piece of the body has come.
    fn receive(&self, bytes: usize) -> Result<(), SourceError> {
        self.charge(&mut self.lock().coming, bytes, 1)
    }

    /// A part is whole: what came of it is let go, and what it is now is charged.
    pub(super) fn keep(&self, bytes: usize) -> Result<(), SourceError> {
        let mut taken = self.lock();
        taken.coming = Charged::default();
        self.charge(&mut taken.read, bytes, READ_FACTOR)
    }

    /// A part is whole, and does not stay.
    pub(super) fn pass(&self) {
        self.lock().coming = Charged::default();
    }

    /// How much longer the answer may take for what has come of it.
    pub(super) fn time_earned(&self) -> Duration {
        Duration::from_micros((self.lock().read.bytes as u64).saturating_mul(1_000_000) / PACE)
    }

    /// For as long as the answer is held.
    pub(super) fn into_permit(self: Arc<Grant>) -> Option<OwnedSemaphorePermit> {
        self.lock().read.permit.take()
    }

    fn charge(&self, to: &mut Charged, bytes: usize, factor: usize) -> Result<(), SourceError> {
        let permits_before = to.permits(factor);
        to.bytes = to.bytes.saturating_add(bytes);
        if to.bytes > self.bytes_max {
            let max = self.bytes_max;
            let detail = format!("the answer has more than {max} bytes (limits.peer_answer_bytes_max)");
            return Err(SourceError::Peer(PeerFault::TooLarge, detail));
        }
        let permits = to.permits(factor) - permits_before;
        let permits = u32::try_from(permits).map_err(|_| SourceError::Busy)?;
        let more = self.pool.clone().try_acquire_many_owned(permits).map_err(|_| SourceError::Busy)?;
        match &mut to.permit {
            Some(permit) => permit.merge(more),
            permit => *permit = Some(more),
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin> HttpBody for Metered<B> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let bytes = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            _ => 0,
        };
        Poll::Ready(match self.grant.receive(bytes) {
            Ok(()) => frame.map(|frame| frame.map_err(|error| Status::from_error(error.into()))),
            Err(error) => Some(Err(status_of(&error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
