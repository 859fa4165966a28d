//! A span's keys in JSON, those that it shares with logs aside.

use serde::ser::{Serialize, SerializeMap, Serializer};
use spandrel_store::otlp::{Span, span};
use spandrel_store::record::SpanExt;
use spandrel_store::{Record, UnixNanos};

use super::time::Rfc3339;
use super::value::{Attributes, Hex};
use super::{Text, non_empty, non_zero};

pub(super) fn entries<M: SerializeMap>(map: &mut M, record: &Record, span: &Span) -> Result<(), M::Error> {
    map.serialize_entry("type", "span")?;
    map.serialize_entry("id", &Text(record.id))?;
    map.serialize_entry("trace_id", &Hex(&span.trace_id))?;
    map.serialize_entry("span_id", &Hex(&span.span_id))?;
    map.serialize_entry("parent_span_id", &span.parent().map(Text))?;
    map.serialize_entry("service", record.service())?;
    map.serialize_entry("name", &span.name)?;
    map.serialize_entry("kind", span.kind_name())?;
    map.serialize_entry("start", &Rfc3339(record.time()))?;
    map.serialize_entry("end", &Rfc3339(UnixNanos(span.end_time_unix_nano)))?;
    map.serialize_entry("duration_ns", &span.duration_ns())?;
    map.serialize_entry("status", span.status_name())?;
    map.serialize_entry("status_message", span.status_message())?;
    map.serialize_entry("level", &record.level.map(Text))?;
    non_empty(map, "trace_state", &span.trace_state)?;
    non_zero(map, "otlp_flags", span.flags)?;
    map.serialize_entry("attributes", &Attributes(&span.attributes))?;
    non_zero(map, "dropped_attributes_count", span.dropped_attributes_count)?;
    map.serialize_entry("events", &Each(&span.events, Event))?;
    non_zero(map, "dropped_events_count", span.dropped_events_count)?;
    map.serialize_entry("links", &Each(&span.links, Link))?;
    non_zero(map, "dropped_links_count", span.dropped_links_count)
}

struct Event<'a>(&'a span::Event);

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &Rfc3339(UnixNanos(self.0.time_unix_nano)))?;
        map.serialize_entry("name", &self.0.name)?;
        map.serialize_entry("attributes", &Attributes(&self.0.attributes))?;
        non_zero(&mut map, "dropped_attributes_count", self.0.dropped_attributes_count)?;
        map.end()
    }
}

struct Link<'a>(&'a span::Link);

impl Serialize for Link<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("trace_id", &Hex(&self.0.trace_id))?;
        map.serialize_entry("span_id", &Hex(&self.0.span_id))?;
        non_empty(&mut map, "trace_state", &self.0.trace_state)?;
        non_zero(&mut map, "otlp_flags", self.0.flags)?;
        map.serialize_entry("attributes", &Attributes(&self.0.attributes))?;
        non_zero(&mut map, "dropped_attributes_count", self.0.dropped_attributes_count)?;
        map.end()
    }
}

/// A list whose items are each wrapped in something that serialises.
struct Each<'a, T, W>(&'a [T], fn(&'a T) -> W);

impl<T, W: Serialize> Serialize for Each<'_, T, W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(self.1))
    }
}
