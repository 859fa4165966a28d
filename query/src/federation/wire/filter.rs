//! Filters and fields on the wire.
//!
//! The tree travels as a list of its nodes, each before those it holds, so that no depth of nesting meets the
//! decoder's own limit; [`DEPTH_MAX`] and [`NODES_MAX`] bound what is built from it.

use spandrel_store::filter::{Comparison, Field, Operand, Place, Predicate, Test};
use spandrel_store::text::Glob;
use spandrel_store::{Filter, Level, TraceId, TraceIdMatch};

use super::{Garbage, Node};

/// Questions are typed by people; the language allows 256 clauses unless configured.
const NODES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 600;

/// Fields and their numbers. Attributes are 100.
const FIELDS: [(Field, u32); 21] = [
    (Field::Type, 1),
    (Field::Id, 2),
    (Field::TraceId, 3),
    (Field::SpanId, 4),
    (Field::ParentSpanId, 5),
    (Field::Service, 6),
    (Field::Name, 7),
    (Field::SpanKind, 8),
    (Field::Status, 9),
    (Field::StatusMessage, 10),
    (Field::Level, 11),
    (Field::Message, 12),
    (Field::EventName, 13),
    (Field::SeverityText, 14),
    (Field::SeverityNumber, 15),
    (Field::Source, 16),
    (Field::Flag, 17),
    (Field::Duration, 18),
    (Field::Time, 19),
    (Field::ScopeName, 20),
    (Field::ScopeVersion, 21),
];
const ATTRIBUTE: u32 = 100;

const PLACES: [(Place, u32); 6] = [
    (Place::Any, 0),
    (Place::Record, 1),
    (Place::Resource, 2),
    (Place::Scope, 3),
    (Place::Event, 4),
    (Place::Body, 5),
];

const COMPARISONS: [(Comparison, u32); 4] = [
    (Comparison::Less, 3),
    (Comparison::LessOrEqual, 4),
    (Comparison::Greater, 5),
    (Comparison::GreaterOrEqual, 6),
];

impl super::Filter {
    pub(crate) fn of(filter: &Filter) -> super::Filter {
        let mut nodes = Vec::new();
        write(filter, &mut nodes);
        super::Filter { nodes }
    }

    pub(crate) fn read(&self) -> Result<Filter, Garbage> {
        if self.nodes.len() > NODES_MAX {
            return Err(Garbage("the filter is too large"));
        }
        // From the end, so that what a node holds is there when it is met; nothing recurses.
        let mut built: Vec<Built> = Vec::new();
        for node in self.nodes.iter().rev() {
            let filter = build(node, &mut built)?;
            built.push(filter);
        }
        match (built.pop(), built.is_empty()) {
            (Some(root), true) => Ok(root.filter),
            _ => Err(Garbage("the filter has no root, or more than one")),
        }
    }
}

/// A part of the tree, and how deep it is.
struct Built {
    filter: Filter,
    depth: usize,
}

fn write(filter: &Filter, nodes: &mut Vec<Node>) {
    let node = |kind, held: &[Filter]| Node { kind, holds: held.len() as u32, ..Node::default() };
    match filter {
        Filter::All => nodes.push(node(1, &[])),
        Filter::Nothing => nodes.push(node(2, &[])),
        Filter::And(held) | Filter::Or(held) => {
            nodes.push(node(if matches!(filter, Filter::And(_)) { 3 } else { 4 }, held));
            held.iter().for_each(|filter| write(filter, nodes));
        }
        Filter::Not(held) => {
            nodes.push(node(5, &[]));
            write(held, nodes);
        }
        Filter::Is(Predicate { field, test }) => {
            let (field, test) = (Some(field.into()), Some(test.into()));
            nodes.push(Node { kind: 6, holds: 0, field, test });
        }
    }
}

fn build(node: &Node, built: &mut Vec<Built>) -> Result<Built, Garbage> {
    let holds = match node.kind {
        3 | 4 => node.holds as usize,
        5 => 1,
        _ => 0,
    };
    let rest = built.len().checked_sub(holds).ok_or(Garbage("the filter ends early"))?;
    let held = built.split_off(rest);
    let depth = 1 + held.iter().map(|held| held.depth).max().unwrap_or(0);
    if depth > DEPTH_MAX {
        return Err(Garbage("the filter is nested too deeply"));
    }
    // Met from the end, so the last is the first.
    let mut held = held.into_iter().rev().map(|held| held.filter);
    let filter = match node.kind {
        1 => Filter::All,
        2 => Filter::Nothing,
        3 => Filter::And(held.collect()),
        4 => Filter::Or(held.collect()),
        5 => Filter::Not(Box::new(held.next().ok_or(Garbage("the filter ends early"))?)),
        6 => {
            let field = node.field.as_ref().ok_or(Garbage("a test without a field"))?.read()?;
            let test = node.test.as_ref().ok_or(Garbage("a field without a test"))?.read()?;
            Filter::Is(Predicate { field, test })
        }
        _ => return Err(Garbage("no such node of a filter")),
    };
    Ok(Built { filter, depth })
}

impl From<&Field> for super::Field {
    fn from(field: &Field) -> super::Field {
        match field {
            Field::Attribute { place, name } => {
                super::Field { number: ATTRIBUTE, place: place_number(*place), name: name.clone() }
            }
            other => {
                let number = FIELDS.iter().find(|(field, _)| field == other).map_or(0, |(_, number)| *number);
                super::Field { number, ..super::Field::default() }
            }
        }
    }
}

impl super::Field {
    pub(crate) fn read(&self) -> Result<Field, Garbage> {
        if self.number == ATTRIBUTE {
            return Ok(Field::Attribute { place: place(self.place)?, name: self.name.clone() });
        }
        let known = FIELDS.iter().find(|(_, number)| *number == self.number);
        known.map(|(field, _)| field.clone()).ok_or(Garbage("no such field"))
    }
}

pub(super) fn place_number(place: Place) -> u32 {
    PLACES.iter().find(|(known, _)| *known == place).map_or(0, |(_, number)| *number)
}

pub(super) fn place(number: u32) -> Result<Place, Garbage> {
    let known = PLACES.iter().find(|(_, known)| *known == number);
    known.map(|(place, _)| *place).ok_or(Garbage("no such place of an attribute"))
}

impl From<&Test> for super::Test {
    fn from(test: &Test) -> super::Test {
        let mut wire = super::Test::default();
        wire.kind = match test {
            Test::Exists => 1,
            Test::Equals(operand) => {
                wire.operand = Some(operand.into());
                2
            }
            Test::Compare(comparison, operand) => {
                wire.operand = Some(operand.into());
                COMPARISONS.iter().find(|(known, _)| known == comparison).map_or(0, |(_, number)| *number)
            }
            Test::Glob(glob) => {
                wire.texts = vec![glob.to_string()];
                7
            }
            Test::Phrase(words) => {
                wire.texts.clone_from(words);
                8
            }
            Test::WordGlob(glob) => {
                wire.texts = vec![glob.to_string()];
                9
            }
            Test::TraceId(id) => {
                wire.exact = id.exact.iter().map(|id| id.0.to_vec()).collect();
                wire.low64.clone_from(&id.low64);
                10
            }
        };
        wire
    }
}

impl super::Test {
    fn read(&self) -> Result<Test, Garbage> {
        let operand = || self.operand.as_ref().ok_or(Garbage("a test without an operand"))?.read();
        let glob =
            || self.texts.first().map(|text| Glob::new(text)).ok_or(Garbage("a test without a pattern"));
        Ok(match self.kind {
            1 => Test::Exists,
            2 => Test::Equals(operand()?),
            7 => Test::Glob(glob()?),
            8 => Test::Phrase(self.texts.clone()),
            9 => Test::WordGlob(glob()?),
            10 => Test::TraceId(trace_id_match(&self.exact, &self.low64)?),
            number => {
                let known = COMPARISONS.iter().find(|(_, known)| *known == number);
                Test::Compare(known.ok_or(Garbage("no such test"))?.0, operand()?)
            }
        })
    }
}

pub(super) fn trace_id_match(exact: &[Vec<u8>], low64: &[u64]) -> Result<TraceIdMatch, Garbage> {
    let exact: Result<Vec<TraceId>, Garbage> = exact.iter().map(|id| trace_id(id)).collect();
    Ok(TraceIdMatch { exact: exact?, low64: low64.to_vec() })
}

pub(super) fn trace_id(bytes: &[u8]) -> Result<TraceId, Garbage> {
    TraceId::from_otlp(bytes).ok_or(Garbage("not a trace id"))
}

impl From<&Operand> for super::Operand {
    fn from(operand: &Operand) -> super::Operand {
        super::Operand {
            text: operand.text.clone(),
            int: operand.int.map(|int| int.to_be_bytes().to_vec()),
            number: operand.number,
            level: level_number(operand.level),
        }
    }
}

impl super::Operand {
    fn read(&self) -> Result<Operand, Garbage> {
        let int = |bytes: &Vec<u8>| bytes.as_slice().try_into().map(i128::from_be_bytes);
        let int = self.int.as_ref().map(int).transpose().map_err(|_| Garbage("not a whole number"))?;
        Ok(Operand { text: self.text.clone(), int, number: self.number, level: level(self.level) })
    }
}

pub(super) fn level_number(level: Option<Level>) -> u32 {
    level.map_or(0, |level| level as u32)
}

pub(super) fn level(number: u32) -> Option<Level> {
    u8::try_from(number).ok().and_then(Level::from_repr)
}
