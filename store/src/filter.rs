//! What a question asks of one record: the tree that every query language is parsed to.
//!
//! [`Filter::matches`] is the meaning. The head evaluates it on every record; a partition narrows down with
//! its index first and then evaluates the same on what is stored, so that both always agree.

mod eval;

use std::cmp::Ordering;

pub(crate) use eval::{attribute_lists, kind_of, span_messages, visit_fields};

use crate::id::TraceIdMatch;
use crate::level::Level;
use crate::text::Glob;

#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    All,
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Is(Predicate),
}

/// One test on one field. A field may have several values (an array, the same name in two places): the test
/// holds if it holds for any of them. A field without a value fails every test.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    pub field: Field,
    pub test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// `span` or `log`.
    Type,
    Id,
    TraceId,
    SpanId,
    ParentSpanId,
    /// `service.name` of the resource.
    Service,
    /// A span's name.
    Name,
    /// A span's kind, in lower case: `server`, `client`, …
    SpanKind,
    /// A span's status, in lower case: `unset`, `ok`, `error`.
    Status,
    StatusMessage,
    /// The normalised level.
    Level,
    /// The text that bare words search: a log's message; a span's status message and the messages of its
    /// exception events.
    Message,
    /// A log's event name, and the names of a span's events.
    EventName,
    SeverityText,
    SeverityNumber,
    /// The receiver.
    Source,
    /// The name of a flag.
    Flag,
    /// A span's duration in nanoseconds.
    Duration,
    /// The event time in nanoseconds.
    Time,
    ScopeName,
    ScopeVersion,
    Attribute {
        place: Place,
        name: String,
    },
}

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Place {
    /// In all the places below.
    Any,
    Record,
    Resource,
    Scope,
    /// The attributes of a span's events.
    Event,
    /// A log's structured body.
    Body,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Exists,
    Equals(Operand),
    Compare(Comparison, Operand),
    /// The whole value matches the pattern.
    Glob(Glob),
    /// The words stand in the value in a row, as [`words`](crate::text::words) makes them.
    Phrase(Vec<String>),
    /// One word of the value matches the pattern, which is in lower case.
    WordGlob(Glob),
    /// For [`Field::TraceId`].
    TraceId(TraceIdMatch),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value to compare with, in every reading of the text that was typed. Text is compared with text,
/// numbers with numbers, levels by severity.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    pub text: String,
    pub int: Option<i128>,
    pub number: Option<f64>,
    pub level: Option<Level>,
}

impl Filter {
    /// Both; flattens, and drops what decides nothing.
    pub fn and(self, other: Filter) -> Filter {
        match (self, other) {
            (Filter::All, filter) | (filter, Filter::All) => filter,
            (Filter::And(mut all), Filter::And(more)) => {
                all.extend(more);
                Filter::And(all)
            }
            (Filter::And(mut all), filter) => {
                all.push(filter);
                Filter::And(all)
            }
            (filter, other) => Filter::And(vec![filter, other]),
        }
    }

    /// A test on a field.
    pub fn is(field: Field, test: Test) -> Filter {
        Filter::Is(Predicate { field, test })
    }

    /// The field has exactly this value, as typed.
    pub fn equals(field: Field, text: &str) -> Filter {
        Filter::is(field, Test::Equals(Operand::new(text)))
    }

    /// Visits every predicate of the tree.
    pub fn visit_predicates<'a>(&'a self, visit: &mut dyn FnMut(&'a Predicate)) {
        match self {
            Filter::All | Filter::Nothing => {}
            Filter::And(filters) | Filter::Or(filters) => {
                filters.iter().for_each(|filter| filter.visit_predicates(visit));
            }
            Filter::Not(filter) => filter.visit_predicates(visit),
            Filter::Is(predicate) => visit(predicate),
        }
    }
}

impl Operand {
    pub fn new(text: &str) -> Operand {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        Operand { text: text.to_owned(), int: text.parse().ok(), number, level: Level::from_text(text) }
    }

    /// A whole number, for fields that count nanoseconds.
    pub fn from_nanos(nanos: u64) -> Operand {
        Operand::new(&nanos.to_string())
    }
}

impl Place {
    /// The places that an attribute really is in.
    pub const CONCRETE: [Place; 5] =
        [Place::Record, Place::Resource, Place::Scope, Place::Event, Place::Body];

    pub(crate) fn from_repr(number: u8) -> Option<Place> {
        Place::CONCRETE.into_iter().find(|place| *place as u8 == number)
    }
}

impl Comparison {
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}
