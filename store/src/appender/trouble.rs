//! When it is told that the journal cannot be written: clients that try again must not fill the log too.
//!
//! Told is that it begins, once a minute that it goes on, and that it is over if it was told that it began. A trouble
//! that is back within a minute is the same one. Each telling counts the batches refused since the one before.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// What was told last, and when.
    told: Option<(ErrorKind, Instant)>,
    /// Whether nobody was told yet that it is over.
    lasts: bool,
    refused: usize,
}

impl Trouble {
    /// How many batches were refused since that was last told, if it is to be told now.
    pub fn refused(&mut self, kind: ErrorKind, batches: usize, now: Instant) -> Option<usize> {
        self.refused += batches;
        let known = self.told.is_some_and(|(told, at)| told == kind && now < at + TELL_EVERY);
        if known {
            return None;
        }
        self.told = Some((kind, now));
        self.lasts = true;
        Some(std::mem::take(&mut self.refused))
    }

    /// The same where the journal was written, if that is to be told.
    pub fn is_over(&mut self) -> Option<usize> {
        std::mem::take(&mut self.lasts).then(|| std::mem::take(&mut self.refused))
    }
}

#[cfg(test)]
mod tests;
