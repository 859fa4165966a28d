//! Lines over TCP and Unix sockets: whatever writes lines to a socket, one stream to a connection.
//!
//! At most `limits.line_connections_max` are open, more wait in the kernel's backlog: each may hold a batch of
//! lines. There is no answer in this protocol, so where the store has no room its writer is held up. When stopped,
//! no more are accepted, and what was read is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use spandrel_store::Receiver;
use tokio::io::AsyncRead;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::intake::Intake;
use crate::lines::LineOrigin;
use crate::lines::feed::LineFeed;

/// How long to wait where the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What all connections of a socket share.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) intake: Intake,
    pub(crate) receiver: Receiver,
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) connections_max: usize,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

type Stream = Box<dyn AsyncRead + Unpin + Send>;

impl Socket {
    async fn accept(&self) -> std::io::Result<Stream> {
        Ok(match self {
            Socket::Tcp(listener) => Box::new(listener.accept().await?.0),
            Socket::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// How many connections may be open, and who owns them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(crate) max: usize,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Connections {
    /// Accepts until stopped; each connection is served by a task of its own.
    pub(crate) async fn accept<S, Accepting, Served>(
        self,
        next: impl Fn() -> Accepting,
        serve: impl Fn(S, CancellationToken) -> Served,
    ) where
        Accepting: Future<Output = std::io::Result<S>>,
        Served: Future<Output = ()> + Send + 'static,
    {
        let slots = Arc::new(Semaphore::new(self.max));
        loop {
            let slot = tokio::select! {
                () = self.stop.cancelled() => return,
                slot = slots.clone().acquire_owned() => slot.expect("this semaphore is never closed"),
            };
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = next() => accepted,
            };
            match accepted {
                Ok(stream) => {
                    let serving = serve(stream, self.stop.clone());
                    self.tasks.spawn(async move {
                        serving.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Connections {
    /// The same for TCP.
    pub(crate) async fn accept_tcp<Served: Future<Output = ()> + Send + 'static>(
        self,
        socket: TcpListener,
        serve: impl Fn(TcpStream, CancellationToken) -> Served,
    ) {
        let socket = &socket;
        let next = move || async move { socket.accept().await.map(|(stream, _)| stream) };
        self.accept(next, serve).await;
    }
}

impl Lines {
    /// Accepts until stopped.
    pub(crate) async fn accept(self, socket: Socket) {
        let connections =
            Connections { max: self.connections_max, tasks: self.tasks.clone(), stop: self.stop.clone() };
        let socket = &socket;
        connections.accept(move || socket.accept(), |stream, _| self.clone().read(stream)).await;
    }

    async fn read(self, stream: Stream) {
        let _open = self.intake.activity.connection();
        let origin = LineOrigin::new(self.receiver, self.resource);
        LineFeed::new(self.intake, origin).run(stream, self.stop).await;
    }
}

/// Binds a Unix socket; one that a dead process has left behind is replaced.
pub(crate) fn bind_unix(path: &Path) -> std::io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let refused = std::os::unix::net::UnixStream::connect(path)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
            if !refused {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests;
