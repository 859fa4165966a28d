//! Answers over HTTP/2 that have to be taken: one of which nothing is taken for too long is given up.
//!
//! A connection lives as long as its client says something, and a client that opens no window for an answer may well
//! say something for ever: nothing waits to be written, so that [`Patient`](super::patient::Patient) has nothing to
//! judge. So each call is watched for itself. Its answer moves on when its next piece is asked for, which is when
//! there was room for the one before, and when a piece was written; a large one is followed until then, and the answer
//! does not end before. What is given up is dropped with all it holds, which resets its stream and no other. Of an
//! answer that has ended, less than [`FOLLOWED_BYTES_MIN`] may still wait for its reader.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use futures_util::task::AtomicWaker;
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Smaller pieces are not followed to the wire.
const FOLLOWED_BYTES_MIN: usize = 16 << 10;
/// Larger pieces are cut, so that slow readers have time for each.
const PIECE_BYTES_MAX: usize = 64 << 10;

tokio::task_local! {
    /// Of the call that runs; HTTP/1 has none.
    static TAKING: Arc<Taking>;
}

/// Runs the calls of a connection.
#[derive(Clone)]
pub(super) struct Calls {
    /// The longest that an answer may stand still.
    pub(super) patience: Duration,
}

impl<F> hyper::rt::Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let (taking, patience) = (Arc::new(Taking::default()), self.patience);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = TAKING.scope(taking.clone(), call) => {}
                () = taking.stalled(patience) => tracing::debug!("an answer was not taken, and is given up"),
            }
        });
    }
}

/// An answer's body, watched where its call is.
pub(super) fn watched(body: Body) -> Body {
    match TAKING.try_with(Arc::clone) {
        Ok(taking) => Body::new(Watched { body, taking, rest: Bytes::new(), end: None }),
        Err(_) => body,
    }
}

/// How an answer is taken.
#[derive(Default)]
struct Taking {
    state: Mutex<State>,
    /// Something waits to be taken.
    given: Notify,
    /// Whoever waits for all pieces to be written.
    waiting: AtomicWaker,
}

#[derive(Default)]
struct State {
    /// A piece was given, and none was asked for since.
    is_given: bool,
    /// Pieces that are followed and not written yet.
    unwritten: usize,
    moved: Option<Instant>,
}

impl Taking {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.moved = Some(Instant::now());
    }

    /// Since when nothing was taken, if something could be.
    fn standing_since(&self) -> Option<Instant> {
        let state = self.lock();
        state.moved.filter(|_| state.is_given || state.unwritten > 0)
    }

    fn is_all_written(&self) -> bool {
        self.lock().unwritten == 0
    }

    /// Ends when the answer has stood still for so long.
    async fn stalled(&self, patience: Duration) {
        loop {
            match self.standing_since() {
                None => self.given.notified().await,
                Some(since) if since.elapsed() >= patience => return,
                Some(since) => sleep_until(since + patience).await,
            }
        }
    }
}

struct Watched {
    body: Body,
    taking: Arc<Taking>,
    /// Of a piece that was too large to be given at once.
    rest: Bytes,
    /// What comes once all pieces are written.
    end: Option<Option<Result<Frame<Bytes>, axum::Error>>>,
}

impl Watched {
    fn give(&mut self, mut piece: Bytes) -> Frame<Bytes> {
        self.rest = piece.split_off(piece.len().min(PIECE_BYTES_MAX));
        let is_followed = piece.len() >= FOLLOWED_BYTES_MIN;
        self.taking.note(|state| {
            state.is_given = true;
            state.unwritten += usize::from(is_followed);
        });
        self.taking.given.notify_one();
        Frame::data(match is_followed {
            true => Bytes::from_owner(Followed { piece, taking: self.taking.clone() }),
            false => piece,
        })
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.taking.note(|state| state.is_given = false);
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.give(rest))));
        }
        if self.end.is_none() {
            let next = ready!(Pin::new(&mut self.body).poll_frame(context));
            match next.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(piece))) => return Poll::Ready(Some(Ok(self.give(piece)))),
                Some(Ok(Err(trailers))) => self.end = Some(Some(Ok(trailers))),
                Some(Err(error)) => self.end = Some(Some(Err(error))),
                None => self.end = Some(None),
            }
        }
        self.taking.waiting.register(context.waker());
        match self.taking.is_all_written() {
            true => Poll::Ready(self.end.take().flatten()),
            false => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
            && self.end.is_none()
            && self.body.is_end_stream()
            && self.taking.is_all_written()
    }

    fn size_hint(&self) -> SizeHint {
        // What is told is told before the first piece.
        self.body.size_hint()
    }
}

/// A piece on its way to the wire, where it is dropped.
struct Followed {
    piece: Bytes,
    taking: Arc<Taking>,
}

impl AsRef<[u8]> for Followed {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.taking.note(|state| state.unwritten -= 1);
        self.taking.waiting.wake();
    }
}
