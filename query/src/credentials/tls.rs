//! Certificates and keys from PEM files to rustls' configurations.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use spandrel_config::TlsFiles;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A chain, or a bundle of authorities.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Both ends of TLS, out of one set of files.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
    /// The name that peers' certificates must have; `None`: the one that they are listed by.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// What the files held, to tell whether they have changed.
    contents: [Vec<u8>; 3],
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("security.tls: {file}: {reason}")]
pub struct TlsError {
    file: String,
    reason: String,
}

/// Whom a client trusts, for those who ask a sidecar over TLS.
#[derive(Debug, Clone)]
pub struct Authority(Arc<ClientConfig>);

impl PartialEq for Tls {
    fn eq(&self, other: &Tls) -> bool {
        self.contents == other.contents
    }
}

impl Tls {
    /// Blocks.
    pub(crate) fn read(files: &TlsFiles) -> Result<Tls, TlsError> {
        let TlsFiles { cert_file, key_file, ca_file, server_name } = files;
        let contents = [read(cert_file)?, read(key_file)?, read(ca_file)?];
        let chain = certificates(cert_file, &contents[0])?;
        let wrong_key = |error| TlsError::of(key_file, error);
        let key = || PrivateKeyDer::from_pem_slice(&contents[1]).map_err(wrong_key);
        let roots = Arc::new(roots(ca_file, &contents[2])?);

        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider());
        let verifier =
            verifier.allow_unauthenticated().build().map_err(|error| TlsError::of(ca_file, error))?;
        let server = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let server = server.map_err(|error| TlsError::of(cert_file, error))?;
        let server = server.with_client_cert_verifier(verifier).with_single_cert(chain.clone(), key()?);
        let mut server = server.map_err(|error| TlsError::of(key_file, error))?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

        let client = client().map_err(|error| TlsError::of(ca_file, error))?.with_root_certificates(roots);
        let client = client.with_client_auth_cert(chain, key()?);
        let mut client = client.map_err(|error| TlsError::of(key_file, error))?;
        client.alpn_protocols = vec![b"h2".to_vec()];

        let server_name = server_name.clone().map(ServerName::try_from).transpose();
        let server_name = server_name
            .map_err(|error| TlsError { file: "server_name".to_owned(), reason: error.to_string() })?;
        Ok(Tls { server: Arc::new(server), client: Arc::new(client), server_name, contents })
    }
}

impl Authority {
    /// Trusts the authorities of a PEM file. Blocks.
    pub fn read(ca_file: &Path) -> Result<Authority, TlsError> {
        let roots = roots(ca_file, &read(ca_file)?)?;
        let client = client().map_err(|error| TlsError::of(ca_file, error))?;
        Ok(Authority(Arc::new(client.with_root_certificates(roots).with_no_client_auth())))
    }

    /// TLS over a connection to somebody whose certificate must have this name.
    pub async fn connect(&self, name: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.0.clone()).connect(name, stream).await
    }
}

type Client = tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier>;

fn client() -> Result<Client, tokio_rustls::rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// Named, because a process has no default one unless somebody installs it.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(file: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, pem)? {
        roots.add(certificate).map_err(|error| TlsError::of(file, error))?;
    }
    Ok(roots)
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError::of(file, error))?;
    if found.is_empty() { Err(TlsError::of(file, "no certificate in it")) } else { Ok(found) }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let mut contents = Vec::new();
    let opened = File::open(file).map_err(|error| TlsError::of(file, error))?;
    opened.take(FILE_BYTES_MAX).read_to_end(&mut contents).map_err(|error| TlsError::of(file, error))?;
    Ok(contents)
}

impl TlsError {
    fn of(file: &Path, reason: impl std::fmt::Display) -> TlsError {
        TlsError { file: file.display().to_string(), reason: reason.to_string() }
    }
}
