//! Names of fields, and how the values of each are read.

use spandrel_store::Filter;
use spandrel_store::filter::{Field, Place, Test};

/// What a name before a colon stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    /// `kind`: the record type and the span kind in one.
    Kind,
    Field(Field, Reading),
}

/// How a value of a field is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As it stands.
    Exact,
    /// As it stands, in lower case: values that Spandrel itself names.
    Lower,
    /// Words in a row.
    Words,
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    Level,
    TraceId,
    SpanId,
    /// A time span; a bare number counts nanoseconds.
    Duration,
    Time,
    Number,
}

pub(super) const TYPES: &[&str] = &["span", "log"];
pub(super) const KINDS: &[&str] = &["internal", "server", "client", "producer", "consumer", "unspecified"];
const STATUSES: &[&str] = &["unset", "ok", "error"];

/// Fields of records themselves. Where an attribute has the same name, `attr.` and its like find it.
pub(super) const INTRINSICS: &[(&str, Meaning)] = &[
    ("type", Meaning::Field(Field::Type, Reading::OneOf(TYPES))),
    ("kind", Meaning::Kind),
    ("id", Meaning::Field(Field::Id, Reading::Lower)),
    ("trace_id", Meaning::Field(Field::TraceId, Reading::TraceId)),
    ("span_id", Meaning::Field(Field::SpanId, Reading::SpanId)),
    ("parent_span_id", Meaning::Field(Field::ParentSpanId, Reading::SpanId)),
    ("service", Meaning::Field(Field::Service, Reading::Exact)),
    ("name", Meaning::Field(Field::Name, Reading::Exact)),
    ("status", Meaning::Field(Field::Status, Reading::OneOf(STATUSES))),
    ("status_message", Meaning::Field(Field::StatusMessage, Reading::Words)),
    ("level", Meaning::Field(Field::Level, Reading::Level)),
    ("message", Meaning::Field(Field::Message, Reading::Words)),
    ("event_name", Meaning::Field(Field::EventName, Reading::Exact)),
    ("severity_text", Meaning::Field(Field::SeverityText, Reading::Exact)),
    ("severity_number", Meaning::Field(Field::SeverityNumber, Reading::Number)),
    ("source", Meaning::Field(Field::Source, Reading::Lower)),
    ("flag", Meaning::Field(Field::Flag, Reading::Lower)),
    ("duration", Meaning::Field(Field::Duration, Reading::Duration)),
    ("time", Meaning::Field(Field::Time, Reading::Time)),
    ("scope.name", Meaning::Field(Field::ScopeName, Reading::Exact)),
    ("scope.version", Meaning::Field(Field::ScopeVersion, Reading::Exact)),
];

/// Second names, for hands that learnt them elsewhere and for the names in answers.
const ALIASES: &[(&str, &str)] = &[
    ("flags", "flag"),
    ("duration_ns", "duration"),
    ("span_kind", "kind"),
    ("traceId", "trace_id"),
    ("spanId", "span_id"),
];

const PLACES: &[(&str, Place)] = &[
    ("attr.", Place::Record),
    ("resource.", Place::Resource),
    ("scope.", Place::Scope),
    ("event.", Place::Event),
    ("body.", Place::Body),
];

/// Attributes that hold prose, so that words in them are looked for, not the whole.
const PROSE: &[&str] = &["exception.message", "exception.stacktrace"];

/// What is put before an attribute's name to say where it is.
pub(super) fn prefix(place: Place) -> &'static str {
    PLACES.iter().find(|(_, of)| *of == place).map_or("", |(prefix, _)| prefix)
}

impl Meaning {
    pub(super) fn of(name: &str) -> Meaning {
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
        if let Some((_, meaning)) = INTRINSICS.iter().find(|(intrinsic, _)| *intrinsic == name) {
            return meaning.clone();
        }
        let placed = PLACES.iter().find_map(|(prefix, place)| {
            name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(|rest| (*place, rest))
        });
        let (place, name) = placed.unwrap_or((Place::Any, name));
        let reading = if PROSE.contains(&name) { Reading::Words } else { Reading::Exact };
        Meaning::Field(Field::Attribute { place, name: name.to_owned() }, reading)
    }

    /// The field to count by or to list the values of.
    pub(super) fn field(self) -> Field {
        match self {
            Meaning::Kind => Field::SpanKind,
            Meaning::Field(field, _) => field,
        }
    }

    pub(super) fn exists(&self) -> Filter {
        let field = match self {
            Meaning::Kind => Field::Type,
            Meaning::Field(field, _) => field.clone(),
        };
        Filter::is(field, Test::Exists)
    }

    /// The type that `/api/v1/fields` gives.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Meaning::Field(_, Reading::Number) => "int",
            Meaning::Field(_, Reading::Duration) => "duration",
            Meaning::Field(_, Reading::Time) => "time",
            _ => "string",
        }
    }
}
