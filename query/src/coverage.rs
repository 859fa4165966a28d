//! What an answer includes: who was asked, who answered, and what is known to be missing.

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

/// Something that the answer would include if it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Missing {
    /// The query endpoint of the sidecar.
    pub peer: String,
    /// The service it stands next to, where known.
    pub service: Option<String>,
    /// `deadline`, `busy` or `failed`: the sidecar did not answer. `set_aside`: a damaged partition of it.
    /// `deleted`: removed by retention.
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
        self.miss(Missing {
            peer: peer.name,
            service: peer.service,
            reason: error.reason().to_owned(),
            start: None,
            end: None,
            detail: error.to_string(),
        });
    }

    pub fn gap(&mut self, peer: &Peer, gap: Gap) {
        let known = gap.range != TimeRange::ALL;
        self.miss(Missing {
            peer: peer.name.clone(),
            service: peer.service.clone(),
            reason: match gap.reason {
                GapReason::SetAside => "set_aside",
                GapReason::Deleted => "deleted",
            }
            .to_owned(),
            start: known.then(|| Rfc3339(gap.range.start).to_string()),
            end: known.then(|| Rfc3339(gap.range.end).to_string()),
            detail: gap.detail,
        });
    }

    fn miss(&mut self, missing: Missing) {
        self.complete = false;
        if !self.missing.contains(&missing) {
            self.missing.push(missing);
        }
    }
}
