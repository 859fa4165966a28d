//! The meaning of a filter: whether one record matches it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Comparison, Field, Filter, Operand, Place, Predicate, Test};
use crate::level::Level;
use crate::otlp::{AnyValue, InstrumentationScope, KeyValue, Value};
use crate::record::value::{to_text, visit_all_leaves, visit_leaves};
use crate::record::{Record, RecordBody, ResourceContext, ScopeContext, SpanExt, log_message};
use crate::snapshot::{FieldInfo, ValueKind};
use crate::text;

/// One value that a field of a record has.
enum FieldValue<'a> {
    Text(Cow<'a, str>),
    Int(i128),
    Level(Level),
    Attribute(&'a AnyValue),
}

impl Filter {
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Filter::All => true,
            Filter::Nothing => false,
            Filter::And(filters) => filters.iter().all(|filter| filter.matches(record)),
            Filter::Or(filters) => filters.iter().any(|filter| filter.matches(record)),
            Filter::Not(filter) => !filter.matches(record),
            Filter::Is(predicate) => predicate.matches(record),
        }
    }
}

impl Predicate {
    pub(crate) fn matches(&self, record: &Record) -> bool {
        match (&self.field, &self.test) {
            (Field::TraceId, Test::TraceId(wanted)) => record.trace_id().is_some_and(|id| wanted.matches(id)),
            (field, test) => any_value(record, field, &mut |value| test.holds(&value)),
        }
    }
}

impl Predicate {
    /// Whether a resource and scope alone make this hold for every record under them.
    pub(crate) fn matches_context(&self, resource: &ResourceContext, scope: &ScopeContext) -> bool {
        let named = |text: &str| !text.is_empty() && self.test.holds_text(text);
        let of_scope =
            |get: fn(&InstrumentationScope) -> &str| scope.scope.as_ref().is_some_and(|s| named(get(s)));
        match &self.field {
            Field::Service => named(resource.service()),
            Field::ScopeName => of_scope(|scope| &scope.name),
            Field::ScopeVersion => of_scope(|scope| &scope.version),
            Field::Attribute { place, name } => {
                let lists = [(Place::Resource, resource.attributes()), (Place::Scope, scope.attributes())];
                let mut lists =
                    lists.into_iter().filter(|(of, _)| matches!(place, Place::Any) || of == place);
                lists.any(|(_, list)| {
                    visit_leaves(list, name, &mut |v| self.test.holds(&FieldValue::Attribute(v)))
                })
            }
            _ => false,
        }
    }
}

impl Test {
    pub(crate) fn holds_text(&self, text: &str) -> bool {
        self.holds(&text_value(text))
    }

    pub(crate) fn holds_int(&self, number: i128) -> bool {
        self.holds(&FieldValue::Int(number))
    }

    pub(crate) fn holds_level(&self, level: Level) -> bool {
        self.holds(&FieldValue::Level(level))
    }

    fn holds(&self, value: &FieldValue<'_>) -> bool {
        match self {
            Test::Exists => true,
            Test::Equals(operand) => value.compare(operand) == Some(Ordering::Equal),
            Test::Compare(comparison, operand) => compares(value, *comparison, operand),
            Test::Glob(glob) => glob.matches(&value.text()),
            Test::Phrase(words) => text::contains_phrase(&value.text(), words),
            Test::WordGlob(glob) => text::words(&value.text()).any(|word| glob.matches(&word)),
            Test::TraceId(_) => false,
        }
    }
}

fn compares(value: &FieldValue<'_>, comparison: Comparison, operand: &Operand) -> bool {
    value.compare(operand).is_some_and(|ordering| comparison.holds(ordering))
}

impl FieldValue<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            FieldValue::Text(text) => Cow::Borrowed(text),
            FieldValue::Int(number) => Cow::Owned(number.to_string()),
            FieldValue::Level(level) => Cow::Borrowed(level.as_str()),
            FieldValue::Attribute(value) => to_text(value),
        }
    }

    /// How this value stands to the operand; `None` where the two cannot be compared.
    fn compare(&self, operand: &Operand) -> Option<Ordering> {
        match self {
            FieldValue::Text(text) => Some(compare_text(text, operand)),
            FieldValue::Int(number) => compare_int(*number, operand),
            FieldValue::Level(level) => operand.level.map(|other| level.cmp(&other)),
            FieldValue::Attribute(value) => match &value.value {
                Some(Value::IntValue(number)) => compare_int(i128::from(*number), operand),
                Some(Value::DoubleValue(number)) => match operand.number {
                    Some(other) => number.partial_cmp(&other),
                    // NaN and the infinities are asked for as they are shown.
                    None => (to_text(value) == operand.text).then_some(Ordering::Equal),
                },
                _ => Some(compare_text(&to_text(value), operand)),
            },
        }
    }
}

/// Text that is the same is equal; text that reads as a number is compared as one with a number.
fn compare_text(text: &str, operand: &Operand) -> Ordering {
    if text == operand.text {
        return Ordering::Equal;
    }
    let numbers = operand.number.and_then(|other| text.parse::<f64>().ok()?.partial_cmp(&other));
    match numbers {
        None | Some(Ordering::Equal) => text.cmp(&operand.text),
        Some(ordering) => ordering,
    }
}

fn compare_int(number: i128, operand: &Operand) -> Option<Ordering> {
    match operand.int {
        Some(other) => Some(number.cmp(&other)),
        None => (number as f64).partial_cmp(&operand.number?),
    }
}

type Visit<'v> = &'v mut dyn FnMut(FieldValue<'_>) -> bool;

/// Whether `visit` returns true for any value of the field.
fn any_value(record: &Record, field: &Field, visit: Visit<'_>) -> bool {
    match &record.body {
        RecordBody::Span(span) => match field {
            Field::ParentSpanId => span.parent().is_some_and(|id| visit(text_value(id.to_string()))),
            Field::Name => visit(text_value(span.name.as_str())),
            Field::SpanKind => visit(text_value(span.kind_name())),
            Field::Status => visit(text_value(span.status_name())),
            Field::StatusMessage => non_empty(span.status_message(), visit),
            Field::Duration => visit(FieldValue::Int(i128::from(span.duration_ns()))),
            Field::Message => span_messages(record).any(|text| visit(text_value(text))),
            Field::EventName => span.events.iter().any(|event| visit(text_value(event.name.as_str()))),
            field => any_common_value(record, field, visit),
        },
        RecordBody::Log(log) => match field {
            Field::Message if log.body.is_some() => visit(FieldValue::Text(log_message(log))),
            Field::EventName => non_empty(&log.event_name, visit),
            Field::SeverityText => non_empty(&log.severity_text, visit),
            Field::SeverityNumber if log.severity_number != 0 => {
                visit(FieldValue::Int(i128::from(log.severity_number)))
            }
            field => any_common_value(record, field, visit),
        },
    }
}

fn any_common_value(record: &Record, field: &Field, visit: Visit<'_>) -> bool {
    match field {
        Field::Type => visit(text_value(if record.span().is_some() { "span" } else { "log" })),
        Field::Id => visit(text_value(record.id.to_string())),
        Field::TraceId => record.trace_id().is_some_and(|id| visit(text_value(id.to_string()))),
        Field::SpanId => record.span_id().is_some_and(|id| visit(text_value(id.to_string()))),
        Field::Service => non_empty(record.service(), visit),
        Field::Level => record.level.is_some_and(|level| visit(FieldValue::Level(level))),
        Field::Source => visit(text_value(record.receiver.as_str())),
        Field::Flag => record.flags.names().any(|name| visit(text_value(name))),
        Field::Time => visit(FieldValue::Int(i128::from(record.time().0))),
        Field::ScopeName => record.scope.scope.as_ref().is_some_and(|scope| non_empty(&scope.name, visit)),
        Field::ScopeVersion => {
            record.scope.scope.as_ref().is_some_and(|scope| non_empty(&scope.version, visit))
        }
        Field::Attribute { place, name } => {
            visit_attribute(record, *place, name, &mut |value| visit(FieldValue::Attribute(value)))
        }
        _ => false,
    }
}

fn text_value<'a>(text: impl Into<Cow<'a, str>>) -> FieldValue<'a> {
    FieldValue::Text(text.into())
}

fn non_empty(text: &str, visit: Visit<'_>) -> bool {
    !text.is_empty() && visit(text_value(text))
}

/// The texts that bare words search on a span.
pub(crate) fn span_messages(record: &Record) -> impl Iterator<Item = &str> {
    let span = record.span();
    let status = span.map(|span| span.status_message()).filter(|text| !text.is_empty());
    let events = span.into_iter().flat_map(|span| &span.events);
    let exceptions = events.flat_map(|event| &event.attributes).filter(|kv| kv.key == "exception.message");
    status.into_iter().chain(exceptions.filter_map(|kv| match kv.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.as_str()),
        _ => None,
    }))
}

/// The attribute lists of a record in one place, or in all of them.
pub(crate) fn attribute_lists(record: &Record, place: Place) -> impl Iterator<Item = (Place, &[KeyValue])> {
    let own = (Place::Record, record.body.attributes());
    let resource = (Place::Resource, record.resource.attributes());
    let scope = (Place::Scope, record.scope.attributes());
    let body = record.log().and_then(|log| match &log.body.as_ref()?.value {
        Some(Value::KvlistValue(map)) => Some((Place::Body, map.values.as_slice())),
        _ => None,
    });
    let events = record.span().into_iter().flat_map(|span| &span.events);
    let events = events.map(|event| (Place::Event, event.attributes.as_slice()));
    [own, resource, scope]
        .into_iter()
        .chain(body)
        .chain(events)
        .filter(move |(of, _)| place == Place::Any || *of == place)
}

fn visit_attribute(
    record: &Record,
    place: Place,
    name: &str,
    visit: &mut dyn FnMut(&AnyValue) -> bool,
) -> bool {
    attribute_lists(record, place).any(|(_, list)| visit_leaves(list, name, visit))
}

impl Record {
    /// Visits the values of a field as text.
    pub fn visit_values(&self, field: &Field, visit: &mut dyn FnMut(&str)) {
        any_value(self, field, &mut |value| {
            visit(&value.text());
            false
        });
    }

    /// Whether the record has an attribute of this name, whatever its value.
    pub(crate) fn has_attribute(&self, place: Place, name: &str) -> bool {
        visit_attribute(self, place, name, &mut |_| true)
    }

    /// Visits the values of a field as text, each once.
    pub(crate) fn visit_distinct_values(&self, field: &Field, visit: &mut dyn FnMut(&str)) {
        let mut seen: Vec<String> = Vec::new();
        self.visit_values(field, &mut |value| {
            if !seen.iter().any(|known| known == value) {
                visit(value);
                seen.push(value.to_owned());
            }
        });
    }

    /// The first value of a field as text.
    pub fn first_value(&self, field: &Field) -> Option<String> {
        let mut first = None;
        any_value(self, field, &mut |value| {
            first = Some(value.text().into_owned());
            true
        });
        first
    }
}

/// Visits the attributes of a record, in every place, with the kinds of their values.
pub(crate) fn visit_fields(record: &Record, visit: &mut dyn FnMut(FieldInfo)) {
    for (place, list) in attribute_lists(record, Place::Any) {
        visit_all_leaves(list, &mut |name, value| {
            if let Some(kind) = kind_of(value) {
                visit(FieldInfo { name: name.to_owned(), place, kind });
            }
        });
    }
}

pub(crate) fn kind_of(value: &AnyValue) -> Option<ValueKind> {
    Some(match value.value.as_ref()? {
        Value::StringValue(_) => ValueKind::String,
        Value::BoolValue(_) => ValueKind::Bool,
        Value::IntValue(_) => ValueKind::Int,
        Value::DoubleValue(_) => ValueKind::Double,
        Value::BytesValue(_) => ValueKind::Bytes,
        Value::KvlistValue(_) | Value::ArrayValue(_) => ValueKind::Map,
        Value::StringValueStrindex(_) => return None,
    })
}
