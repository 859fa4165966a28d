//! Connections to a peer: TCP, and TLS over it where this sidecar has certificates.
//!
//! Each connection is made with the certificates of its moment, so that new ones need no restart.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::Service;

use crate::credentials::Credentials;

#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) Arc<Credentials>);

/// What both kinds of connection can do.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let credentials = self.0.clone();
        Box::pin(async move { connect(&credentials, &uri).await.map(TokioIo::new) })
    }
}

async fn connect(credentials: &Credentials, uri: &Uri) -> io::Result<Box<dyn Stream>> {
    let no_address = || io::Error::new(io::ErrorKind::InvalidInput, "no address");
    let host = uri.host().ok_or_else(no_address)?.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, uri.port_u16().ok_or_else(no_address)?)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = credentials.tls() else { return Ok(Box::new(stream)) };
    let name = match &tls.server_name {
        Some(name) => name.clone(),
        None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
    };
    let stream = TlsConnector::from(tls.client.clone()).connect(name, stream).await?;
    Ok(Box::new(stream))
}
