//! The messages of OTLP in its JSON mapping.
//!
//! One wrapper, [`Otlp`], serialises each message; a field with its default value is left out, which both
//! protobuf's mapping and OTLP allow, while a message that is there but empty stays, as `{}`.

use serde::ser::{Serialize, SerializeMap, Serializer};
use spandrel_store::RecordBody;
use spandrel_store::otlp::{AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource, Span, Status};
use spandrel_store::otlp::{Value, span};
use spandrel_store::record::value::base64;

use super::grouping::{ResourceGroup, ScopeGroup};
use crate::render::Text;
use crate::render::value::{Hex, serialize_double};

/// Deeper than protobuf's own decoder lets anything in; a value below it is left empty.
const DEPTH_MAX: usize = 128;

/// A message that serialises in OTLP's JSON.
pub(super) struct Otlp<'a, T>(&'a T);

/// A list of messages.
pub(super) struct List<'a, T>(&'a [T]);

pub(super) fn list<T>(messages: &[T]) -> List<'_, T> {
    List(messages)
}

impl<'a, T> Serialize for List<'a, T>
where
    Otlp<'a, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Otlp))
    }
}

/// A message's fields; what has its default value is not written.
struct Fields<M>(M);

impl<M: SerializeMap> Fields<M> {
    fn value<T: Serialize + Default + PartialEq>(
        &mut self,
        key: &'static str,
        value: T,
    ) -> Result<(), M::Error> {
        if value == T::default() { Ok(()) } else { self.0.serialize_entry(key, &value) }
    }

    fn nanos(&mut self, key: &'static str, nanos: u64) -> Result<(), M::Error> {
        if nanos == 0 { Ok(()) } else { self.0.serialize_entry(key, &Text(nanos)) }
    }

    fn id(&mut self, key: &'static str, id: &[u8]) -> Result<(), M::Error> {
        if id.is_empty() { Ok(()) } else { self.0.serialize_entry(key, &Hex(id)) }
    }

    fn message<'a, T>(&mut self, key: &'static str, message: Option<&'a T>) -> Result<(), M::Error>
    where
        Otlp<'a, T>: Serialize,
    {
        message.map_or(Ok(()), |message| self.0.serialize_entry(key, &Otlp(message)))
    }

    fn list<'a, T>(&mut self, key: &'static str, messages: &'a [T]) -> Result<(), M::Error>
    where
        Otlp<'a, T>: Serialize,
    {
        if messages.is_empty() { Ok(()) } else { self.0.serialize_entry(key, &List(messages)) }
    }
}

fn fields<S: Serializer>(serializer: S) -> Result<Fields<S::SerializeMap>, S::Error> {
    serializer.serialize_map(None).map(Fields)
}

impl Serialize for Otlp<'_, ResourceGroup<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.message("resource", self.0.resource.resource.as_ref())?;
        let spans = self.0.scopes.iter().flat_map(|scope| scope.records.first()).any(|r| r.span().is_some());
        fields.list(if spans { "scopeSpans" } else { "scopeLogs" }, &self.0.scopes)?;
        fields.value("schemaUrl", self.0.resource.schema_url.as_str())?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, ScopeGroup<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.message("scope", self.0.scope.scope.as_ref())?;
        let spans = self.0.records.first().is_some_and(|record| record.span().is_some());
        fields.list(if spans { "spans" } else { "logRecords" }, &self.0.records)?;
        fields.value("schemaUrl", self.0.scope.schema_url.as_str())?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, &spandrel_store::Record> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.body {
            RecordBody::Span(span) => Otlp(span.as_ref()).serialize(serializer),
            RecordBody::Log(log) => Otlp(log.as_ref()).serialize(serializer),
        }
    }
}

impl Serialize for Otlp<'_, Resource> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.list("attributes", &self.0.attributes)?;
        fields.value("droppedAttributesCount", self.0.dropped_attributes_count)?;
        if !self.0.entity_refs.is_empty() {
            fields.0.serialize_entry("entityRefs", &self.0.entity_refs)?;
        }
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, InstrumentationScope> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.value("name", self.0.name.as_str())?;
        fields.value("version", self.0.version.as_str())?;
        fields.list("attributes", &self.0.attributes)?;
        fields.value("droppedAttributesCount", self.0.dropped_attributes_count)?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, Span> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (span, mut fields) = (self.0, fields(serializer)?);
        fields.id("traceId", &span.trace_id)?;
        fields.id("spanId", &span.span_id)?;
        fields.value("traceState", span.trace_state.as_str())?;
        fields.id("parentSpanId", &span.parent_span_id)?;
        fields.value("flags", span.flags)?;
        fields.value("name", span.name.as_str())?;
        fields.value("kind", span.kind)?;
        fields.nanos("startTimeUnixNano", span.start_time_unix_nano)?;
        fields.nanos("endTimeUnixNano", span.end_time_unix_nano)?;
        fields.list("attributes", &span.attributes)?;
        fields.value("droppedAttributesCount", span.dropped_attributes_count)?;
        fields.list("events", &span.events)?;
        fields.value("droppedEventsCount", span.dropped_events_count)?;
        fields.list("links", &span.links)?;
        fields.value("droppedLinksCount", span.dropped_links_count)?;
        fields.message("status", span.status.as_ref())?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, span::Event> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.nanos("timeUnixNano", self.0.time_unix_nano)?;
        fields.value("name", self.0.name.as_str())?;
        fields.list("attributes", &self.0.attributes)?;
        fields.value("droppedAttributesCount", self.0.dropped_attributes_count)?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, span::Link> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.id("traceId", &self.0.trace_id)?;
        fields.id("spanId", &self.0.span_id)?;
        fields.value("traceState", self.0.trace_state.as_str())?;
        fields.list("attributes", &self.0.attributes)?;
        fields.value("droppedAttributesCount", self.0.dropped_attributes_count)?;
        fields.value("flags", self.0.flags)?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, Status> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.value("message", self.0.message.as_str())?;
        fields.value("code", self.0.code)?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, LogRecord> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (log, mut fields) = (self.0, fields(serializer)?);
        fields.nanos("timeUnixNano", log.time_unix_nano)?;
        fields.nanos("observedTimeUnixNano", log.observed_time_unix_nano)?;
        fields.value("severityNumber", log.severity_number)?;
        fields.value("severityText", log.severity_text.as_str())?;
        fields.message("body", log.body.as_ref())?;
        fields.list("attributes", &log.attributes)?;
        fields.value("droppedAttributesCount", log.dropped_attributes_count)?;
        fields.value("flags", log.flags)?;
        fields.id("traceId", &log.trace_id)?;
        fields.id("spanId", &log.span_id)?;
        fields.value("eventName", log.event_name.as_str())?;
        fields.0.end()
    }
}

impl Serialize for Otlp<'_, KeyValue> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested { inner: self.0, depth: 0 }.serialize(serializer)
    }
}

impl Serialize for Otlp<'_, AnyValue> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested { inner: self.0, depth: 0 }.serialize(serializer)
    }
}

/// A message that may hold others of its kind.
struct Nested<'a, T> {
    inner: &'a T,
    depth: usize,
}

impl Serialize for Nested<'_, KeyValue> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = fields(serializer)?;
        fields.0.serialize_entry("key", &self.inner.key)?;
        if let Some(value) = &self.inner.value {
            fields.0.serialize_entry("value", &Nested { inner: value, depth: self.depth + 1 })?;
        }
        fields.value("keyStrindex", self.inner.key_strindex)?;
        fields.0.end()
    }
}

impl Serialize for Nested<'_, AnyValue> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Fields(mut map) = fields(serializer)?;
        match self.inner.value.as_ref().filter(|_| self.depth <= DEPTH_MAX) {
            None => {}
            Some(Value::StringValue(text)) => map.serialize_entry("stringValue", text)?,
            Some(Value::BoolValue(flag)) => map.serialize_entry("boolValue", flag)?,
            Some(Value::IntValue(number)) => map.serialize_entry("intValue", &Text(number))?,
            Some(Value::DoubleValue(number)) => map.serialize_entry("doubleValue", &Double(*number))?,
            Some(Value::BytesValue(bytes)) => map.serialize_entry("bytesValue", &base64(bytes))?,
            Some(Value::ArrayValue(array)) => {
                map.serialize_entry("arrayValue", &self.values(&array.values))?
            }
            Some(Value::KvlistValue(list)) => {
                map.serialize_entry("kvlistValue", &self.values(&list.values))?
            }
            Some(Value::StringValueStrindex(index)) => map.serialize_entry("stringValueStrindex", index)?,
        }
        map.end()
    }
}

impl<T> Nested<'_, T> {
    fn values<'b, U>(&self, values: &'b [U]) -> Values<'b, U> {
        Values { values, depth: self.depth + 1 }
    }
}

/// The one field of `ArrayValue` and of `KeyValueList`; written even where it is empty, as some readers want
/// it there.
struct Values<'a, T> {
    values: &'a [T],
    depth: usize,
}

impl<'a, T> Serialize for Values<'a, T>
where
    Nested<'a, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("values", &NestedList(self))?;
        map.end()
    }
}

struct NestedList<'v, 'a, T>(&'v Values<'a, T>);

impl<'a, T> Serialize for NestedList<'_, 'a, T>
where
    Nested<'a, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values.iter().map(|inner| Nested { inner, depth: self.0.depth }))
    }
}

struct Double(f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_double(self.0, serializer)
    }
}
