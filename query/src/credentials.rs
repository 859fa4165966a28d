//! Who may ask, and as whom peers are asked: tokens and certificates, read from files and read again.
//!
//! *Tokens.* Any line of the token file is accepted, and the first is sent to peers, so that a token can be
//! exchanged without a gap: first add the new one below everywhere, then move it up, then drop the old one.
//!
//! *TLS.* With `security.tls` the query port speaks TLS alone, and peers are asked over TLS. Both sides show
//! their certificate and hold the other's against the same authority. People may come without a certificate,
//! with a token.
//!
//! Files are looked at every few seconds. What cannot be read, or is no certificate, leaves what was there in
//! place and is logged. Connections that exist go on as they began.

mod tls;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use spandrel_config::{Secret, Security};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

pub(crate) use tls::Tls;
pub use tls::{Authority, TlsError};

/// How often the files are looked at. Kubernetes takes a minute to bring a Secret into a pod.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct Credentials {
    security: Security,
    current: ArcSwap<Current>,
}

/// The credentials cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error("security.token_file: {0}")]
    Token(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

#[derive(Debug, Default)]
struct Current {
    /// The first one is sent.
    tokens: Vec<Secret>,
    tls: Option<Arc<Tls>>,
}

impl Credentials {
    /// Reads the files. Blocks.
    pub fn load(security: &Security) -> Result<Credentials, CredentialsError> {
        let current = Current::read(security)?;
        Ok(Credentials { security: security.clone(), current: ArcSwap::from_pointee(current) })
    }

    /// Whether a token or a certificate is asked for.
    pub(crate) fn are_required(&self) -> bool {
        let current = self.current.load();
        !current.tokens.is_empty() || current.tls.is_some()
    }

    /// What is sent to peers.
    pub(crate) fn sent(&self) -> Option<Secret> {
        self.current.load().tokens.first().cloned()
    }

    /// Compares in a time that depends on the tokens' lengths alone.
    pub(crate) fn accept(&self, given: &[u8]) -> bool {
        let same = |token: &Secret| bool::from(given.ct_eq(token.0.as_bytes()));
        self.current.load().tokens.iter().fold(false, |found, token| found | same(token))
    }

    pub(crate) fn tls(&self) -> Option<Arc<Tls>> {
        self.current.load().tls.clone()
    }

    /// Reads the files again and again, until told to stop.
    pub(crate) async fn watch(self: Arc<Credentials>, shutdown: CancellationToken) {
        if self.security.token_file.is_none() && self.security.tls.is_none() {
            return;
        }
        let mut trouble = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => return,
            }
            let this = self.clone();
            let looked = tokio::task::spawn_blocking(move || this.look()).await;
            let found = looked.unwrap_or_else(|error| Err(CredentialsError::Token(error.to_string()))).err();
            if found.is_some() && found != trouble {
                tracing::warn!(
                    error = found.as_ref().map(tracing::field::display),
                    "credentials are not read"
                );
            }
            trouble = found;
        }
    }

    /// Takes what the files hold, if that is something else. Blocks.
    fn look(&self) -> Result<(), CredentialsError> {
        let (read, known) = (Current::read(&self.security)?, self.current.load());
        if read.tokens != known.tokens || read.tls != known.tls {
            tracing::info!("credentials have changed");
            self.current.store(Arc::new(read));
        }
        Ok(())
    }
}

impl Current {
    fn read(security: &Security) -> Result<Current, CredentialsError> {
        let tokens = match &security.token_file {
            Some(file) => spandrel_config::read_tokens(file).map_err(CredentialsError::Token)?,
            None => security.token.iter().cloned().collect(),
        };
        let tls = security.tls.as_ref().map(Tls::read).transpose()?.map(Arc::new);
        Ok(Current { tokens, tls })
    }
}

#[cfg(test)]
pub(crate) mod tests;
