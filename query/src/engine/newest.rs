//! The newest matching records of all sources, page by page, in two rounds.
//!
//! Of a page, each of many sources has a few records; were each asked for a whole page, most of what it looks up and
//! sends would be thrown away. So each is asked for a few times its even share, and those that may have more within the
//! page, which is seen then, once more for as many as it has room for. Nobody is asked a third time.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use spandrel_store::Record;
use spandrel_store::snapshot::Position;

use super::gather::Share;
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
        let wanted = limit + 1;
        let first = first_of(wanted, asking.sources());
        let share = if first < wanted { Share::Half } else { Share::All };
        let ask = |about| PageQuestion { about, after, limit: first };
        let bodies = asking.gather_about(share, about, |source, about| source.search(ask(about))).await?;
        let ends: Vec<Option<Position>> = bodies.iter().map(|records| end_of(records, first)).collect();
        let mut items = merged(bodies.into_iter().flatten().collect(), wanted);
        let more: Vec<Option<(Position, usize)>> =
            ends.into_iter().map(|end| within(&items, end?, wanted)).collect();
        if first < wanted && more.iter().any(Option::is_some) {
            let bodies = asking
                .gather_some_about(Share::All, about, |place, source, about| {
                    let (after, limit) = (*more.get(place)?)?;
                    Some(source.search(PageQuestion { about, after: Some(after), limit }))
                })
                .await?;
            items.extend(bodies.into_iter().flatten());
            items = merged(items, wanted);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|record| position(record));
        Ok(asking.answer(Page { items, next }))
    }
}

/// How many records each of so many sources is asked for first.
fn first_of(wanted: usize, sources: usize) -> usize {
    wanted.saturating_mul(SHARES).div_ceil(sources.max(1)).max(FIRST_MIN).min(wanted)
}

/// The last of the records of a source that may have more.
fn end_of(records: &[Arc<Record>], asked_for: usize) -> Option<Position> {
    records.last().filter(|_| records.len() >= asked_for).map(|record| position(record))
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
