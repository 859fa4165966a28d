//! Filters to tantivy queries. Each finds at least the records that match; where it finds exactly those, it
//! says so, and nobody needs to look at the records themselves.

use std::ops::Bound;
use std::sync::Arc;

use tantivy::Term;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, Occur, Query, RangeQuery, TermQuery, TermSetQuery};
use tantivy::schema::{Field as TantivyField, IndexRecordOption};

use super::dictionary::DictionaryQuery;
use super::schema::{CUT_MARK, Facets, Fields, Key, fits, text_term};
use crate::filter::{Comparison, Field, Filter, Operand, Place, Predicate, Test};
use crate::id::{RecordId, TraceIdMatch, from_hex};
use crate::level::Level;
use crate::stored::Context;
use crate::text::{self, Glob};

/// Above this, not every whole number is a float.
const EXACT_FLOAT_MAX: f64 = 9_007_199_254_740_992.0;

/// A filter as this partition's index sees it.
pub(super) struct Prefilter {
    pub query: Box<dyn Query>,
    /// The query finds the matching records and no others.
    pub exact: bool,
}

/// Makes prefilters for one partition.
pub(super) struct Compiler<'a> {
    pub fields: &'a Fields,
    pub contexts: &'a [Arc<Context>],
}

impl Prefilter {
    fn exactly(query: impl Query) -> Prefilter {
        Prefilter { query: Box::new(query), exact: true }
    }

    fn at_least(query: impl Query) -> Prefilter {
        Prefilter { query: Box::new(query), exact: false }
    }

    /// What the index cannot tell.
    fn anything() -> Prefilter {
        Prefilter::at_least(AllQuery)
    }

    fn inexact(self) -> Prefilter {
        Prefilter { exact: false, ..self }
    }
}

impl Compiler<'_> {
    pub fn compile(&self, filter: &Filter) -> Prefilter {
        match filter {
            Filter::All => Prefilter::exactly(AllQuery),
            Filter::Nothing => Prefilter::exactly(EmptyQuery),
            Filter::And(filters) => self.join(Occur::Must, filters.iter().map(|filter| self.compile(filter))),
            Filter::Or(filters) => {
                self.join(Occur::Should, filters.iter().map(|filter| self.compile(filter)))
            }
            Filter::Not(filter) => match self.compile(filter) {
                Prefilter { query, exact: true } => Prefilter::exactly(BooleanQuery::new(vec![
                    (Occur::Must, Box::new(AllQuery)),
                    (Occur::MustNot, query),
                ])),
                _ => Prefilter::anything(),
            },
            Filter::Is(predicate) => self.predicate(predicate),
        }
    }

    fn join(&self, occur: Occur, all: impl Iterator<Item = Prefilter>) -> Prefilter {
        let all: Vec<Prefilter> = all.collect();
        let exact = all.iter().all(|one| one.exact);
        let query: Box<dyn Query> = match (all.is_empty(), occur) {
            (true, Occur::Must) => Box::new(AllQuery),
            (true, _) => Box::new(EmptyQuery),
            _ => Box::new(BooleanQuery::new(all.into_iter().map(|one| (occur, one.query)).collect())),
        };
        Prefilter { query, exact }
    }

    fn predicate(&self, predicate: &Predicate) -> Prefilter {
        let test = &predicate.test;
        match &predicate.field {
            Field::Type | Field::Level | Field::SpanKind | Field::Status => self.facets(predicate),
            Field::Service | Field::ScopeName | Field::ScopeVersion => self.contexts(predicate),
            Field::Name => self.values(Key::Name, test),
            Field::SeverityText => self.values(Key::SeverityText, test),
            Field::EventName => self.values(Key::EventName, test),
            Field::Attribute { place: Place::Resource | Place::Scope, .. } => self.contexts(predicate),
            Field::Attribute { place: Place::Any, name } => {
                let both = [self.values(Key::Attribute(name), test), self.contexts(predicate)];
                self.join(Occur::Should, both.into_iter())
            }
            Field::Attribute { name, .. } => self.values(Key::Attribute(name), test).inexact(),
            Field::TraceId => self.trace_id(test),
            Field::SpanId => self.span_id(test),
            Field::Id => self.id(test),
            Field::Message => self.message(test),
            Field::StatusMessage => self.message(test).inexact(),
            Field::Duration => self.number(self.fields.duration, test),
            Field::Time => self.number(self.fields.time, test),
            Field::ParentSpanId | Field::SeverityNumber | Field::Source | Field::Flag => {
                Prefilter::anything()
            }
        }
    }

    /// Type, level, kind and status: the predicate is tried on every combination there can be.
    fn facets(&self, predicate: &Predicate) -> Prefilter {
        let terms = (0..1 << 9).filter(|packed| {
            let facets = Facets::unpack(*packed);
            facets.pack() == *packed && facets.kind <= 5 && facets.status <= 2 && holds(predicate, facets)
        });
        let term = |packed| Term::from_field_u64(self.fields.facets, packed);
        Prefilter::exactly(TermSetQuery::new(terms.map(term)))
    }

    /// What the resource or scope decides: the predicate is tried on every context of the partition.
    fn contexts(&self, predicate: &Predicate) -> Prefilter {
        let holds = |context: &Context| predicate.matches_context(&context.resource, &context.scope);
        let numbers =
            (0..).zip(self.contexts).filter(|(_, context)| holds(context)).map(|(number, _)| number);
        let terms: Vec<Term> =
            numbers.map(|number| Term::from_field_u64(self.fields.context, number)).collect();
        Prefilter::exactly(TermSetQuery::new(terms))
    }

    fn trace_id(&self, test: &Test) -> Prefilter {
        match test {
            Test::TraceId(wanted) => Prefilter::at_least(self.trace(wanted)),
            _ => Prefilter::anything(),
        }
    }

    /// Every record whose trace id has one of the low halves asked for.
    pub fn trace(&self, wanted: &TraceIdMatch) -> TermSetQuery {
        let lows = wanted.exact.iter().map(|id| id.low64()).chain(wanted.low64.iter().copied());
        TermSetQuery::new(lows.map(|low| Term::from_field_u64(self.fields.trace, low)).collect::<Vec<_>>())
    }

    fn span_id(&self, test: &Test) -> Prefilter {
        match test {
            Test::Equals(operand) => match from_hex::<8>(&operand.text) {
                Some(id) => Prefilter::at_least(
                    self.term(Term::from_field_u64(self.fields.span, u64::from_be_bytes(id))),
                ),
                None => Prefilter::exactly(EmptyQuery),
            },
            _ => Prefilter::anything(),
        }
    }

    fn id(&self, test: &Test) -> Prefilter {
        let Test::Equals(operand) = test else { return Prefilter::anything() };
        let Some(id) = RecordId::parse(&operand.text) else { return Prefilter::anything() };
        match id.span() {
            Some(span) => Prefilter::at_least(
                self.term(Term::from_field_u64(self.fields.span, u64::from_be_bytes(span.0))),
            ),
            None => Prefilter::anything(),
        }
    }

    /// The words of the message, and for text to compare with, the words of that.
    fn message(&self, test: &Test) -> Prefilter {
        match test {
            Test::Phrase(words) => {
                let exact = words.len() == 1 && words.iter().all(|word| fits(word));
                Prefilter { exact, ..self.all_words(words) }
            }
            Test::Equals(operand) => {
                self.all_words(&text::words(&operand.text).collect::<Vec<_>>()).inexact()
            }
            Test::WordGlob(glob) => self.dictionary(self.fields.words, String::new(), glob.prefix(), {
                let glob = glob.clone();
                move |word| glob.matches(word)
            }),
            _ => Prefilter::anything(),
        }
    }

    fn all_words(&self, words: &[String]) -> Prefilter {
        let term = |word: &String| text_term(self.fields.words, super::schema::beginning(word));
        let terms = words.iter().map(|word| Prefilter::at_least(self.term(term(word))));
        self.join(Occur::Must, terms)
    }

    fn number(&self, field: TantivyField, test: &Test) -> Prefilter {
        let (comparison, operand) = match test {
            Test::Exists => return Prefilter::anything(),
            Test::Equals(operand) => (None, operand),
            Test::Compare(comparison, operand) => (Some(*comparison), operand),
            _ => return Prefilter::anything(),
        };
        let Some(int) = operand.int else { return Prefilter::anything() };
        let Ok(number) = u64::try_from(int) else { return Prefilter::anything() };
        let term = || Term::from_field_u64(field, number);
        let (lower, upper) = match comparison {
            None => (Bound::Included(term()), Bound::Included(term())),
            Some(Comparison::Less) => (Bound::Unbounded, Bound::Excluded(term())),
            Some(Comparison::LessOrEqual) => (Bound::Unbounded, Bound::Included(term())),
            Some(Comparison::Greater) => (Bound::Excluded(term()), Bound::Unbounded),
            Some(Comparison::GreaterOrEqual) => (Bound::Included(term()), Bound::Unbounded),
        };
        Prefilter::exactly(RangeQuery::new(lower, upper))
    }

    /// Terms of a key whose value passes the test.
    fn values(&self, key: Key<'_>, test: &Test) -> Prefilter {
        match test {
            Test::Exists => self.dictionary(self.fields.terms, key.prefix(), "", |_| true).exact(),
            Test::Equals(operand) => self.equal(key, operand),
            Test::Compare(comparison, operand) => {
                let (comparison, operand) = (*comparison, operand.clone());
                self.dictionary(self.fields.terms, key.prefix(), "", move |value| {
                    may_hold(comparison, value, &operand)
                })
            }
            Test::Glob(glob) => self.glob(key, glob),
            test => {
                let test = test.clone();
                self.dictionary(self.fields.terms, key.prefix(), "", move |value| test.holds_text(value))
            }
        }
    }

    fn glob(&self, key: Key<'_>, glob: &Glob) -> Prefilter {
        let pattern = glob.clone();
        self.dictionary(self.fields.terms, key.prefix(), glob.prefix(), move |value| pattern.matches(value))
    }

    fn equal(&self, key: Key<'_>, operand: &Operand) -> Prefilter {
        let Some(number) = operand.number else {
            let exact = fits(&operand.text);
            let query = self.term(text_term(self.fields.terms, &key.term_text(&operand.text)));
            return Prefilter { query: Box::new(query), exact };
        };
        if number.abs() >= EXACT_FLOAT_MAX {
            let wanted = operand.clone();
            return self.dictionary(self.fields.terms, key.prefix(), "", move |value| {
                value == wanted.text || value.parse() == Ok(number)
            });
        }
        let mut texts = vec![operand.text.clone(), number.to_string(), format!("{number:?}")];
        texts.extend(serde_json::Number::from_f64(number).map(|json| json.to_string()));
        if number == 0.0 {
            texts.extend(["0", "0.0", "-0.0"].map(str::to_owned));
        }
        let term = |text: &String| text_term(self.fields.terms, &key.term_text(text));
        Prefilter::at_least(TermSetQuery::new(texts.iter().map(term).collect::<Vec<_>>()))
    }

    /// Terms that begin with `key` and then `begin`, whose text behind the key is accepted; those that were
    /// cut always are.
    fn dictionary(
        &self,
        field: TantivyField,
        key: String,
        begin: &str,
        accept: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Prefilter {
        let skip = key.len();
        let prefix = key + super::schema::beginning(begin);
        let accept =
            Arc::new(move |text: &str| text.len() >= super::schema::TERM_TEXT_BYTES_MAX - 3 || accept(text));
        Prefilter::at_least(DictionaryQuery { field, prefix, skip, accept })
    }

    fn term(&self, term: Term) -> TermQuery {
        TermQuery::new(term, IndexRecordOption::Basic)
    }
}

impl Prefilter {
    fn exact(self) -> Prefilter {
        Prefilter { exact: true, ..self }
    }
}

fn holds(predicate: &Predicate, facets: Facets) -> bool {
    let (record_type, kind, status) = facets.names();
    let level = |level: Level| predicate.test.holds_level(level);
    match predicate.field {
        Field::Type => predicate.test.holds_text(record_type),
        Field::Level => facets.level.is_some_and(level),
        Field::SpanKind => facets.is_span && predicate.test.holds_text(kind),
        Field::Status => facets.is_span && predicate.test.holds_text(status),
        _ => false,
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

/// Whether a term's value was cut.
pub(super) fn was_cut(value: &str) -> bool {
    value.ends_with(CUT_MARK)
}
