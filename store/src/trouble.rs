//! When it is told that the journal or the index cannot be written: what is tried again and again must not fill the
//! log too.
//!
//! Told is that it begins, once a minute that it goes on, and that it is over if it was told that it began. A trouble
//! that is back within a minute is the same one. Each telling counts what failed since the one before.

use std::time::{Duration, Instant};

const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Trouble<Kind> {
    /// What was told last, and when.
    told: Option<(Kind, Instant)>,
    /// Whether nobody was told yet that it is over.
    lasts: bool,
    failed: usize,
}

impl<Kind> Default for Trouble<Kind> {
    fn default() -> Trouble<Kind> {
        Trouble { told: None, lasts: false, failed: 0 }
    }
}

impl<Kind: Copy + PartialEq> Trouble<Kind> {
    /// How much failed since that was last told, if it is to be told now.
    pub fn failed(&mut self, kind: Kind, count: usize, now: Instant) -> Option<usize> {
        self.failed += count;
        let known = self.told.is_some_and(|(told, at)| told == kind && now < at + TELL_EVERY);
        if known {
            return None;
        }
        self.told = Some((kind, now));
        self.lasts = true;
        Some(std::mem::take(&mut self.failed))
    }

    /// The same where it went well, if that is to be told.
    pub fn is_over(&mut self) -> Option<usize> {
        std::mem::take(&mut self.lasts).then(|| std::mem::take(&mut self.failed))
    }
}

#[cfg(test)]
mod tests;
