//! Which rows of a block match a filter, found column by column: a test is tried once on each value of a table
//! and not once on each record. The answer is exact, the same that [`Filter::matches`] gives on every record.
//!
//! That works because a test holds for a record if it holds for any of the field's values, and every value
//! stands in one column: so each string of a table is tried as a record of its own.

use std::sync::Arc;

use prost::Message as _;

use super::block::{Block, Body, Origin, ROWS_MAX, decode_rest};
use crate::facets::Facets;
use crate::filter::{Field, Filter, Place, Predicate, Test};
use crate::id::{RecordId, SpanId, TraceId};
use crate::level::Level;
use crate::otlp::{AnyValue, KeyValue, LogRecord};
use crate::record::{Flags, Record, RecordBody};
use crate::stored::{Context, Undecodable};
use crate::time::{TimeRange, UnixNanos};

/// Some rows of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows([u64; ROWS_MAX / 64]);

impl Rows {
    const NONE: Rows = Rows([0; ROWS_MAX / 64]);

    fn where_true(rows: usize, holds: impl Fn(usize) -> bool) -> Rows {
        let mut found = Rows::NONE;
        for row in (0..rows).filter(|row| holds(*row)) {
            found.0[row / 64] |= 1 << (row % 64);
        }
        found
    }

    fn all(rows: usize) -> Rows {
        Rows::where_true(rows, |_| true)
    }

    fn with(self, other: Rows, join: impl Fn(u64, u64) -> u64) -> Rows {
        Rows(std::array::from_fn(|word| join(self.0[word], other.0[word])))
    }

    fn and(self, other: Rows) -> Rows {
        self.with(other, |one, other| one & other)
    }

    fn or(self, other: Rows) -> Rows {
        self.with(other, |one, other| one | other)
    }

    fn without(self, other: Rows) -> Rows {
        self.with(other, |one, other| one & !other)
    }

    pub fn is_empty(self) -> bool {
        self == Rows::NONE
    }

    pub fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, bits)| {
            let mut bits = bits;
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.checked_sub(1)?;
                Some(word * 64 + bit)
            })
        })
    }
}

/// Finds rows in the blocks of one partition.
pub(super) struct Selector<'a> {
    pub contexts: &'a [Arc<Context>],
    pub store: u64,
}

impl Selector<'_> {
    /// The rows that match, with their times in the range.
    pub fn select(&self, block: &Block, filter: &Filter, range: &TimeRange) -> Result<Rows, Undecodable> {
        let in_range =
            Rows::where_true(block.rows.len(), |row| range.contains(UnixNanos(block.rows[row].time)));
        if in_range.is_empty() {
            return Ok(in_range);
        }
        Ok(in_range.and(self.matching(block, filter)?))
    }

    fn matching(&self, block: &Block, filter: &Filter) -> Result<Rows, Undecodable> {
        let all = Rows::all(block.rows.len());
        Ok(match filter {
            Filter::All => all,
            Filter::Nothing => Rows::NONE,
            Filter::And(filters) => {
                let mut rows = all;
                // What the head tells goes first: often it spares unpacking the body.
                let (first, then): (Vec<_>, Vec<_>) = filters.iter().partition(|filter| is_of_head(filter));
                for filter in first.into_iter().chain(then) {
                    if rows.is_empty() {
                        break;
                    }
                    rows = rows.and(self.matching(block, filter)?);
                }
                rows
            }
            Filter::Or(filters) => {
                let mut rows = Rows::NONE;
                for filter in filters {
                    rows = rows.or(self.matching(block, filter)?);
                }
                rows
            }
            Filter::Not(filter) => all.without(self.matching(block, filter)?),
            Filter::Is(predicate) => self.predicate(block, predicate)?,
        })
    }

    fn predicate(&self, block: &Block, predicate: &Predicate) -> Result<Rows, Undecodable> {
        let rows = block.rows.len();
        if is_of_origin(&predicate.field) {
            return self.by_origin(block, predicate);
        }
        match &predicate.field {
            Field::TraceId => {
                let holds = |row: usize| match (TraceId::from_otlp(&block.rows[row].trace), &predicate.test) {
                    (Some(id), Test::TraceId(wanted)) => wanted.matches(id),
                    (Some(id), test) => test.holds_text(&id.to_string()),
                    (None, _) => false,
                };
                Ok(Rows::where_true(rows, holds))
            }
            Field::SpanId => {
                let id = |row: usize| SpanId::from_otlp(&block.rows[row].span_id);
                let holds = |id: SpanId| predicate.test.holds_text(&id.to_string());
                Ok(Rows::where_true(rows, |row| id(row).is_some_and(holds)))
            }
            Field::Time => {
                Ok(Rows::where_true(rows, |row| predicate.test.holds_int(i128::from(block.rows[row].time))))
            }
            Field::Id => self.by_id(block, predicate),
            Field::Duration => {
                let body = block.body()?;
                let durations = |row: usize| body.duration_ns(&block.rows[row], row);
                let is_span = |row| block.origin(row).facets().is_span;
                let holds = |row| is_span(row) && predicate.test.holds_int(i128::from(durations(row)));
                Ok(Rows::where_true(rows, holds))
            }
            Field::ParentSpanId => self.by_parent(block, predicate),
            _ => self.by_tables(block, predicate),
        }
    }

    fn by_origin(&self, block: &Block, predicate: &Predicate) -> Result<Rows, Undecodable> {
        let mut holds = Vec::with_capacity(block.origins.len());
        for origin in &block.origins {
            holds.push(self.origin_holds(*origin, predicate)?);
        }
        Ok(Rows::where_true(block.rows.len(), |row| holds[block.rows[row].origin as usize]))
    }

    fn origin_holds(&self, origin: Origin, predicate: &Predicate) -> Result<bool, Undecodable> {
        Ok(match &predicate.field {
            field if Facets::decide(field) => origin.facets().hold(predicate),
            Field::Source => predicate.test.holds_text(origin.receiver.as_str()),
            Field::Flag => Flags(origin.flags).names().any(|name| predicate.test.holds_text(name)),
            _ => {
                let context = self.context(origin)?;
                predicate.matches_context(&context.resource, &context.scope)
            }
        })
    }

    pub fn context(&self, origin: Origin) -> Result<&Arc<Context>, Undecodable> {
        self.contexts.get(origin.context as usize).ok_or_else(|| Undecodable::new("no such context"))
    }

    fn by_id(&self, block: &Block, predicate: &Predicate) -> Result<Rows, Undecodable> {
        let mut ids = Vec::with_capacity(block.rows.len());
        for (row, head) in block.rows.iter().enumerate() {
            let span = block.origin(row).facets().is_span;
            let id = match (TraceId::from_otlp(&head.trace), SpanId::from_otlp(&head.span_id)) {
                (Some(trace), Some(span_id)) if span => RecordId::of_span(trace, span_id),
                _ => {
                    let (sequence, place) = block.place(row)?;
                    RecordId::of_log(self.store, sequence, place)
                }
            };
            ids.push(id);
        }
        Ok(Rows::where_true(ids.len(), |row| predicate.test.holds_text(&ids[row].to_string())))
    }

    fn by_parent(&self, block: &Block, predicate: &Predicate) -> Result<Rows, Undecodable> {
        let body = block.body()?;
        let parent = |row: usize| SpanId::from_otlp(&body.rows[row].parent);
        let holds = |id: SpanId| predicate.test.holds_text(&id.to_string());
        Ok(Rows::where_true(block.rows.len(), |row| parent(row).is_some_and(holds)))
    }

    /// Tries every string of the tables that may hold values of the field.
    fn by_tables(&self, block: &Block, predicate: &Predicate) -> Result<Rows, Undecodable> {
        let body = block.body()?;
        let tried = Tried::new(body, predicate)?;
        let by_context = match &predicate.field {
            Field::Attribute { place: Place::Any, .. } => self.by_origin(block, predicate)?,
            _ => Rows::NONE,
        };
        let holds = |row: usize| tried.holds(block, body, row);
        Ok(by_context.or(Rows::where_true(block.rows.len(), holds)))
    }
}

/// Which strings of the tables pass a predicate.
struct Tried {
    names: Vec<bool>,
    /// A span without a name has an empty one.
    no_name: bool,
    rests: Vec<bool>,
    bodies: Vec<bool>,
    attributes: Vec<bool>,
}

impl Tried {
    fn new(body: &Body, predicate: &Predicate) -> Result<Tried, Undecodable> {
        let field = &predicate.field;
        let in_rest =
            !matches!(field, Field::Name | Field::Attribute { place: Place::Record | Place::Body, .. });
        let in_bodies =
            matches!(field, Field::Message | Field::Attribute { place: Place::Any | Place::Body, .. });
        let is_attribute = match field {
            Field::Attribute { place: Place::Any | Place::Record, name } => Some(name.as_str()),
            _ => None,
        };
        let no_name = *field == Field::Name && predicate.test.holds_text("");
        let names = match field {
            Field::Name => {
                let text =
                    |name: &[u8]| std::str::from_utf8(name).map(|name| predicate.test.holds_text(name));
                body.names().map(|name| text(name).unwrap_or(false)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Tried {
            names,
            no_name,
            rests: if in_rest { try_rests(body, predicate)? } else { Vec::new() },
            bodies: if in_bodies { try_bodies(body, predicate)? } else { Vec::new() },
            attributes: match is_attribute {
                Some(name) => try_attributes(body, name, predicate)?,
                None => Vec::new(),
            },
        })
    }

    fn holds(&self, block: &Block, body: &Body, row: usize) -> bool {
        let passes = |tried: &[bool], number: u32| tried.get(number as usize).copied().unwrap_or(false);
        let is_span = block.origin(row).facets().is_span;
        let row = &body.rows[row];
        let texts = if is_span { &self.names } else { &self.bodies };
        passes(&self.rests, row.rest)
            || row.text > 0 && passes(texts, row.text - 1)
            || row.text == 0 && is_span && self.no_name
            || !self.attributes.is_empty()
                && body.attributes_of(row).iter().any(|number| passes(&self.attributes, *number))
    }
}

fn try_rests(body: &Body, predicate: &Predicate) -> Result<Vec<bool>, Undecodable> {
    body.rests().map(|rest| Ok(try_one(predicate, decode_rest(rest)?))).collect()
}

fn try_bodies(body: &Body, predicate: &Predicate) -> Result<Vec<bool>, Undecodable> {
    let mut tried = Vec::with_capacity(body.bodies.len());
    for bytes in body.bodies() {
        let log = LogRecord { body: Some(AnyValue::decode(bytes)?), ..LogRecord::default() };
        tried.push(try_one(predicate, RecordBody::Log(Box::new(log))));
    }
    Ok(tried)
}

fn try_attributes(body: &Body, name: &str, predicate: &Predicate) -> Result<Vec<bool>, Undecodable> {
    let mut tried = vec![false; body.attributes.len()];
    for (bytes, passes) in body.attributes().zip(&mut tried) {
        if !may_be_named(bytes, name) {
            continue;
        }
        let log = LogRecord { attributes: vec![KeyValue::decode(bytes)?], ..LogRecord::default() };
        *passes = try_one(predicate, RecordBody::Log(Box::new(log)));
    }
    Ok(tried)
}

/// Whether an encoded attribute has this name, or is a map that may hold it. Its key stands first, unless a
/// foreign encoder wrote it.
pub(super) fn may_be_named(attribute: &[u8], name: &str) -> bool {
    let [0x0a, length @ 0..0x80, rest @ ..] = attribute else { return true };
    let Some(key) = rest.get(..usize::from(*length)) else { return true };
    name.as_bytes().strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

fn try_one(predicate: &Predicate, body: RecordBody) -> bool {
    predicate.matches(&pseudo_record(body))
}

/// A record that has nothing but this: neither context nor level nor id.
pub(super) fn pseudo_record(body: RecordBody) -> Record {
    Record {
        id: RecordId::of_log(0, 0, 0),
        resource: Arc::default(),
        scope: Arc::default(),
        body,
        level: None::<Level>,
        flags: Flags::NONE,
        receiver: crate::batch::Receiver::OtlpHttp,
        received: UnixNanos(0),
        original: None,
    }
}

/// Fields that the origin of a record decides.
pub(super) fn is_of_origin(field: &Field) -> bool {
    Facets::decide(field)
        || matches!(
            field,
            Field::Service
                | Field::ScopeName
                | Field::ScopeVersion
                | Field::Source
                | Field::Flag
                | Field::Attribute { place: Place::Resource | Place::Scope, .. }
        )
}

/// Whether a filter can be answered from a block's head.
fn is_of_head(filter: &Filter) -> bool {
    let mut all = true;
    filter.visit_predicates(&mut |predicate| {
        all &= is_of_origin(&predicate.field)
            || matches!(predicate.field, Field::TraceId | Field::SpanId | Field::Time);
    });
    all
}
