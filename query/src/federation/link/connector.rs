//! Connections to a peer: TCP, and TLS over it where this sidecar has certificates.
//!
//! Each connection is made with the certificates of its moment, so that new ones need no restart.

use std::io;

use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::credentials::Credentials;

/// What both kinds of connection can do.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) async fn connect(credentials: &Credentials, uri: &Uri) -> io::Result<Box<dyn Stream>> {
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
