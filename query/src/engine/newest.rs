//! The newest matching records of all sources, page by page, in two rounds.
//!
//! Of a page, each of many sources has a few records; were each asked for a whole page, most of what it looks up and
//! sends would be thrown away. So each is asked for a few times its even share, and those that may have more within the
//! page, which is seen then, once more for as many as it has room for. Nobody is asked a third time. A page of large records
//! is shorter than it was asked for, and goes on at its cursor.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use spandrel_store::Record;
use spandrel_store::snapshot::Position;

use super::gather::{Asking, Share};
use super::piece::{Reach, keep_bytes, piece};
use super::{About, Answer, Engine, Page, Rejected, before, position};
use crate::source::PageQuestion;

/// Times its even share that a source is asked for first, and the least that is worth a question.
const SHARES: usize = 3;
const FIRST_MIN: usize = 16;

impl Engine {
    /// The matching records after a place, newest first.
    pub async fn search(
        &self,
        about: &About,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Answer<Page<Arc<Record>>>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        // One more than a page has tells whether there is another.
        let (mut items, is_cut) = asking.newest(about, after, limit + 1).await?;
        let mut more = is_cut || items.len() > limit;
        items.truncate(limit);
        more |= keep_bytes(&mut items, self.limits.answer_bytes_max.as_usize());
        let next = items.last().filter(|_| more).map(|record| position(record));
        Ok(asking.answer(Page { items, next }))
    }
}

impl Asking {
    /// The matching records after a place, newest first, so many or fewer, and whether there are more though they are
    /// fewer.
    pub(super) async fn newest(
        &mut self,
        about: &About,
        after: Option<Position>,
        wanted: usize,
    ) -> Result<(Vec<Arc<Record>>, bool), Rejected> {
        let first = first_of(wanted, self.sources());
        let share = if first < wanted { Share::Most } else { Share::All };
        let ask = |about| PageQuestion { about, after, limit: first };
        let pieces = self.gather_about(share, about, |source, about| piece(source, ask(about))).await?;
        let ends: Vec<Option<Position>> = pieces.iter().map(|piece| piece.end(first)).collect();
        let mut reach = Reach::default();
        let mut items = merged(reach.of(pieces), wanted);
        let more: Vec<Option<(Position, usize)>> =
            ends.into_iter().map(|end| within(&items, end?, wanted)).collect();
        if first < wanted && more.iter().any(Option::is_some) {
            let pieces = self
                .gather_some_about(Share::All, about, |place, source, about| {
                    let (after, limit) = (*more.get(place)?)?;
                    Some(piece(source, PageQuestion { about, after: Some(after), limit }))
                })
                .await?;
            items.extend(reach.of(pieces));
            items = merged(items, wanted);
        }
        let is_cut = reach.keep(&mut items);
        Ok((items, is_cut))
    }
}

/// How many records each of so many sources is asked for first.
fn first_of(wanted: usize, sources: usize) -> usize {
    wanted.saturating_mul(SHARES).div_ceil(sources.max(1)).max(FIRST_MIN).min(wanted)
}

/// Where a source goes on that ended there, and how many of its further records the page has room for, if it has.
fn within(items: &[Arc<Record>], end: Position, wanted: usize) -> Option<(Position, usize)> {
    let up_to_end = items.partition_point(|record| !before(end, position(record)));
    (up_to_end < wanted).then_some((end, wanted - up_to_end))
}

/// The newest so many, each once. Two sidecars may hold a span with different starts: the later one is shown here, and
/// the other on the page where its own time is, which nobody knows when this one is made.
fn merged(mut items: Vec<Arc<Record>>, wanted: usize) -> Vec<Arc<Record>> {
    items.sort_by_key(|record| Reverse((record.time(), record.id)));
    let mut seen = HashSet::with_capacity(items.len());
    items.retain(|record| seen.insert(record.id));
    items.truncate(wanted);
    items
}

#[cfg(test)]
mod tests;
