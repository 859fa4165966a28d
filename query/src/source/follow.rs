//! Live records of everybody who is asked, whoever that is at the moment.
//!
//! A tail lives long, and peers come and go meanwhile: who is listed is looked at every [`LOOK_EVERY`]. Who is listed anew
//! is followed from then on, who is not any more is left, and both are told. What is told of a peer by itself,
//! [`Lost`](TailEvent::Lost) and [`Back`](TailEvent::Back), lies between the two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{SelectAll, select_all};
use futures_util::{Stream, StreamExt};
use spandrel_store::Filter;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Source, TailEvent, Tailing};

/// Short against the time that a service takes to start, long against the work.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who is to be followed at a moment.
pub type Listed = Box<dyn Fn() -> Vec<Arc<dyn Source>> + Send>;

pub struct Followed {
    listed: Listed,
    filter: Filter,
    records: SelectAll<Tailing>,
    /// By name; dropping one ends what comes of it.
    followed: BTreeMap<String, DropGuard>,
    /// Of those, who is known not to tell of its records.
    lost: BTreeSet<String>,
    look: Interval,
    told: VecDeque<TailEvent>,
}

impl Followed {
    pub fn new(listed: Listed, filter: Filter) -> Followed {
        let mut look = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut followed = Followed {
            listed,
            filter,
            records: select_all([]),
            followed: BTreeMap::new(),
            lost: BTreeSet::new(),
            look,
            told: VecDeque::new(),
        };
        followed.look_again();
        // Whom it began with is told by their number.
        followed.told.clear();
        followed
    }

    /// How many are followed.
    pub fn sources(&self) -> usize {
        self.followed.len()
    }

    fn look_again(&mut self) {
        let listed = (self.listed)().into_iter().map(|source| (source.peer().name, source));
        let listed: BTreeMap<String, Arc<dyn Source>> = listed.collect();
        let is_gone = |name: &&String| !listed.contains_key(*name);
        let gone: Vec<String> = self.followed.keys().filter(is_gone).cloned().collect();
        for name in gone {
            self.followed.remove(&name);
            let was_lost = self.lost.remove(&name);
            self.told.push_back(TailEvent::Left { name, was_lost });
        }
        for (name, source) in listed {
            if self.followed.contains_key(&name) {
                continue;
            }
            let end = CancellationToken::new();
            let records = source.tail(self.filter.clone()).take_until(end.clone().cancelled_owned());
            self.records.push(Box::pin(records));
            self.told.push_back(TailEvent::Joined(source.peer()));
            self.followed.insert(name, end.drop_guard());
        }
    }

    fn note(&mut self, event: &TailEvent) {
        match event {
            TailEvent::Lost(absence) if self.followed.contains_key(&absence.peer.name) => {
                self.lost.insert(absence.peer.name.clone());
            }
            TailEvent::Back(peer) => {
                self.lost.remove(&peer.name);
            }
            _ => {}
        }
    }
}

/// Never ends by itself where somebody may still come: whoever reads it decides when to stop.
impl Stream for Followed {
    type Item = TailEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TailEvent>> {
        while self.look.poll_tick(context).is_ready() {
            self.look_again();
        }
        if let Some(told) = self.told.pop_front() {
            return Poll::Ready(Some(told));
        }
        match self.records.poll_next_unpin(context) {
            Poll::Ready(Some(event)) => {
                self.note(&event);
                Poll::Ready(Some(event))
            }
            // A gateway whose peers have all left waits for others.
            Poll::Ready(None) if self.followed.is_empty() => Poll::Pending,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
