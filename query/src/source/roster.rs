//! Whom the engine asks at a moment. Replaced as a whole when peers come and go.

use std::sync::Arc;
use std::time::Duration;

use spandrel_store::UnixNanos;

use super::{Peer, Source};
use crate::coverage::Absence;
use crate::federation::Identity;

#[derive(Default)]
pub struct Roster {
    /// Who this sidecar is among its peers.
    pub identity: Option<Identity>,
    /// This sidecar's own store first, where it has one.
    pub sources: Vec<Arc<dyn Source>>,
    /// What is missing whoever is asked: sidecars that are gone, names that cannot be looked up.
    pub absent: Vec<Absence>,
    /// Listed peers that are not asked, because nothing would be missing without them.
    pub aside: Vec<Aside>,
}

/// A listed peer that is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    pub peer: Peer,
    /// `itself` or `duplicate`.
    pub state: &'static str,
    pub detail: String,
}

/// How it has been to ask a source lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of the last answer.
    pub latency: Option<Duration>,
    /// What went wrong last, for people, and when.
    pub last_error: Option<(String, UnixNanos)>,
    /// When it last answered.
    pub last_answer: Option<UnixNanos>,
}

impl Roster {
    pub fn of(sources: Vec<Arc<dyn Source>>) -> Roster {
        Roster { sources, ..Roster::default() }
    }
}
