//! Halves of calls that wait for their other half, for a time and up to a number.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::half::{Half, Place, Side};

/// Halves that are joined may be left in the order, as many as wait and so many more.
const JOINED_MAX: usize = 1_024;
/// Room for so many halves is kept, whether they wait or not.
pub(super) const ROOM_MIN: usize = 1_024;

type Key = (Place, Side);

#[derive(Debug)]
pub(super) struct Joiner {
    waiting: HashMap<Key, Waiting, RandomState>,
    /// In the order of their coming; some are joined already, see [`JOINED_MAX`].
    order: VecDeque<(u64, Instant, Key)>,
    coming: u64,
    patience: Duration,
    halves_max: usize,
}

#[derive(Debug)]
struct Waiting {
    /// Tells it from one with the same key that was joined.
    number: u64,
    half: Half,
}

/// Both sides of a call.
#[derive(Debug, PartialEq)]
pub(super) struct Joined {
    pub client: Half,
    pub server: Half,
}

impl Joiner {
    pub fn new(patience: Duration, halves_max: usize) -> Joiner {
        Joiner { waiting: HashMap::default(), order: VecDeque::new(), coming: 0, patience, halves_max }
    }

    /// Joins the half with its other half, or keeps it. One that comes twice replaces the first.
    pub fn add(&mut self, half: Half, now: Instant) -> Option<Joined> {
        let other_side = match half.side {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        if let Some(Waiting { half: other, .. }) = self.waiting.remove(&(half.place, other_side)) {
            return Some(match half.side {
                Side::Client => Joined { client: half, server: other },
                Side::Server => Joined { client: other, server: half },
            });
        }
        let key = (half.place, half.side);
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.half = half;
            return None;
        }
        self.coming += 1;
        self.waiting.insert(key, Waiting { number: self.coming, half });
        self.order.push_back((self.coming, now, key));
        if self.order.len() > 2 * self.waiting.len() + JOINED_MAX {
            self.forget_joined();
        }
        None
    }

    /// One half that waits would else keep all in memory that came behind it and was joined.
    fn forget_joined(&mut self) {
        let Joiner { waiting, order, .. } = self;
        order.retain(|(number, _, key)| waiting.get(key).is_some_and(|waiting| waiting.number == *number));
        order.shrink_to(2 * waiting.len() + JOINED_MAX);
    }

    /// Gives back most of the room that a burst needed, once few wait.
    pub fn shrink(&mut self) {
        let len = self.waiting.len();
        if self.waiting.capacity() > 8 * len.max(ROOM_MIN) {
            self.waiting.shrink_to(2 * len.max(ROOM_MIN));
            self.order.shrink_to(2 * len.max(ROOM_MIN));
        }
    }

    /// The next half that has waited too long, or that there is no room for.
    pub fn next_expired(&mut self, now: Instant) -> Option<Half> {
        loop {
            let (number, since, key) = *self.order.front()?;
            let waits = self.waiting.get(&key).is_some_and(|waiting| waiting.number == number);
            let is_old = now.saturating_duration_since(since) >= self.patience;
            if waits && !is_old && self.waiting.len() <= self.halves_max {
                return None;
            }
            self.order.pop_front();
            if waits {
                return self.waiting.remove(&key).map(|waiting| waiting.half);
            }
        }
    }
}

#[cfg(test)]
mod tests;
