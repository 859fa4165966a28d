//! One span or one log record, as it was sent, with what Spandrel found out about it.
//!
//! The OpenTelemetry protocol's own types hold the content, so that it comes back field for field. What is
//! derived (level, flags) stands beside it and never replaces it.

pub mod streams;
pub mod value;

use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{NewRecord, Receiver};
use crate::id::{RecordId, SpanId, TraceId};
use crate::level::Level;
use crate::otlp::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Span, StatusCode, Value};
use crate::time::UnixNanos;

/// A kept record: a [`NewRecord`] that has its id.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: RecordId,
    pub resource: Arc<ResourceContext>,
    pub scope: Arc<ScopeContext>,
    pub body: RecordBody,
    pub level: Option<Level>,
    pub flags: Flags,
    pub receiver: Receiver,
    pub received: UnixNanos,
    pub original: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RecordBody {
    Span(Box<Span>),
    Log(Box<LogRecord>),
}

/// What the records of one `ResourceSpans` or `ResourceLogs` share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResourceContext {
    pub resource: Option<Resource>,
    pub schema_url: String,
}

/// What the records of one `ScopeSpans` or `ScopeLogs` share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScopeContext {
    pub scope: Option<InstrumentationScope>,
    pub schema_url: String,
}

/// What is odd about a record; it was kept all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    pub const NONE: Flags = Flags(0);
    /// A span ends before it starts.
    pub const END_BEFORE_START: Flags = Flags(1);
    /// A NaN or an infinity among the attributes.
    pub const NOT_FINITE: Flags = Flags(1 << 1);
    /// A log's trace id was not one; it is kept without it.
    pub const BAD_TRACE_ID: Flags = Flags(1 << 2);
    /// A log's span id was not one; it is kept without it.
    pub const BAD_SPAN_ID: Flags = Flags(1 << 3);
    /// A time that cannot be right: before 2000 or more than a day ahead of the arrival.
    pub const ABSURD_TIME: Flags = Flags(1 << 4);
    /// No time was sent; the arrival's is used.
    pub const NO_TIME: Flags = Flags(1 << 5);
    /// Bytes that are not UTF-8 in a text line; `original` has them.
    pub const INVALID_UTF8: Flags = Flags(1 << 6);
    /// Attributes, nesting or strings beyond the limits were cut.
    pub const CUT: Flags = Flags(1 << 7);
    /// A line that is not JSON, kept as text.
    pub const NOT_JSON: Flags = Flags(1 << 8);
    /// The same span was received more than once. Set in answers.
    pub const DUPLICATE: Flags = Flags(1 << 9);
    /// The span names a parent that is nowhere in what was found of its trace. Set in answers.
    pub const MISSING_PARENT: Flags = Flags(1 << 10);
    /// The span's clock and its parent's disagree. Set in answers.
    pub const CLOCK_SKEW: Flags = Flags(1 << 11);
    /// The span descends from itself. Set in answers.
    pub const CYCLE: Flags = Flags(1 << 12);
    /// A span's parent id has another length than 8 bytes; the span is shown without a parent.
    pub const BAD_PARENT_ID: Flags = Flags(1 << 13);

    const NAMES: [(Flags, &'static str); 14] = [
        (Flags::END_BEFORE_START, "end_before_start"),
        (Flags::NOT_FINITE, "not_finite"),
        (Flags::BAD_TRACE_ID, "bad_trace_id"),
        (Flags::BAD_SPAN_ID, "bad_span_id"),
        (Flags::ABSURD_TIME, "absurd_time"),
        (Flags::NO_TIME, "no_time"),
        (Flags::INVALID_UTF8, "invalid_utf8"),
        (Flags::CUT, "cut"),
        (Flags::NOT_JSON, "not_json"),
        (Flags::DUPLICATE, "duplicate"),
        (Flags::MISSING_PARENT, "missing_parent"),
        (Flags::CLOCK_SKEW, "clock_skew"),
        (Flags::CYCLE, "cycle"),
        (Flags::BAD_PARENT_ID, "bad_parent_id"),
    ];

    pub fn insert(&mut self, other: Flags) {
        self.0 |= other.0;
    }

    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set, as answers show them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

impl Record {
    pub fn new(id: RecordId, receiver: Receiver, received: UnixNanos, new: NewRecord) -> Record {
        Record {
            id,
            resource: new.resource,
            scope: new.scope,
            body: new.body,
            level: new.level,
            flags: new.flags,
            receiver,
            received,
            original: new.original,
        }
    }

    /// The event time: a span's start; a log's time, else when it was observed, else when it arrived.
    pub fn time(&self) -> UnixNanos {
        self.body.time().unwrap_or(self.received)
    }

    pub fn trace_id(&self) -> Option<TraceId> {
        self.body.trace_id()
    }

    pub fn span_id(&self) -> Option<SpanId> {
        self.body.span_id()
    }

    /// `service.name`; empty where the resource has none.
    pub fn service(&self) -> &str {
        self.resource.service()
    }

    pub fn span(&self) -> Option<&Span> {
        match &self.body {
            RecordBody::Span(span) => Some(span),
            RecordBody::Log(_) => None,
        }
    }

    pub fn log(&self) -> Option<&LogRecord> {
        match &self.body {
            RecordBody::Span(_) => None,
            RecordBody::Log(log) => Some(log),
        }
    }
}

impl RecordBody {
    /// The time the sender gave, if any.
    pub fn time(&self) -> Option<UnixNanos> {
        let nanos = match self {
            RecordBody::Span(span) => span.start_time_unix_nano,
            RecordBody::Log(log) if log.time_unix_nano != 0 => log.time_unix_nano,
            RecordBody::Log(log) => log.observed_time_unix_nano,
        };
        (nanos != 0).then_some(UnixNanos(nanos))
    }

    pub fn trace_id(&self) -> Option<TraceId> {
        match self {
            RecordBody::Span(span) => TraceId::from_otlp(&span.trace_id),
            RecordBody::Log(log) => TraceId::from_otlp(&log.trace_id),
        }
    }

    pub fn span_id(&self) -> Option<SpanId> {
        match self {
            RecordBody::Span(span) => SpanId::from_otlp(&span.span_id),
            RecordBody::Log(log) => SpanId::from_otlp(&log.span_id),
        }
    }

    pub fn attributes(&self) -> &[KeyValue] {
        match self {
            RecordBody::Span(span) => &span.attributes,
            RecordBody::Log(log) => &log.attributes,
        }
    }
}

impl ResourceContext {
    pub fn attributes(&self) -> &[KeyValue] {
        self.resource.as_ref().map_or(&[], |resource| &resource.attributes)
    }

    pub fn service(&self) -> &str {
        value::text_attribute(self.attributes(), "service.name").unwrap_or_default()
    }
}

impl ScopeContext {
    pub fn attributes(&self) -> &[KeyValue] {
        self.scope.as_ref().map_or(&[], |scope| &scope.attributes)
    }
}

/// What a span can say of itself that its fields spell less plainly.
pub trait SpanExt {
    /// End minus start; 0 where the end is before the start, or no start was sent.
    fn duration_ns(&self) -> u64;
    fn is_error(&self) -> bool;
    fn parent(&self) -> Option<SpanId>;
    fn kind_name(&self) -> &'static str;
    fn status_name(&self) -> &'static str;
    fn status_message(&self) -> &str;
}

impl SpanExt for Span {
    fn duration_ns(&self) -> u64 {
        match self.start_time_unix_nano {
            0 => 0,
            start => self.end_time_unix_nano.saturating_sub(start),
        }
    }

    fn is_error(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
    }

    fn parent(&self) -> Option<SpanId> {
        SpanId::from_otlp(&self.parent_span_id)
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            1 => "internal",
            2 => "server",
            3 => "client",
            4 => "producer",
            5 => "consumer",
            _ => "unspecified",
        }
    }

    fn status_name(&self) -> &'static str {
        match self.status.as_ref().map_or(0, |status| status.code) {
            1 => "ok",
            2 => "error",
            _ => "unset",
        }
    }

    fn status_message(&self) -> &str {
        self.status.as_ref().map_or("", |status| &status.message)
    }
}

/// The message text of a log's body: the text itself, or the `message` or `msg` of a structured body, or
/// else the whole body as JSON.
pub fn log_message(log: &LogRecord) -> std::borrow::Cow<'_, str> {
    let Some(body) = &log.body else { return "".into() };
    if let Some(Value::KvlistValue(map)) = &body.value {
        let named = ["message", "msg"].iter().find_map(|key| value::text_attribute(&map.values, key));
        if let Some(text) = named {
            return text.into();
        }
    }
    value::to_text(body)
}

/// The value under a key, if it is there.
pub fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a AnyValue> {
    attributes.iter().find(|kv| kv.key == key).and_then(|kv| kv.value.as_ref())
}
