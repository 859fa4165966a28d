//! Whether a partition has nothing of a trace, by its dictionaries of terms alone.

use std::time::Instant;

use tantivy::Term;

use super::PartitionView;
use crate::id::TraceIdMatch;

impl PartitionView {
    /// `false` also where it was not found out by `until`. A partition that cannot be read has nothing to tell, and is a
    /// gap.
    pub fn has_nothing_of(&self, id: &TraceIdMatch, until: Instant) -> bool {
        let lows = id.exact.iter().map(|exact| exact.low64()).chain(id.low64.iter().copied());
        let terms: Vec<Term> = lows.map(|low| Term::from_field_u64(self.fields.trace, low)).collect();
        let found = self.read(|| {
            for segment in self.searcher.segment_readers() {
                let index = segment.inverted_index(self.fields.trace)?;
                for term in &terms {
                    if Instant::now() >= until || index.get_term_info(term)?.is_some() {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        });
        !found.unwrap_or(false)
    }
}
