//! A trace as one sequence: spans' starts and ends, their events, and logs.
//!
//! By time; what happens at the same nanosecond in the order it must have happened: starts, outer ones
//! first, then events and logs, then ends, inner ones first. An end is left out where none was sent; one
//! before its start stands where it says it was.

use std::cmp::Reverse;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use spandrel_store::otlp::span;
use spandrel_store::record::{SpanExt, log_message, value};
use spandrel_store::{Record, UnixNanos};
use utoipa::ToSchema;

use super::TraceView;
use crate::render::time::Rfc3339;
use crate::render::{Text, value::Attributes};

/// Everything that happened in a trace, in order.
#[derive(Debug, Clone, serde::Serialize, ToSchema)]
pub struct Timeline {
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    #[schema(value_type = Vec<TimelineItem>)]
    pub events: Vec<Moment>,
    /// The trace has more records than the limit lets through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub truncated: bool,
}

/// One point of the sequence. Holds the record and reads the rest from it when it is written.
#[derive(Debug, Clone)]
pub struct Moment {
    pub time: UnixNanos,
    pub kind: MomentKind,
    pub record: Arc<Record>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MomentKind {
    SpanStart,
    SpanEnd,
    /// The span's event with this index.
    Event(usize),
    Log,
}

/// What a [`Moment`] looks like in JSON.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it only describes")]
pub struct TimelineItem {
    pub time: String,
    /// `span_start`, `span_end`, `event` or `log`.
    pub kind: String,
    pub service: String,
    /// The id of the span or log.
    pub record: String,
    #[schema(required)]
    pub span_id: Option<String>,
    /// The span's name; of an `event` its own.
    pub name: Option<String>,
    /// Of a `span_start`.
    pub parent_span_id: Option<String>,
    /// Of a `span_end`: `unset`, `ok` or `error`.
    pub status: Option<String>,
    /// Of a `span_end`.
    pub duration_ns: Option<u64>,
    /// Of a `log`.
    pub level: Option<String>,
    /// Of a `log`, of a `span_end` with a status message, of an `exception` event.
    pub message: Option<String>,
    /// Of an `event`.
    pub attributes: Option<std::collections::BTreeMap<String, serde_json::Value>>,
}

impl TraceView {
    pub fn timeline(&self) -> Timeline {
        let mut moments: Vec<(Moment, Order)> = Vec::with_capacity(2 * self.spans.len() + self.logs.len());
        for node in &self.spans {
            let record = &node.view.record;
            let mut push = |nanos: UnixNanos, kind, order| {
                moments.push((Moment { time: nanos, kind, record: record.clone() }, order));
            };
            push(record.time(), MomentKind::SpanStart, Order::Start(node.depth));
            for (index, event) in node.span().events.iter().enumerate() {
                push(UnixNanos(event.time_unix_nano), MomentKind::Event(index), Order::Within);
            }
            if node.span().end_time_unix_nano != 0 {
                let end = UnixNanos(node.span().end_time_unix_nano);
                push(end, MomentKind::SpanEnd, Order::End(Reverse(node.depth)));
            }
        }
        for node in &self.logs {
            let record = node.view.record.clone();
            moments.push((Moment { time: record.time(), kind: MomentKind::Log, record }, Order::Within));
        }
        // Stable: what is equal stays in the order of spans and logs.
        moments.sort_by_key(|(moment, order)| (moment.time, *order));
        Timeline {
            trace_id: self.trace_id.to_string(),
            events: moments.into_iter().map(|(moment, _)| moment).collect(),
            truncated: self.truncated,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Start(usize),
    Within,
    End(Reverse<usize>),
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &Rfc3339(self.time))?;
        map.serialize_entry("kind", self.kind.as_str())?;
        map.serialize_entry("service", self.record.service())?;
        map.serialize_entry("record", &Text(self.record.id))?;
        map.serialize_entry("span_id", &self.record.span_id().map(Text))?;
        match self.kind {
            MomentKind::SpanStart => self.start_entries(&mut map)?,
            MomentKind::SpanEnd => self.end_entries(&mut map)?,
            MomentKind::Event(index) => {
                if let Some(event) = self.record.span().and_then(|span| span.events.get(index)) {
                    event_entries(&mut map, event)?;
                }
            }
            MomentKind::Log => self.log_entries(&mut map)?,
        }
        map.end()
    }
}

impl Moment {
    fn start_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Some(span) = self.record.span() else { return Ok(()) };
        map.serialize_entry("name", &span.name)?;
        map.serialize_entry("parent_span_id", &span.parent().map(Text))
    }

    fn end_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Some(span) = self.record.span() else { return Ok(()) };
        map.serialize_entry("name", &span.name)?;
        map.serialize_entry("status", span.status_name())?;
        map.serialize_entry("duration_ns", &span.duration_ns())?;
        crate::render::non_empty(map, "message", span.status_message())
    }

    fn log_entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Some(log) = self.record.log() else { return Ok(()) };
        map.serialize_entry("level", &self.record.level.map(Text))?;
        map.serialize_entry("message", &log_message(log))
    }
}

fn event_entries<M: SerializeMap>(map: &mut M, event: &span::Event) -> Result<(), M::Error> {
    map.serialize_entry("name", &event.name)?;
    let message = value::text_attribute(&event.attributes, "exception.message");
    crate::render::non_empty(map, "message", message.unwrap_or_default())?;
    map.serialize_entry("attributes", &Attributes(&event.attributes))
}

impl MomentKind {
    pub fn as_str(self) -> &'static str {
        match self {
            MomentKind::SpanStart => "span_start",
            MomentKind::SpanEnd => "span_end",
            MomentKind::Event(_) => "event",
            MomentKind::Log => "log",
        }
    }
}
