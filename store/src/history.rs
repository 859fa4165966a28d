//! What the store remembers of itself beyond its records: what is missing and why, and how long it has run.
//!
//! Age is counted in time seen while running, so that no jump of the wall clock, and no time switched off,
//! makes retention delete anything.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::folder::write_json;
use crate::snapshot::{Gap, GapReason};
use crate::time::{TimeRange, UnixNanos};

/// Of more gaps than this, the oldest are joined.
const GAPS_MAX: usize = 64;
/// The file is written anew at least this often while time passes.
const WRITE_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    started: Instant,
    written: Instant,
    kept: Kept,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// Time run, all processes that owned the folder added up.
    running_ms: u64,
    gaps: Vec<KeptGap>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptGap {
    deleted: bool,
    start: u64,
    end: u64,
    detail: String,
    at_running_ms: u64,
}

impl History {
    /// Reads the file; a missing or unreadable one is an empty history. `running_ms` is the least time run
    /// that is known from elsewhere.
    pub fn open(path: PathBuf, running_ms: u64) -> History {
        let mut kept: Kept =
            fs::read(&path).ok().and_then(|c| serde_json::from_slice(&c).ok()).unwrap_or_default();
        kept.running_ms = kept.running_ms.max(running_ms);
        let now = Instant::now();
        History { path, started: now, written: now, kept }
    }

    /// Time run until now.
    pub fn running_ms(&self) -> u64 {
        self.kept.running_ms + self.started.elapsed().as_millis() as u64
    }

    pub fn gaps(&self) -> Vec<Gap> {
        self.kept.gaps.iter().map(KeptGap::to_gap).collect()
    }

    /// Notes that records are gone. Deletions that touch are one gap.
    pub fn add(&mut self, gap: &Gap) -> io::Result<()> {
        let deleted = gap.reason == GapReason::Deleted;
        let (start, end, at) = (gap.range.start.0, gap.range.end.0, self.running_ms());
        let gaps = &mut self.kept.gaps;
        let joins = |known: &&mut KeptGap| known.deleted && deleted;
        match gaps.iter_mut().find(joins) {
            Some(known) => {
                (known.start, known.end) = (known.start.min(start), known.end.max(end));
                known.at_running_ms = at;
            }
            None => {
                let detail = gap.detail.clone();
                gaps.push(KeptGap { deleted, start, end, detail, at_running_ms: at });
            }
        }
        // There is one of deletions at most, so that among so many there are others.
        if gaps.len() > GAPS_MAX
            && let Some(first) = gaps.iter().position(|gap| !gap.deleted)
        {
            let first = gaps.remove(first);
            if let Some(next) = gaps.iter_mut().find(|gap| !gap.deleted) {
                (next.start, next.end) = (next.start.min(first.start), next.end.max(first.end));
            }
        }
        self.write()
    }

    /// Forgets what was set aside longer ago than retention keeps anything, and notes the time run.
    pub fn tick(&mut self, max_age: Duration) -> io::Result<()> {
        let oldest = self.running_ms().saturating_sub(max_age.as_millis() as u64);
        let before = self.kept.gaps.len();
        self.kept.gaps.retain(|gap| gap.deleted || gap.at_running_ms >= oldest);
        if before != self.kept.gaps.len() || self.written.elapsed() >= WRITE_EVERY {
            self.write()?;
        }
        Ok(())
    }

    pub fn write(&mut self) -> io::Result<()> {
        self.written = Instant::now();
        write_json(&self.path, &Kept { running_ms: self.running_ms(), gaps: self.kept.gaps.clone() })
    }
}

impl KeptGap {
    fn to_gap(&self) -> Gap {
        let reason = if self.deleted { GapReason::Deleted } else { GapReason::SetAside };
        let range = TimeRange { start: UnixNanos(self.start), end: UnixNanos(self.end) };
        Gap { reason, range, detail: self.detail.clone() }
    }
}

#[cfg(test)]
mod tests;
