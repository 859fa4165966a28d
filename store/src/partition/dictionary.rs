//! A tantivy query for the documents that have any of the terms which begin with a prefix and pass a test:
//! ranges, patterns and "has any value", by looking through a part of the term dictionary.

use std::fmt;
use std::sync::Arc;

use tantivy::postings::TermInfo;
use tantivy::query::{BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, DocSet, InvertedIndexReader, Score, SegmentReader, TERMINATED, TantivyError};

type Accept = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// The terms of `field` that begin with `prefix` and that, without their first `skip` bytes, `accept` takes.
#[derive(Clone)]
pub(super) struct DictionaryQuery {
    pub field: Field,
    pub prefix: Vec<u8>,
    pub skip: usize,
    pub accept: Accept,
}

impl fmt::Debug for DictionaryQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DictionaryQuery({:?}, {:?})", self.field, self.prefix)
    }
}

impl Query for DictionaryQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for DictionaryQuery {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut documents = BitSet::with_max_value(reader.max_doc());
        let index = reader.inverted_index(self.field)?;
        visit_terms(&index, &self.prefix, &mut |term, info| {
            if (self.accept)(&term[self.skip..]) {
                let mut postings = index.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
                while postings.doc() != TERMINATED {
                    documents.insert(postings.doc());
                    postings.advance();
                }
            }
            Ok(())
        })?;
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(documents), boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Err(TantivyError::InvalidArgument("not scored".to_owned()))
    }
}

/// Visits the terms that begin with `prefix`, and where their postings are.
pub(super) fn visit_terms(
    index: &InvertedIndexReader,
    prefix: &[u8],
    visit: &mut dyn FnMut(&[u8], &TermInfo) -> tantivy::Result<()>,
) -> tantivy::Result<()> {
    let mut terms = index.terms().range().ge(prefix).into_stream()?;
    while terms.advance() {
        if !terms.key().starts_with(prefix) {
            break;
        }
        visit(terms.key(), terms.value())?;
    }
    Ok(())
}
