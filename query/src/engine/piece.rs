//! What one source tells of a page of records, and how far a page made of several reaches.
//!
//! A source may end early, at `limits.answer_bytes_max`, and says so. What lies behind that place in the others is not
//! told then: it would be on the page before what this one has there. The page is the shorter, and nothing is lost, for
//! its cursor goes on there.

use std::sync::Arc;

use spandrel_store::Record;
use spandrel_store::snapshot::Position;

use super::{before, position};
use crate::source::{Answering, PageQuestion, Reply, Source, record_bytes};

pub(super) struct Piece {
    pub(super) records: Vec<Arc<Record>>,
    /// There is more of it.
    is_cut: bool,
}

/// The first place, in the order of answers, behind which a source has not told all.
#[derive(Debug, Default)]
pub(super) struct Reach(Option<Position>);

/// Asks a source for its part.
pub(super) fn piece(source: &dyn Source, ask: PageQuestion) -> Answering<'_, Piece> {
    Box::pin(async move {
        let reply = source.search(ask).await?;
        let is_cut = reply.is_cut;
        Ok(Reply::map(reply, |records| Piece { records, is_cut }))
    })
}

impl Piece {
    /// The last record's place where the source may have more, though it was not cut.
    pub(super) fn end(&self, asked_for: usize) -> Option<Position> {
        let is_full = !self.is_cut && self.records.len() >= asked_for;
        self.records.last().filter(|_| is_full).map(|record| position(record))
    }
}

impl Reach {
    /// Takes pieces apart, and remembers where those that were cut end.
    pub(super) fn of(&mut self, pieces: Vec<Piece>) -> Vec<Arc<Record>> {
        for piece in pieces.iter().filter(|piece| piece.is_cut) {
            let Some(end) = piece.records.last().map(|record| position(record)) else { continue };
            if self.0.is_none_or(|reached| before(end, reached)) {
                self.0 = Some(end);
            }
        }
        pieces.into_iter().flat_map(|piece| piece.records).collect()
    }

    /// Keeps, of records in their order, those that nothing untold comes before. Returns whether there is more.
    pub(super) fn keep(&self, items: &mut Vec<Arc<Record>>) -> bool {
        let Some(end) = self.0 else { return false };
        items.truncate(items.partition_point(|record| !before(end, position(record))));
        true
    }
}

/// Keeps of records what so many bytes hold, and one at least. Returns whether any were left out.
pub(super) fn keep_bytes(items: &mut Vec<Arc<Record>>, bytes_max: usize) -> bool {
    let mut bytes = 0;
    let kept = items.iter().position(|record| {
        bytes += record_bytes(record);
        bytes > bytes_max
    });
    let count = items.len();
    items.truncate(kept.unwrap_or(count).max(1));
    items.len() < count
}
