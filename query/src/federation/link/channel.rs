//! The connection to a peer: made when it is first needed, and anew once it has ended. All questions share it.
//!
//! HTTP/2 is `h2`'s, without a client around it: who asks writes the question, who waits for its answer reads it, and
//! between them is no task but the connection's own. Where hundreds are asked at once, and each answers with a few bytes,
//! passing a call from task to task is most of what it costs.
//!
//! A connection is made by a task of its own, which goes on when the question that needed it is given up: one that takes
//! longer to be made than a question has is there for a later one. It lives as long as it is the peer's, or calls are
//! under way on it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, RecvStream, SendStream};
use http::{Request, Response, Uri};
use hyper::body::{Body as HttpBody, Frame};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::io::InspectReader;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use super::connector::{Stream, connect};
use crate::credentials::Credentials;
use crate::federation::fault::{error_of, speaks_tls};
use crate::source::SourceError;

/// The longest that a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence on the connection until it is tested, and how long the test may take.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// What may be on its way unread: of one call, and of all calls of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) call_bytes: u32,
    pub(super) connection_bytes: u32,
}

/// Calls that were given up and are remembered, as what still comes of them is no fault of the peer's.
const CANCELLED_MAX: usize = 4_096;
/// Of the head of an answer.
const HEAD_BYTES_MAX: u32 = 16 << 10;
/// How a server of TLS answers what is none; HTTP/2 begins with the zero of a short frame.
const TLS_ALERT: u8 = 21;

pub(super) struct Channel {
    way: Arc<Way>,
    /// The latest, made or in the making.
    connection: Mutex<Option<Connecting>>,
}

/// How a connection is made.
struct Way {
    credentials: Arc<Credentials>,
    uri: Uri,
    windows: Windows,
    /// Rung when a connection was tested.
    asked: Arc<Notify>,
}

type Connecting = Shared<BoxFuture<'static, Result<Open, SourceError>>>;

#[derive(Clone)]
struct Open {
    requests: SendRequest<Bytes>,
    heard: Arc<Heard>,
    /// Drives the connection; ends with it, or when nobody uses it any more.
    task: Arc<AbortOnDropHandle<()>>,
}

/// What has come over a connection.
#[derive(Default)]
struct Heard {
    /// Since it was last looked at.
    anything: AtomicBool,
    first: OnceLock<u8>,
}

/// The body of an answer.
pub(super) struct Pieces {
    stream: RecvStream,
    _connection: Arc<AbortOnDropHandle<()>>,
}

/// A call that has begun, or why it has not.
type Begun = Result<(ResponseFuture, SendStream<Bytes>), h2::Error>;

impl Channel {
    /// To the authority that `uri` names, for calls of it.
    pub(super) fn new(
        uri: Uri,
        credentials: Arc<Credentials>,
        windows: Windows,
        asked: Arc<Notify>,
    ) -> Channel {
        let way = Arc::new(Way { credentials, uri, windows, asked });
        Channel { way, connection: Mutex::default() }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.way.uri
    }

    /// Sends a request of one piece; the answer's head and what follows it. It is dropped to end the call.
    pub(super) async fn call(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<Response<Pieces>, SourceError> {
        let (open, begun) = match self.begin(request.clone()).await? {
            // The connection takes no more calls, such as one that its other end is about to close: nothing was sent.
            (_, Err(_)) => self.begin(request).await?,
            begun => begun,
        };
        let (answer, mut rest) = begun.map_err(|error| open.broken(error))?;
        // Where the call has ended already, its answer says why.
        let _ = rest.send_data(body, true);
        let answer = answer.await.map_err(|error| open.broken(error))?;
        Ok(answer.map(|stream| Pieces { stream, _connection: open.task }))
    }

    /// Begins a call; where the connection takes none, it is not used for another.
    async fn begin(&self, request: Request<()>) -> Result<(Open, Begun), SourceError> {
        let open = self.connection().await?;
        let begun = match open.requests.clone().ready().await {
            Ok(mut requests) => requests.send_request(request, false),
            Err(error) => Err(error),
        };
        if begun.is_err() {
            self.retire(&open);
        }
        Ok((open, begun))
    }

    /// The one that there is, or a new one.
    fn connection(&self) -> Connecting {
        let mut latest = self.lock();
        if let Some(connecting) = latest.as_ref().filter(|connecting| is_usable(connecting)) {
            return connecting.clone();
        }
        let task = AbortOnDropHandle::new(tokio::spawn(self.way.clone().connect()));
        let connecting =
            async { task.await.unwrap_or_else(|error| Err(SourceError::Failed(error.to_string()))) };
        latest.insert(connecting.boxed().shared()).clone()
    }

    /// Calls that are under way on the connection go on; it ends with the last of them.
    fn retire(&self, retired: &Open) {
        let is_it = |connecting: &mut Connecting| {
            let made = connecting.peek().and_then(|made| made.as_ref().ok());
            made.is_some_and(|open| Arc::ptr_eq(&open.task, &retired.task))
        };
        self.lock().take_if(is_it);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connecting>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It is being made, or it was and has not ended.
fn is_usable(connecting: &Connecting) -> bool {
    // Whoever waited for it may have gone: that it failed meanwhile is found out here.
    match connecting.clone().now_or_never() {
        None => true,
        Some(Ok(open)) => !open.task.is_finished(),
        Some(Err(_)) => false,
    }
}

impl Way {
    async fn connect(self: Arc<Way>) -> Result<Open, SourceError> {
        let stream = timeout(CONNECT_TIMEOUT, connect(&self.credentials, &self.uri)).await;
        let stream = stream.map_err(|_| SourceError::Deadline)?;
        let stream = stream.map_err(|error| error_of(&Status::from_error(error.into())))?;
        let heard = Arc::new(Heard::default());
        let stream = InspectReader::new(stream, {
            let heard = heard.clone();
            move |bytes: &[u8]| heard.hear(bytes)
        });
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(self.windows.call_bytes)
            .initial_connection_window_size(self.windows.connection_bytes)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_concurrent_reset_streams(CANCELLED_MAX);
        let (requests, connection) = builder.handshake::<_, Bytes>(stream).await.map_err(broken)?;
        let driving = drive(connection, heard.clone(), self.asked.clone());
        let task = Arc::new(AbortOnDropHandle::new(tokio::spawn(driving)));
        Ok(Open { requests, heard, task })
    }
}

impl Heard {
    fn hear(&self, bytes: &[u8]) {
        self.anything.store(true, Ordering::Relaxed);
        if let Some(first) = bytes.first() {
            self.first.get_or_init(|| *first);
        }
    }
}

impl Open {
    fn broken(&self, error: h2::Error) -> SourceError {
        match self.heard.first.get() {
            Some(&TLS_ALERT) => speaks_tls(),
            _ => broken(error),
        }
    }
}

/// Runs a connection until it ends, or until its other end does not answer any more.
async fn drive(
    mut connection: Connection<InspectReader<Box<dyn Stream>, impl FnMut(&[u8])>, Bytes>,
    heard: Arc<Heard>,
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

async fn until_silent(mut pings: PingPong, heard: &Heard, asked: &Notify) {
    loop {
        heard.anything.store(false, Ordering::Relaxed);
        sleep(KEEPALIVE_INTERVAL).await;
        if heard.anything.load(Ordering::Relaxed) {
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
        let stream = &mut self.stream;
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
        self.stream.is_end_stream()
    }
}
