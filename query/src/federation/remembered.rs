//! The peers that were seen, so that coverage tells the truth about those that are gone.
//!
//! A peer is remembered by its identity, which stays with its data: the same sidecar under a new name is not
//! gone, and a new sidecar under an old name does not bring back what the old one held. The range of times that
//! is missing with it reaches from the first event it held to the last that it can have held, which is a moment
//! after it was last seen. It is forgotten after `storage.retention.max_age`, when it would have deleted all
//! that by itself, and at most `limits.peers_max` are remembered. Gateways hold nothing and are not remembered.
//!
//! Kept in `federation.json` in the data folder, with this sidecar's own identity: replaced as a whole and
//! synced, at once when a new peer was seen, else every [`WRITE_EVERY`]. What a crash takes is what was learned
//! since, which the range of times allows for. A file that cannot be read is as good as none, which makes this
//! sidecar a new one to its peers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use spandrel_store::{TimeRange, UnixNanos};

use super::Identity;
use super::link::REFRESH;
use crate::coverage::{Absence, GONE};
use crate::source::{Description, Peer};

/// How often the file is written while it says nothing but that everybody is still there.
pub(crate) const WRITE_EVERY: Duration = Duration::from_secs(30);

const FILE: &str = "federation.json";
const FILE_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug)]
pub(crate) struct Remembered {
    path: PathBuf,
    identity: Identity,
    peers: BTreeMap<Identity, Seen>,
    max_age_ns: u64,
    peers_max: usize,
    changed: bool,
    /// A peer that the file does not know.
    urgent: bool,
}

/// A peer as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    name: String,
    service: Option<String>,
    first_seen: u64,
    last_seen: u64,
    /// The least and the greatest event time it said it held.
    least: u64,
    greatest: u64,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    identity: String,
    peers: BTreeMap<String, Seen>,
}

impl Remembered {
    /// Reads the file in the folder, or begins anew. Blocks.
    pub(crate) fn open(folder: &Path, max_age: Duration, peers_max: usize) -> Remembered {
        let path = folder.join(FILE);
        let kept = read(&path).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, file = %path.display(), "the peers that were seen are forgotten");
            }
            None
        });
        let identity = kept.as_ref().and_then(|kept| identity_of(&kept.identity));
        let peers = kept.into_iter().flat_map(|kept| kept.peers);
        let peers = peers.filter_map(|(identity, seen)| Some((identity_of(&identity)?, seen)));
        Remembered {
            path,
            identity: identity.unwrap_or_else(Identity::random),
            peers: peers.collect(),
            max_age_ns: u64::try_from(max_age.as_nanos()).unwrap_or(u64::MAX),
            peers_max,
            changed: identity.is_none(),
            urgent: identity.is_none(),
        }
    }

    /// This sidecar's own.
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Notes that a peer is there, and what it holds.
    pub(crate) fn saw(&mut self, identity: Identity, peer: Peer, held: &Description, now: UnixNanos) {
        let (least, greatest) = held.extent.unwrap_or((now, now));
        let (least, greatest) = (least.0.min(now.0), greatest.0.max(now.0));
        let first_seen = self.peers.get(&identity).map_or(now.0, |seen| seen.first_seen);
        let Peer { name, service, .. } = peer;
        let seen = Seen { name, service, first_seen, last_seen: now.0, least, greatest };
        let known = self.peers.insert(identity, seen.clone());
        self.urgent |= known.is_none();
        self.changed |= known.as_ref() != Some(&seen);
    }

    /// What is gone: every peer that was seen and that nobody knows to be there, by `is_there`.
    pub(crate) fn gone(&mut self, now: UnixNanos, is_there: impl Fn(Identity, &str) -> bool) -> Vec<Absence> {
        let oldest = now.0.saturating_sub(self.max_age_ns);
        let before = self.peers.len();
        self.peers.retain(|_, seen| seen.last_seen >= oldest);
        while self.peers.len() > self.peers_max {
            let first =
                self.peers.iter().min_by_key(|(_, seen)| seen.last_seen).map(|(identity, _)| *identity);
            first.and_then(|identity| self.peers.remove(&identity));
        }
        self.changed |= self.peers.len() != before;
        let gone = self.peers.iter().filter(|(identity, seen)| !is_there(**identity, &seen.name));
        gone.map(|(_, seen)| seen.absence()).collect()
    }

    /// Whether the file should not wait.
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Writes the file, if there is something new. Gives the work to do, which blocks.
    pub(crate) fn write(&mut self) -> Option<impl FnOnce() -> io::Result<()> + Send + use<>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        self.urgent = false;
        let peers = self.peers.iter().map(|(identity, seen)| (identity.to_string(), seen.clone()));
        let kept = Kept { identity: self.identity.to_string(), peers: peers.collect() };
        let path = self.path.clone();
        Some(move || write(&path, &kept))
    }
}

impl Seen {
    fn absence(&self) -> Absence {
        let (start, end) = (self.least.min(self.first_seen), self.greatest.max(self.last_seen));
        let unseen = REFRESH + WRITE_EVERY;
        let end = end.saturating_add(u64::try_from(unseen.as_nanos()).unwrap_or(u64::MAX));
        let last_seen = crate::render::time::Rfc3339(UnixNanos(self.last_seen));
        Absence {
            peer: Peer { name: self.name.clone(), service: self.service.clone(), local: false },
            reason: GONE.into(),
            range: TimeRange { start: UnixNanos(start), end: UnixNanos(end) },
            detail: format!("last seen {last_seen}, and with it what it held"),
        }
    }
}

fn identity_of(hex: &str) -> Option<Identity> {
    spandrel_store::id::from_hex::<16>(hex).and_then(|bytes| Identity::from_bytes(&bytes))
}

fn read(path: &Path) -> io::Result<Option<Kept>> {
    use io::Read as _;
    let mut text = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(Some(serde_json::from_slice(&text)?))
}

fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests;
