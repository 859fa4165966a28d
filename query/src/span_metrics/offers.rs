//! Halves that found no other half at this sidecar, kept for gateways to come for.
//!
//! Each has a number; a gateway remembers up to where it was told, and several gateways are in nobody's way. A
//! half that no gateway came for in time is given back.

use std::collections::VecDeque;
use std::time::Instant;

use super::KEPT_FOR;
use super::half::Half;
use super::joiner::ROOM_MIN;

/// A place among the halves of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Random, of this run of the process: with a new one, numbers begin anew.
    pub run: u64,
    /// Of the first half that was not told yet.
    pub number: u64,
}

/// Some halves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offered {
    /// Where they begin, as asked for.
    pub from: Cursor,
    pub next: Cursor,
    /// How many there were that are not kept any more.
    pub lost: u64,
    pub halves: Vec<Half>,
}

#[derive(Debug)]
pub(super) struct Offers {
    run: u64,
    /// The number of the first one that is kept.
    first: u64,
    kept: VecDeque<(Instant, Half)>,
    /// Up to where anybody was told.
    told: u64,
    halves_max: usize,
}

impl Offers {
    pub fn new(halves_max: usize) -> Offers {
        Offers { run: fastrand::u64(1..), first: 0, kept: VecDeque::new(), told: 0, halves_max }
    }

    pub fn push(&mut self, half: Half, now: Instant) {
        self.kept.push_back((now, half));
    }

    pub fn tell(&mut self, after: Option<Cursor>, halves_max: usize) -> Offered {
        let from =
            after.filter(|cursor| cursor.run == self.run).unwrap_or(Cursor { run: self.run, number: 0 });
        let begin = from.number.max(self.first);
        let skipped = usize::try_from(begin - self.first).unwrap_or(usize::MAX);
        let halves: Vec<Half> =
            self.kept.iter().skip(skipped).take(halves_max).map(|(_, half)| half.clone()).collect();
        let next = begin.min(self.first + self.kept.len() as u64) + halves.len() as u64;
        self.told = self.told.max(next);
        // Who asks for the first time has lost nothing.
        let lost = if after.is_some_and(|after| after.run == self.run) { begin - from.number } else { 0 };
        Offered {
            from: after.unwrap_or_default(),
            next: Cursor { run: self.run, number: next },
            lost,
            halves,
        }
    }

    /// Gives back most of the room that a burst needed, once few are kept.
    pub fn shrink(&mut self) {
        let len = self.kept.len().max(ROOM_MIN);
        if self.kept.capacity() > 8 * len {
            self.kept.shrink_to(2 * len);
        }
    }

    /// The next half that is kept no longer; with it, whether no gateway was ever told of it.
    pub fn next_expired(&mut self, now: Instant) -> Option<(Half, bool)> {
        let (since, _) = self.kept.front()?;
        let is_old = now.saturating_duration_since(*since) >= KEPT_FOR;
        if !is_old && self.kept.len() <= self.halves_max {
            return None;
        }
        let untold = self.first >= self.told;
        self.first += 1;
        self.kept.pop_front().map(|(_, half)| (half, untold))
    }
}
