//! Answers that are written as a whole: what they take is charged until the last of it is on the wire.
//!
//! The native API writes its answers while they are read, and charges what they are written from. Those of Grafana's
//! APIs are whole before the first byte is sent, and by then hold nothing else. Where there is no room for one, the
//! client is told to come again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Response, StatusCode, header};
use hyper::body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::source::{Room, UNCHARGED_BYTES_MAX};

/// Answers are written within seconds, or given up.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The answer, charged if it is whole and not small.
pub(super) fn charged(answer: Response<Body>, room: &Room) -> Response<Body> {
    let bytes = answer.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    if bytes <= UNCHARGED_BYTES_MAX {
        return answer;
    }
    match room.take(bytes) {
        Some(permit) => answer.map(|body| Body::new(Charged { body, permit: Some(permit) })),
        None => no_room(),
    }
}

fn no_room() -> Response<Body> {
    let mut answer = Response::new(Body::from("too many large answers at once; try again"));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    answer
}

struct Charged {
    body: Body,
    /// Goes with its piece: a whole body has one.
    permit: Option<OwnedSemaphorePermit>,
}

impl HttpBody for Charged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let charged = |frame: Frame<Bytes>| {
            frame.map_data(|piece| Bytes::from_owner(Piece { piece, _permit: self.permit.take() }))
        };
        Poll::Ready(frame.map(|frame| frame.map(charged)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Is dropped when it is written.
struct Piece {
    piece: Bytes,
    _permit: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

#[cfg(test)]
mod tests;
