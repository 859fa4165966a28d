//! What an answer includes: who was asked, who answered, and what is known to be missing.

use std::borrow::Cow;

use serde::Serialize;
use spandrel_store::TimeRange;
use spandrel_store::snapshot::{Gap, GapReason};

use crate::render::time::Rfc3339;
use crate::source::{Peer, SourceError};

/// Stands in every answer. `complete` is true exactly while `missing` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Coverage {
    /// Nothing is known to be missing.
    pub complete: bool,
    /// Sidecars asked, this one included.
    pub asked: usize,
    /// Sidecars that answered.
    pub answered: usize,
    pub missing: Vec<Missing>,
}

/// The reason of what retention has deleted: a question that leaves its start open does not ask for it.
pub const DELETED: &str = "deleted";

/// The reason of a sidecar that was there and is gone, with what it held.
pub const GONE: &str = "gone";

/// Something that is known to be missing: what, and from which time. Whether it matters depends on the
/// question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    pub peer: Peer,
    pub reason: Cow<'static, str>,
    /// Event times of what is missing, as far as known.
    pub range: TimeRange,
    /// For people.
    pub detail: String,
}

/// Something that the answer would include if it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Missing {
    /// The query endpoint of the sidecar.
    pub peer: String,
    /// The service it stands next to, where known.
    pub service: Option<String>,
    /// `timeout`, `busy`, `failed`, `rejected`, `unreachable`, `refused`, `unauthorized`, `version`, `garbage` or
    /// `too_large`: the sidecar did not answer. `gone`: it is not there any more. `copy`: it runs on a copy of
    /// another's data folder. `unresolved`: its name cannot be looked up. `set_aside`: a damaged partition of it. `deleted`: removed by retention.
    pub reason: String,
    /// The earliest event time of what is missing, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Coverage {
    pub fn new(asked: usize) -> Coverage {
        Coverage { complete: true, asked, answered: 0, missing: Vec::new() }
    }

    pub fn answered(&mut self) {
        self.answered += 1;
    }

    pub fn failed(&mut self, peer: Peer, error: &SourceError) {
        self.absent(Absence::of_error(peer, error));
    }

    pub fn absent(&mut self, absence: Absence) {
        let known = absence.range != TimeRange::ALL;
        let missing = Missing {
            peer: absence.peer.name,
            service: absence.peer.service,
            reason: absence.reason.into_owned(),
            start: known.then(|| Rfc3339(absence.range.start).to_string()),
            end: known.then(|| Rfc3339(absence.range.end).to_string()),
            detail: absence.detail,
        };
        self.complete = false;
        if !self.missing.contains(&missing) {
            self.missing.push(missing);
        }
    }

    /// A sidecar that was lost answers again.
    pub fn back(&mut self, peer: &str) {
        self.missing.retain(|missing| missing.peer != peer);
        self.complete = self.missing.is_empty();
    }
}

impl Absence {
    pub fn of_error(peer: Peer, error: &SourceError) -> Absence {
        Absence { peer, reason: error.reason().into(), range: TimeRange::ALL, detail: error.to_string() }
    }

    pub fn of_gap(peer: Peer, gap: Gap) -> Absence {
        let reason = match gap.reason {
            GapReason::SetAside => "set_aside",
            GapReason::Deleted => DELETED,
        };
        Absence { peer, reason: reason.into(), range: gap.range, detail: gap.detail }
    }
}
