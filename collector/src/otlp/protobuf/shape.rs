//! What a record will look like once decoded, found on the wire: its memory, its depth, its attributes.
//!
//! Recursion is bounded by the nesting limit: three messages to a level.

use spandrel_store::otlp::{AnyValue, KeyValue, Status, span};
use spandrel_store::wire::{Fields, Malformed};

use crate::normalise::RecordLimits;

/// The messages that hold attributes somewhere below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Span,
    LogRecord,
    Resource,
    Scope,
    Event,
    Link,
    Status,
    EntityRef,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
}

impl Kind {
    /// The kind of the message in the field `tag`; `None` where the field is no message.
    pub(super) fn child(self, tag: u32) -> Option<Kind> {
        match (self, tag) {
            (Kind::Span, 9)
            | (Kind::LogRecord, 6)
            | (Kind::Resource, 1)
            | (Kind::Scope, 3)
            | (Kind::Event, 3)
            | (Kind::Link, 4)
            | (Kind::KeyValueList, 1) => Some(Kind::KeyValue),
            (Kind::Span, 11) => Some(Kind::Event),
            (Kind::Span, 13) => Some(Kind::Link),
            (Kind::Span, 15) => Some(Kind::Status),
            (Kind::Resource, 3) => Some(Kind::EntityRef),
            (Kind::LogRecord, 5) | (Kind::KeyValue, 2) | (Kind::ArrayValue, 1) => Some(Kind::AnyValue),
            (Kind::AnyValue, 5) => Some(Kind::ArrayValue),
            (Kind::AnyValue, 6) => Some(Kind::KeyValueList),
            _ => None,
        }
    }

    /// Whether this message, inside `parent`, counts towards `limits.attributes_max`.
    pub(super) fn is_element_of(self, parent: Kind) -> bool {
        self == Kind::KeyValue || parent == Kind::ArrayValue
    }

    /// Whether this message has an allowance of attributes of its own.
    pub(super) fn is_carrier(self) -> bool {
        matches!(self, Kind::Event | Kind::Link)
    }

    pub(super) fn is_nesting(self) -> bool {
        matches!(self, Kind::ArrayValue | Kind::KeyValueList)
    }

    /// The bytes that one of these takes inside its parent.
    fn size(self) -> usize {
        match self {
            Kind::Event => size_of::<span::Event>(),
            Kind::Link => size_of::<span::Link>(),
            Kind::KeyValue => size_of::<KeyValue>(),
            Kind::AnyValue => size_of::<AnyValue>(),
            Kind::Status => size_of::<Status>(),
            Kind::EntityRef => 4 * size_of::<String>(),
            _ => 0,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Shape {
    /// What its decoded fields will hold beyond the message itself.
    pub(super) heap_bytes: usize,
    /// It is nested deeper, or has more attributes, than the limits allow.
    pub(super) exceeds: bool,
}

pub(super) fn measure(message: &[u8], kind: Kind, limits: &RecordLimits) -> Result<Shape, Malformed> {
    let mut shape = Shape::default();
    measure_at(message, kind, 0, &mut 0, limits, &mut shape)?;
    Ok(shape)
}

fn measure_at(
    message: &[u8],
    kind: Kind,
    depth: usize,
    elements: &mut usize,
    limits: &RecordLimits,
    shape: &mut Shape,
) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        let (tag, Some(payload)) = field?.message() else { continue };
        let Some(child) = kind.child(tag) else {
            shape.heap_bytes += size_of::<String>() + payload.len();
            continue;
        };
        shape.heap_bytes += child.size();
        let depth = depth + usize::from(child.is_nesting());
        *elements += usize::from(child.is_element_of(kind));
        if depth > limits.nesting_max || *elements > limits.attributes_max {
            shape.exceeds = true;
            continue;
        }
        let mut own = 0;
        let elements = if child.is_carrier() { &mut own } else { &mut *elements };
        measure_at(payload, child, depth, elements, limits, shape)?;
    }
    Ok(())
}
