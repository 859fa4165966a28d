//! Accepting connections on one address and serving HTTP on them.
//!
//! At most `limits.connections_max` are open, more wait in the kernel's backlog. When `stop` is cancelled no
//! more are accepted and the open ones finish what is in flight; when `abort` is, they are dropped.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Activity;

/// How long to wait where the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often an HTTP/2 connection without traffic is asked whether it lives, and how long it has to answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// What a connection may hold of a request that nobody has asked the budget for yet, twice over while its last piece
/// waits. hyper would let it be 400 KiB and a megabyte, which hundreds of connections make more than all else; and
/// four times this is no faster.
const CONNECTION_BYTES_MAX: usize = 16 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 128 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/2 only.
    Grpc,
    /// HTTP/1.1, or HTTP/2 with prior knowledge.
    Http,
}

/// What all connections of a listener share.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) protocol: Protocol,
    pub(crate) router: Router,
    pub(crate) activity: Arc<Activity>,
    pub(crate) connections_max: usize,
    /// Time for the head of a request; that for its body is the reader's.
    pub(crate) head_timeout: Duration,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) abort: CancellationToken,
}

/// Accepts until stopped.
pub(crate) async fn accept(listener: TcpListener, serving: Serving) {
    let slots = Arc::new(Semaphore::new(serving.connections_max));
    loop {
        let slot = tokio::select! {
            () = serving.stop.cancelled() => return,
            slot = slots.clone().acquire_owned() => slot.expect("this semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = serving.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serving.clone();
                let open = serving.activity.connection();
                serving.tasks.clone().spawn(async move {
                    serve(stream, serving).await;
                    drop((slot, open));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, serving: Serving) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let builder = builder(serving.protocol, serving.head_timeout);
    let service = TowerToHyperService::new(serving.router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = serving.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = serving.abort.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn builder(protocol: Protocol, head_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(CONNECTION_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(CONNECTION_WINDOW_BYTES);
    match protocol {
        Protocol::Grpc => builder.http2_only(),
        Protocol::Http => builder,
    }
}
