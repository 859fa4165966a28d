//! What of a record takes few values, packed into one number: its type, level, kind and status.

use crate::filter::{Field, Predicate};
use crate::level::Level;
use crate::otlp::{Span, Status};
use crate::record::SpanExt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facets {
    pub is_span: bool,
    pub level: Option<Level>,
    /// OTLP's number, 0 to 5; others are 0.
    pub kind: u8,
    /// OTLP's number, 0 to 2; others are 0.
    pub status: u8,
}

impl Facets {
    pub fn of_span(level: Option<Level>, kind: u64, status: u64) -> Facets {
        let small = |number: u64, max: u8| u8::try_from(number).ok().filter(|n| *n <= max).unwrap_or(0);
        Facets { is_span: true, level, kind: small(kind, 5), status: small(status, 2) }
    }

    pub fn of_log(level: Option<Level>) -> Facets {
        Facets { is_span: false, level, kind: 0, status: 0 }
    }

    pub fn pack(self) -> u16 {
        let level = self.level.map_or(0, |level| level as u16);
        u16::from(self.is_span) | level << 1 | u16::from(self.kind) << 4 | u16::from(self.status) << 7
    }

    pub fn unpack(packed: u16) -> Facets {
        Facets {
            is_span: packed & 1 == 1,
            level: Level::from_repr((packed >> 1 & 7) as u8),
            kind: (packed >> 4 & 7) as u8,
            status: (packed >> 7 & 3) as u8,
        }
    }

    pub fn type_name(self) -> &'static str {
        if self.is_span { "span" } else { "log" }
    }

    pub fn kind_name(self) -> &'static str {
        Span { kind: i32::from(self.kind), ..Span::default() }.kind_name()
    }

    pub fn status_name(self) -> &'static str {
        let status = Status { code: i32::from(self.status), message: String::new() };
        Span { status: Some(status), ..Span::default() }.status_name()
    }

    /// The value of a field that facets decide.
    pub fn value(self, field: &Field) -> Option<&'static str> {
        match field {
            Field::Type => Some(self.type_name()),
            Field::Level => self.level.map(Level::as_str),
            Field::SpanKind => self.is_span.then(|| self.kind_name()),
            Field::Status => self.is_span.then(|| self.status_name()),
            _ => None,
        }
    }

    /// Whether a predicate on one of those fields holds.
    pub fn hold(self, predicate: &Predicate) -> bool {
        match &predicate.field {
            Field::Level => self.level.is_some_and(|level| predicate.test.holds_level(level)),
            field => self.value(field).is_some_and(|value| predicate.test.holds_text(value)),
        }
    }

    pub fn decide(field: &Field) -> bool {
        matches!(field, Field::Type | Field::Level | Field::SpanKind | Field::Status)
    }
}
