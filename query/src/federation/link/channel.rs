//! The connection to a peer: made when it is first needed, and anew once it has ended. All questions share it.
//!
//! HTTP/2 is `h2`'s, without a client around it: who asks writes the question, who waits for its answer reads it, and
//! between them is no task but the connection's own. Where hundreds are asked at once, and each answers with a few bytes,
//! passing a call from task to task is most of what it costs.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, RecvStream, SendStream};
use http::{Request, Response, Uri};
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::Notify;
use tokio::task::Id;
use tokio::time::{sleep, timeout};
use tokio_util::io::InspectReader;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::connector::{Stream, connect};
use crate::credentials::Credentials;
use crate::federation::fault::error_of;
use crate::source::SourceError;

/// Silence on the connection until it is tested, and how long the test may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// What one answer, and what all of a connection, may have on its way unread. The second is larger, so that an
/// answer that is read slowly does not hold up the others.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Calls that were given up and are remembered, as what still comes of them is no fault of the peer's.
const CANCELLED_MAX: usize = 4_096;
/// Of the head of an answer.
const HEAD_BYTES_MAX: u32 = 16 << 10;

pub(super) struct Channel {
    credentials: Arc<Credentials>,
    uri: Uri,
    /// Rung when the connection was tested.
    asked: Arc<Notify>,
    open: Mutex<Option<Open>>,
    /// Held by the one who connects; the others wait for the connection.
    connecting: tokio::sync::Mutex<()>,
}

struct Open {
    requests: SendRequest<Bytes>,
    /// Drives the connection; ends with it.
    task: AbortOnDropHandle<()>,
}

/// The body of an answer.
pub(super) struct Pieces(RecvStream);

impl Channel {
    /// To the authority that `uri` names, for calls of it.
    pub(super) fn new(uri: Uri, credentials: Arc<Credentials>, asked: Arc<Notify>) -> Channel {
        let (open, connecting) = (Mutex::default(), tokio::sync::Mutex::default());
        Channel { credentials, uri, asked, open, connecting }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Sends a request of one piece; the answer's head and what follows it. It is dropped to end the call.
    pub(super) async fn call(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<Response<Pieces>, SourceError> {
        let (answer, mut rest) = match self.begin(request.clone()).await? {
            Ok(begun) => begun,
            // The connection takes no more calls, such as one that its other end is about to close: nothing was sent.
            Err(_) => self.begin(request).await?.map_err(broken)?,
        };
        rest.send_data(body, true).map_err(broken)?;
        Ok(answer.await.map_err(broken)?.map(Pieces))
    }

    /// Begins a call; where the connection takes none, it is not used for another.
    async fn begin(
        &self,
        request: Request<()>,
    ) -> Result<Result<(ResponseFuture, SendStream<Bytes>), h2::Error>, SourceError> {
        let (task, requests) = self.requests().await?;
        let begun = match requests.ready().await {
            Ok(mut requests) => requests.send_request(request, false),
            Err(error) => Err(error),
        };
        if begun.is_err() {
            self.retire(task);
        }
        Ok(begun)
    }

    async fn requests(&self) -> Result<(Id, SendRequest<Bytes>), SourceError> {
        if let Some(requests) = self.of_open() {
            return Ok(requests);
        }
        let _connecting = self.connecting.lock().await;
        // Another may have connected meanwhile.
        if let Some(requests) = self.of_open() {
            return Ok(requests);
        }
        let open = self.connect().await?;
        let requests = (open.task.as_ref().id(), open.requests.clone());
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok(requests)
    }

    fn of_open(&self) -> Option<(Id, SendRequest<Bytes>)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = open.as_ref().filter(|open| !open.task.is_finished());
        usable.map(|open| (open.task.as_ref().id(), open.requests.clone()))
    }

    /// Calls that are under way on the connection go on; it ends with the last of them.
    fn retire(&self, task: Id) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.take_if(|open| open.task.as_ref().id() == task) {
            drop(open.task.detach());
        }
    }

    async fn connect(&self) -> Result<Open, SourceError> {
        let stream = connect(&self.credentials, &self.uri).await;
        let stream = stream.map_err(|error| error_of(&Status::from_error(error.into())))?;
        let heard = Arc::new(AtomicBool::new(false));
        let stream = InspectReader::new(stream, {
            let heard = heard.clone();
            move |_: &[u8]| heard.store(true, Ordering::Relaxed)
        });
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_concurrent_reset_streams(CANCELLED_MAX);
        let (requests, connection) = builder.handshake::<_, Bytes>(stream).await.map_err(broken)?;
        let task = AbortOnDropHandle::new(tokio::spawn(drive(connection, heard, self.asked.clone())));
        Ok(Open { requests, task })
    }
}

/// Runs a connection until it ends, or until its other end does not answer any more.
async fn drive(
    mut connection: Connection<InspectReader<Box<dyn Stream>, impl FnMut(&[u8])>, Bytes>,
    heard: Arc<AtomicBool>,
    asked: Arc<Notify>,
) {
    let pings = connection.ping_pong();
    let silence = async {
        match pings {
            Some(pings) => until_silent(pings, &heard, &asked).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // How it ended is told to those who wait for answers.
        _ = connection => {}
        () = silence => {}
    }
}

async fn until_silent(mut pings: PingPong, heard: &AtomicBool, asked: &Notify) {
    loop {
        heard.store(false, Ordering::Relaxed);
        sleep(KEEPALIVE_INTERVAL).await;
        if heard.load(Ordering::Relaxed) {
            continue;
        }
        let answered = timeout(KEEPALIVE_TIMEOUT, pings.ping(Ping::opaque())).await;
        if !matches!(answered, Ok(Ok(_))) {
            return;
        }
        asked.notify_one();
    }
}

fn broken(error: h2::Error) -> SourceError {
    let status = match error.is_io() {
        true => Status::from_error(error.into_io().expect("it is one of them").into()),
        false => Status::from_error(error.into()),
    };
    error_of(&status)
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let stream = &mut self.0;
        if let Some(piece) = ready!(stream.poll_data(context)) {
            let piece = piece.and_then(|piece| {
                // What is taken makes room for more.
                stream.flow_control().release_capacity(piece.len())?;
                Ok(Frame::data(piece))
            });
            return Poll::Ready(Some(piece));
        }
        let trailers = ready!(stream.poll_trailers(context));
        Poll::Ready(trailers.transpose().map(|trailers| trailers.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
