//! Which blocks may hold a span id: a Bloom filter for each block, eight bits a record, in a column of numbers.
//!
//! A term for each span id would be a good part of the index, for a question that is seldom asked without a trace
//! id. The column is read through for it; about one block in forty is looked into without need.

use tantivy::query::{BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{BitSet, DocId, Score, SegmentReader, TantivyError};

/// Records to a word of 64 bits.
const RECORDS_A_WORD: usize = 8;
/// Bits that are set for each id.
const BITS: u64 = 5;

/// The filter of some ids; zero ones are no ids.
pub(super) fn filter(ids: &[[u8; 8]]) -> Vec<u64> {
    let mut words = vec![0; ids.len().div_ceil(RECORDS_A_WORD)];
    for id in ids.iter().filter(|id| **id != [0; 8]) {
        for (word, bit) in bits(*id, words.len()) {
            words[word] |= bit;
        }
    }
    words
}

fn bits(id: [u8; 8], words: usize) -> impl Iterator<Item = (usize, u64)> {
    let mixed = u64::from_be_bytes(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (first, step) = (mixed >> 32, mixed & 0xffff_ffff | 1);
    (0..BITS).map(move |turn| {
        let bit = first.wrapping_add(turn * step) % (words as u64 * 64);
        ((bit / 64) as usize, 1 << (bit % 64))
    })
}

/// The blocks whose filter has an id.
#[derive(Debug, Clone)]
pub(super) struct SpanQuery {
    pub column: &'static str,
    pub id: [u8; 8],
}

impl Query for SpanQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for SpanQuery {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut documents = BitSet::with_max_value(reader.max_doc());
        let column = reader.fast_fields().u64(self.column)?;
        let mut words = Vec::new();
        for document in 0..reader.max_doc() {
            words.clear();
            words.extend(column.values_for_doc(document));
            if !words.is_empty() && bits(self.id, words.len()).all(|(word, bit)| words[word] & bit != 0) {
                documents.insert(document);
            }
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(documents), boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Err(TantivyError::InvalidArgument("not scored".to_owned()))
    }
}

#[cfg(test)]
mod tests;
