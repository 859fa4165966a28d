//! The tokens of the query port: those that are accepted from whoever asks, and the one that is sent to peers.

use spandrel_config::{Secret, Security};
use subtle::ConstantTimeEq;

#[derive(Debug, Default)]
pub struct Credentials {
    token: Option<Secret>,
}

impl Credentials {
    pub fn new(security: &Security) -> Credentials {
        Credentials { token: security.token.clone() }
    }

    /// Whether a token is asked for.
    pub(crate) fn are_required(&self) -> bool {
        self.token.is_some()
    }

    /// What is sent to peers.
    pub(crate) fn sent(&self) -> Option<Secret> {
        self.token.clone()
    }

    /// Compares in a time that depends on the token's length alone.
    pub(crate) fn accept(&self, given: &[u8]) -> bool {
        self.token.as_ref().is_some_and(|token| bool::from(given.ct_eq(token.0.as_bytes())))
    }
}
