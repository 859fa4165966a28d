//! Where a list of traces goes on: a place in its order, and which traces earlier pages have shown.
//!
//! A trace stands where its newest match is, and that can change between two pages: a newer match arrives, or the
//! sidecar that told of the newest one fails or joins. The place alone would then show a trace twice, or never. So the
//! last [`REMEMBERED_MAX`] that were shown are remembered by a fingerprint of 40 bits, and each trace is shown once. Of
//! traces shown before those, one whose newest match lies before the place is taken to have been shown.

use std::collections::HashSet;

use spandrel_store::TraceId;
use spandrel_store::snapshot::Position;

/// Ten characters of the cursor each: it stays well below what proxies allow in an address.
const REMEMBERED_MAX: usize = 400;
const FINGERPRINT_BITS: u32 = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracesPlace {
    pub after: Position,
    pub shown: Shown,
}

/// Traces of earlier pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// In the order in which they were shown.
    fingerprints: Vec<u64>,
    /// There were more than are remembered.
    forgot: bool,
}

impl Shown {
    /// Of a cursor. `None` if it holds what cannot be.
    pub fn of(fingerprints: Vec<u64>, forgot: bool) -> Option<Shown> {
        let fit = fingerprints.iter().all(|fingerprint| fingerprint >> FINGERPRINT_BITS == 0);
        (fit && fingerprints.len() <= REMEMBERED_MAX).then_some(Shown { fingerprints, forgot })
    }

    pub fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }

    pub fn forgot(&self) -> bool {
        self.forgot
    }

    pub(super) fn and(mut self, traces: impl Iterator<Item = TraceId>) -> Shown {
        self.fingerprints.extend(traces.map(fingerprint));
        let beyond = self.fingerprints.len().saturating_sub(REMEMBERED_MAX);
        self.fingerprints.drain(..beyond);
        self.forgot |= beyond > 0;
        self
    }

    pub(super) fn lookup(&self) -> Lookup {
        Lookup { known: self.fingerprints.iter().copied().collect(), forgot: self.forgot }
    }
}

/// The same, to ask often.
pub(super) struct Lookup {
    known: HashSet<u64>,
    forgot: bool,
}

impl Lookup {
    /// Whether an earlier page has shown a trace; `is_before`: its newest match lies before the place.
    pub(super) fn has(&self, trace: TraceId, is_before: bool) -> bool {
        self.known.contains(&fingerprint(trace)) || (self.forgot && is_before)
    }

    pub(super) fn add(&mut self, trace: TraceId) {
        self.known.insert(fingerprint(trace));
    }
}

/// Ids need not be random in any of their bits.
fn fingerprint(trace: TraceId) -> u64 {
    let id = u128::from_be_bytes(trace.0);
    let folded = (id ^ (id >> 64)) as u64;
    folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - FINGERPRINT_BITS)
}
