//! Filters to tantivy queries. Each finds at least the blocks that have a matching record; which records match
//! is decided inside the block, see `select.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field as TantivyField, IndexRecordOption};

use super::dictionary::DictionaryQuery;
use super::schema::{Fields, Key, SPANS, TERM_TEXT_BYTES_MAX, beginning, read_origin_term};
use super::spans::SpanQuery;
use crate::facets::Facets;
use crate::filter::{Comparison, Field, Filter, Operand, Place, Predicate, Test};
use crate::id::{RecordId, SpanId, TraceIdMatch, from_hex};
use crate::stored::Context;
use crate::text::{self, Glob};

/// Above this, not every whole number is a float.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// Makes queries for the blocks of one partition.
pub(super) struct Compiler<'a> {
    pub fields: &'a Fields,
    pub contexts: &'a [Arc<Context>],
}

/// A filter's part that the origin of a record decides.
#[derive(Clone)]
enum OfOrigin {
    All(Vec<OfOrigin>),
    Any(Vec<OfOrigin>),
    Not(Box<OfOrigin>),
    Facets(Predicate),
    /// By the number of the context.
    Context(Arc<[bool]>),
}

impl Compiler<'_> {
    pub fn compile(&self, filter: &Filter) -> Box<dyn Query> {
        if let Some(of_origin) = self.of_origin(filter) {
            return self.origins(of_origin);
        }
        match filter {
            Filter::All => Box::new(AllQuery),
            Filter::Nothing => Box::new(EmptyQuery),
            Filter::And(filters) => self.all(filters),
            Filter::Or(filters) => join(Occur::Should, filters.iter().map(|filter| self.compile(filter))),
            // A block with a record that matches may well have one that does not.
            Filter::Not(_) => Box::new(AllQuery),
            Filter::Is(predicate) => self.predicate(predicate),
        }
    }

    /// What origins decide is asked of one record at once: a block with an error of one service and a record of
    /// another is not one with an error of the other.
    fn all(&self, filters: &[Filter]) -> Box<dyn Query> {
        let of_origins: Vec<OfOrigin> = filters.iter().filter_map(|filter| self.of_origin(filter)).collect();
        let others = filters.iter().filter(|filter| self.of_origin(filter).is_none());
        let mut queries: Vec<Box<dyn Query>> = others.map(|filter| self.compile(filter)).collect();
        if !of_origins.is_empty() {
            queries.push(self.origins(OfOrigin::All(of_origins)));
        }
        join(Occur::Must, queries.into_iter())
    }

    fn of_origin(&self, filter: &Filter) -> Option<OfOrigin> {
        let each = |filters: &[Filter]| -> Option<Vec<OfOrigin>> {
            filters.iter().map(|filter| self.of_origin(filter)).collect()
        };
        match filter {
            Filter::All | Filter::Nothing => None,
            Filter::And(filters) => each(filters).map(OfOrigin::All),
            Filter::Or(filters) => each(filters).map(OfOrigin::Any),
            Filter::Not(filter) => Some(OfOrigin::Not(Box::new(self.of_origin(filter)?))),
            Filter::Is(predicate) if Facets::decide(&predicate.field) => {
                Some(OfOrigin::Facets(predicate.clone()))
            }
            Filter::Is(predicate) => match &predicate.field {
                Field::Service
                | Field::ScopeName
                | Field::ScopeVersion
                | Field::Attribute { place: Place::Resource | Place::Scope, .. } => {
                    Some(OfOrigin::Context(self.contexts_that_hold(predicate)))
                }
                _ => None,
            },
        }
    }

    /// The predicate tried on every context of the partition.
    fn contexts_that_hold(&self, predicate: &Predicate) -> Arc<[bool]> {
        let holds = |context: &Arc<Context>| predicate.matches_context(&context.resource, &context.scope);
        self.contexts.iter().map(holds).collect()
    }

    fn origins(&self, wanted: OfOrigin) -> Box<dyn Query> {
        let accept = move |term: &[u8]| {
            let number = term.try_into().map(u64::from_be_bytes).unwrap_or_default();
            let (context, facets) = read_origin_term(number);
            wanted.holds(context, Facets::unpack(facets))
        };
        let field = self.fields.origin;
        Box::new(DictionaryQuery { field, prefix: Vec::new(), skip: 0, accept: Arc::new(accept) })
    }

    fn predicate(&self, predicate: &Predicate) -> Box<dyn Query> {
        let test = &predicate.test;
        match &predicate.field {
            // A name that is empty, or not there, has no term.
            Field::Name | Field::EventName if test.holds_text("") => Box::new(AllQuery),
            Field::Name => self.values(Key::Name, test),
            Field::EventName => self.values(Key::EventName, test),
            Field::SeverityText => self.values(Key::SeverityText, test),
            Field::Attribute { place: Place::Any, name } => {
                let of_context = self.origins(OfOrigin::Context(self.contexts_that_hold(predicate)));
                let both = [self.values(Key::Attribute(name), test), of_context];
                join(Occur::Should, both.into_iter())
            }
            Field::Attribute { name, .. } => self.values(Key::Attribute(name), test),
            Field::TraceId => match test {
                Test::TraceId(wanted) => self.trace(wanted),
                _ => Box::new(AllQuery),
            },
            Field::SpanId => match test {
                Test::Equals(operand) => match from_hex::<8>(&operand.text) {
                    Some(id) => self.span(SpanId(id)),
                    None => Box::new(EmptyQuery),
                },
                _ => Box::new(AllQuery),
            },
            Field::Id => match test {
                Test::Equals(operand) => match RecordId::parse(&operand.text).and_then(RecordId::span) {
                    Some(span) => self.span(span),
                    None => Box::new(AllQuery),
                },
                _ => Box::new(AllQuery),
            },
            Field::Message | Field::StatusMessage => self.message(test),
            _ => Box::new(AllQuery),
        }
    }

    /// Every block with a trace whose id has one of the low halves asked for.
    pub fn trace(&self, wanted: &TraceIdMatch) -> Box<dyn Query> {
        let lows: BTreeSet<u64> =
            wanted.exact.iter().map(|id| id.low64()).chain(wanted.low64.iter().copied()).collect();
        any_of(lows.into_iter().map(|low| Term::from_field_u64(self.fields.trace, low)))
    }

    fn span(&self, id: SpanId) -> Box<dyn Query> {
        Box::new(SpanQuery { column: SPANS, id: id.0 })
    }

    /// The words of the message, and for text to compare with, the words of that.
    fn message(&self, test: &Test) -> Box<dyn Query> {
        match test {
            Test::Phrase(words) => self.all_words(words),
            Test::Equals(operand) => self.all_words(&text::words(&operand.text).collect::<Vec<_>>()),
            Test::WordGlob(glob) => self.dictionary(self.fields.words, Vec::new(), glob.prefix(), {
                let glob = glob.clone();
                move |word| glob.matches(word)
            }),
            _ => Box::new(AllQuery),
        }
    }

    fn all_words(&self, words: &[String]) -> Box<dyn Query> {
        let query =
            |word: &String| term(Term::from_field_bytes(self.fields.words, beginning(word).as_bytes()));
        join(Occur::Must, words.iter().map(query))
    }

    /// Terms of a key whose value passes the test.
    fn values(&self, key: Key<'_>, test: &Test) -> Box<dyn Query> {
        let terms = self.fields.terms;
        match test {
            Test::Exists => self.dictionary(terms, key.prefix(), "", |_| true),
            Test::Equals(operand) => self.equal(key, operand),
            Test::Compare(comparison, operand) => {
                let (comparison, operand) = (*comparison, operand.clone());
                self.dictionary(terms, key.prefix(), "", move |value| may_hold(comparison, value, &operand))
            }
            Test::Glob(glob) => self.glob(key, glob),
            test => {
                let test = test.clone();
                self.dictionary(terms, key.prefix(), "", move |value| test.holds_text(value))
            }
        }
    }

    fn glob(&self, key: Key<'_>, glob: &Glob) -> Box<dyn Query> {
        let pattern = glob.clone();
        let accept = move |value: &str| pattern.matches(value);
        self.dictionary(self.fields.terms, key.prefix(), glob.prefix(), accept)
    }

    fn equal(&self, key: Key<'_>, operand: &Operand) -> Box<dyn Query> {
        let terms = self.fields.terms;
        let Some(number) = operand.number else {
            return term(Term::from_field_bytes(terms, &key.term(&operand.text)));
        };
        if number.abs() >= EXACT_FLOAT_MAX {
            let wanted = operand.clone();
            return self.dictionary(terms, key.prefix(), "", move |value| {
                value == wanted.text || value.parse() == Ok(number)
            });
        }
        let mut texts = vec![operand.text.clone(), number.to_string(), format!("{number:?}")];
        texts.extend(serde_json::Number::from_f64(number).map(|json| json.to_string()));
        if number == 0.0 {
            texts.extend(["0", "0.0", "-0.0"].map(str::to_owned));
        }
        let term = |text: &String| Term::from_field_bytes(terms, &key.term(text));
        any_of(texts.iter().map(term))
    }

    /// Terms that begin with `key` and then `begin`, whose text behind the key is accepted; those that were
    /// cut always are.
    fn dictionary(
        &self,
        field: TantivyField,
        key: Vec<u8>,
        begin: &str,
        accept: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Box<dyn Query> {
        let skip = key.len();
        let mut prefix = key;
        prefix.extend_from_slice(beginning(begin).as_bytes());
        let accept = Arc::new(move |text: &[u8]| {
            // Terms are UTF-8; one that is not was not written by this program.
            text.len() >= TERM_TEXT_BYTES_MAX - 3 || std::str::from_utf8(text).is_ok_and(&accept)
        });
        Box::new(DictionaryQuery { field, prefix, skip, accept })
    }
}

impl OfOrigin {
    fn holds(&self, context: u32, facets: Facets) -> bool {
        match self {
            OfOrigin::All(parts) => parts.iter().all(|part| part.holds(context, facets)),
            OfOrigin::Any(parts) => parts.iter().any(|part| part.holds(context, facets)),
            OfOrigin::Not(part) => !part.holds(context, facets),
            OfOrigin::Facets(predicate) => facets.hold(predicate),
            OfOrigin::Context(holds) => holds.get(context as usize).copied().unwrap_or(false),
        }
    }
}

/// A few terms, each looked up by itself: tantivy's query for sets of terms builds an automaton, which takes a
/// hundred times as long as looking up one.
fn any_of(terms: impl Iterator<Item = Term>) -> Box<dyn Query> {
    join(Occur::Should, terms.map(term))
}

fn term(term: Term) -> Box<dyn Query> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn join(occur: Occur, queries: impl Iterator<Item = Box<dyn Query>>) -> Box<dyn Query> {
    let mut queries: Vec<(Occur, Box<dyn Query>)> = queries.map(|query| (occur, query)).collect();
    match (queries.len(), occur) {
        (0, Occur::Must) => Box::new(AllQuery),
        (0, _) => Box::new(EmptyQuery),
        (1, _) => queries.remove(0).1,
        _ => Box::new(BooleanQuery::new(queries)),
    }
}

/// Whether a value shown as `text` may compare like this, whatever its type was.
fn may_hold(comparison: Comparison, text: &str, operand: &Operand) -> bool {
    let as_text = Test::Compare(comparison, operand.clone()).holds_text(text);
    let numbers = operand.number.zip(text.parse::<f64>().ok());
    let as_numbers = |(wanted, found): (f64, f64)| {
        found.partial_cmp(&wanted).is_some_and(|order| order.is_eq() || comparison.holds(order))
    };
    as_text || numbers.is_some_and(as_numbers)
}
