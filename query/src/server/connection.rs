//! One connection of the query port, from its first byte to its last.
//!
//! With certificates it begins with TLS, which has as long as a request's head. A client that shows a
//! certificate of the right authority is known from then on; one that shows none has to have a token; one that
//! shows another is turned away.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::entrance::Entrance;
use super::patient::Patient;
use super::taking::Calls;
use crate::credentials::Credentials;

/// Calls of a connection that are given up before they are looked at: a gateway's has those of all its users.
const CANCELLED_MAX: usize = 1_024;
/// Time that running questions have to be answered once shutdown has begun.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// Time that a client has to read why it was not let in.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Port {
    pub(super) entrance: Entrance,
    pub(super) credentials: Arc<Credentials>,
    /// Time that a client has for a request's head, and to take something of what it is sent.
    pub(super) head_timeout: Duration,
    pub(super) closing: CancellationToken,
}

impl Port {
    /// Serves one connection until it ends, or, once `closing`, until its running questions are answered.
    pub(super) async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let stream = Patient::new(stream, self.head_timeout);
        let Some(tls) = self.credentials.tls() else { return self.speak(stream).await };
        let accepting = TlsAcceptor::from(tls.server.clone()).accept(stream).into_fallible();
        let accepted = tokio::select! {
            accepted = timeout(self.head_timeout, accepting) => accepted,
            () = self.closing.cancelled() => return,
        };
        match accepted {
            Ok(Ok(stream)) if stream.get_ref().1.peer_certificates().is_some() => {
                let entrance = Entrance { is_certified: true, ..self.entrance.clone() };
                Port { entrance, ..self }.speak(stream).await;
            }
            Ok(Ok(stream)) => self.speak(stream).await,
            Ok(Err((error, stream))) => {
                tracing::debug!(%error, "a query connection did not get through TLS");
                let _ = timeout(FAREWELL, see_off(stream)).await;
            }
            Err(_) => tracing::debug!("a query connection took too long for TLS"),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut builder = auto::Builder::new(Calls { patience: self.head_timeout });
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.head_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(self.head_timeout))
            .max_pending_accept_reset_streams(CANCELLED_MAX);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), self.entrance);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match timeout(GRACE, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a query connection broke off");
        }
    }
}

/// Ends a connection so that what was said last is read: to close it with something unread there would take that back.
async fn see_off(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<u64> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
}
