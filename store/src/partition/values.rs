//! The values of a field in the rows of a block, found column by column: each string of a table is taken apart once,
//! and not once for each record that has it. A row's values are those that [`Record::visit_values`] gives, in that
//! order.

use std::collections::HashMap;

use prost::Message as _;

use super::Hasher;
use super::block::{Block, Body, Origin, decode_rest};
use super::select::{Selector, is_of_origin, may_be_named, pseudo_record};
use crate::facets::Facets;
use crate::filter::{Field, Place};
use crate::otlp::{AnyValue, KeyValue, LogRecord};
use crate::record::{Flags, Record, RecordBody};
use crate::stored::Undecodable;

/// Whether a block's origins, or the strings of its tables, say all values of a field.
pub(super) fn are_in_columns(field: &Field) -> bool {
    !matches!(
        field,
        Field::Id | Field::TraceId | Field::SpanId | Field::ParentSpanId | Field::Time | Field::Duration
    )
}

/// Values in the order they were first met, which numbers them.
#[derive(Default)]
struct Distinct {
    values: Vec<String>,
    numbers: HashMap<String, u32, Hasher>,
}

/// The numbers of the values that each string of a table has.
type Column = Vec<Vec<u32>>;

#[derive(Default)]
pub(super) struct Values {
    distinct: Distinct,
    attributes: Column,
    origins: Column,
    names: Column,
    bodies: Column,
    rests: Column,
    /// A span without a name has an empty one.
    no_name: Vec<u32>,
}

impl Values {
    /// Of a field that is [in columns](are_in_columns).
    pub fn of(block: &Block, selector: &Selector<'_>, field: &Field) -> Result<Values, Undecodable> {
        let mut found = Values::default();
        let by_origin = is_of_origin(field);
        if by_origin || matches!(field, Field::Attribute { place: Place::Any, .. }) {
            for origin in &block.origins {
                found.origins.push(found.distinct.of_origin(*origin, selector, field)?);
            }
        }
        if !by_origin {
            found.read_tables(block.body()?, field)?;
        }
        Ok(found)
    }

    /// How many different ones there are.
    pub fn len(&self) -> usize {
        self.distinct.values.len()
    }

    pub fn value(&self, number: u32) -> &str {
        &self.distinct.values[number as usize]
    }

    /// The numbers of a row's values; one may come twice.
    pub fn of_row(&self, block: &Block, row: usize) -> Result<impl Iterator<Item = u32>, Undecodable> {
        let origin = block.rows[row].origin;
        let of_origin = numbers(&self.origins, origin);
        let (mut of_attributes, mut of_text, mut of_rest): (&[u32], &[u32], &[u32]) = (&[], &[], &[]);
        if !self.rests.is_empty() || !self.attributes.is_empty() {
            let body = block.body()?;
            let columns = &body.rows[row];
            of_attributes = body.attributes_of(columns);
            of_rest = numbers(&self.rests, columns.rest);
            of_text = match (block.origin(row).facets().is_span, columns.text.checked_sub(1)) {
                (true, None) => &self.no_name,
                (false, None) => &[],
                (true, Some(name)) => numbers(&self.names, name),
                (false, Some(body)) => numbers(&self.bodies, body),
            };
        }
        let of_attributes = of_attributes.iter().flat_map(|number| numbers(&self.attributes, *number));
        Ok(of_attributes.chain(of_origin).chain(of_text).chain(of_rest).copied())
    }

    fn read_tables(&mut self, body: &Body, field: &Field) -> Result<(), Undecodable> {
        let Values { distinct, attributes, names, bodies, rests, no_name, .. } = self;
        if *field == Field::Name {
            for name in body.names() {
                names.push(std::str::from_utf8(name).map_or(Vec::new(), |name| vec![distinct.number(name)]));
            }
            no_name.push(distinct.number(""));
        }
        for bytes in body.attributes() {
            attributes.push(match field {
                Field::Attribute { place: Place::Any | Place::Record, name } if may_be_named(bytes, name) => {
                    let attributes = vec![KeyValue::decode(bytes)?];
                    distinct.of_log(LogRecord { attributes, ..LogRecord::default() }, field)
                }
                _ => Vec::new(),
            });
        }
        for bytes in body.bodies() {
            bodies.push(match field {
                Field::Message | Field::Attribute { place: Place::Any | Place::Body, .. } => {
                    let body = Some(AnyValue::decode(bytes)?);
                    distinct.of_log(LogRecord { body, ..LogRecord::default() }, field)
                }
                _ => Vec::new(),
            });
        }
        for bytes in body.rests() {
            rests.push(match field {
                Field::Name | Field::Attribute { place: Place::Record | Place::Body, .. } => Vec::new(),
                _ => distinct.of_record(&pseudo_record(decode_rest(bytes)?), field),
            });
        }
        Ok(())
    }
}

fn numbers(column: &Column, of: u32) -> &[u32] {
    column.get(of as usize).map_or(&[], Vec::as_slice)
}

impl Distinct {
    fn number(&mut self, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.values.len() as u32;
        self.values.push(value.to_owned());
        self.numbers.insert(value.to_owned(), number);
        number
    }

    fn of_origin(
        &mut self,
        origin: Origin,
        selector: &Selector<'_>,
        field: &Field,
    ) -> Result<Vec<u32>, Undecodable> {
        if Facets::decide(field) {
            return Ok(origin.facets().value(field).map(|value| self.number(value)).into_iter().collect());
        }
        let context = selector.context(origin)?;
        let record = Record {
            resource: context.resource.clone(),
            scope: context.scope.clone(),
            flags: Flags(origin.flags),
            receiver: origin.receiver,
            ..pseudo_record(RecordBody::Log(Box::default()))
        };
        Ok(self.of_record(&record, field))
    }

    fn of_log(&mut self, log: LogRecord, field: &Field) -> Vec<u32> {
        self.of_record(&pseudo_record(RecordBody::Log(Box::new(log))), field)
    }

    fn of_record(&mut self, record: &Record, field: &Field) -> Vec<u32> {
        let mut found = Vec::new();
        record.visit_values(field, &mut |value| found.push(self.number(value)));
        found
    }
}

/// Counts rows by value, each value once for a row.
pub(super) struct Tally {
    counts: Vec<u64>,
    /// The last row that was counted, + 1.
    counted: Vec<usize>,
}

impl Tally {
    pub fn of(values: &Values) -> Tally {
        Tally { counts: vec![0; values.len()], counted: vec![0; values.len()] }
    }

    pub fn add(&mut self, row: usize, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let number = number as usize;
            if self.counted[number] != row + 1 {
                self.counted[number] = row + 1;
                self.counts[number] += 1;
            }
        }
    }

    pub fn counts(&self) -> impl Iterator<Item = (u32, u64)> {
        (0..).zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }
}
