//! What records look like in JSON, for the API's description. Nothing is ever made of these types: a test
//! holds their keys equal to what is rendered.
#![allow(dead_code, reason = "they only describe")]

use std::collections::BTreeMap;

use serde_json::Value as Json;
use utoipa::ToSchema;

#[derive(ToSchema)]
#[serde(untagged)]
pub enum Record {
    Span(Box<Span>),
    Log(Box<Log>),
}

/// A span.
#[derive(ToSchema)]
pub struct Span {
    /// Always `span`.
    #[schema(rename = "type", example = "span")]
    pub record_type: String,
    /// Opaque; stable over restarts and merges.
    pub id: String,
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: String,
    #[schema(example = "00f067aa0ba902b7")]
    pub span_id: String,
    /// Absent parents are null.
    #[schema(required)]
    pub parent_span_id: Option<String>,
    /// `service.name`; empty where the resource has none.
    pub service: String,
    pub name: String,
    /// `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: String,
    /// RFC 3339 in UTC with nanoseconds.
    pub start: String,
    /// As sent, even where it is before the start.
    pub end: String,
    pub duration_ns: u64,
    /// `unset`, `ok` or `error`.
    pub status: String,
    pub status_message: String,
    /// `error` or null.
    #[schema(required)]
    pub level: Option<String>,
    /// W3C `tracestate`, where there is any.
    pub trace_state: Option<String>,
    /// OTLP's `flags` (W3C trace flags and the remote-parent bits), where not 0.
    pub otlp_flags: Option<u32>,
    pub attributes: BTreeMap<String, Json>,
    /// How many the sender dropped, where not 0.
    pub dropped_attributes_count: Option<u32>,
    pub events: Vec<Event>,
    pub dropped_events_count: Option<u32>,
    pub links: Vec<Link>,
    pub dropped_links_count: Option<u32>,
    pub resource: BTreeMap<String, Json>,
    pub scope: Scope,
    /// What is odd about the record: `end_before_start`, `duplicate`, `cut`, `missing_parent`, …
    pub flags: Vec<String>,
}

/// Something that happened during a span.
#[derive(ToSchema)]
pub struct Event {
    pub time: String,
    pub name: String,
    pub attributes: BTreeMap<String, Json>,
    pub dropped_attributes_count: Option<u32>,
}

/// A reference from a span to another one, mostly in another trace.
#[derive(ToSchema)]
pub struct Link {
    pub trace_id: String,
    pub span_id: String,
    pub trace_state: Option<String>,
    pub otlp_flags: Option<u32>,
    pub attributes: BTreeMap<String, Json>,
    pub dropped_attributes_count: Option<u32>,
}

/// What instrumented the code.
#[derive(ToSchema)]
pub struct Scope {
    pub name: String,
    pub version: String,
    pub attributes: BTreeMap<String, Json>,
    pub dropped_attributes_count: Option<u32>,
    pub schema_url: Option<String>,
}

/// A log record.
#[derive(ToSchema)]
pub struct Log {
    /// Always `log`.
    #[schema(rename = "type", example = "log")]
    pub record_type: String,
    /// Opaque; stable over restarts and merges.
    pub id: String,
    #[schema(required)]
    pub trace_id: Option<String>,
    #[schema(required)]
    pub span_id: Option<String>,
    /// `service.name`; empty where the resource has none.
    pub service: String,
    /// RFC 3339 in UTC with nanoseconds; where none was sent, when it was observed, else when it arrived.
    pub time: String,
    #[schema(required)]
    pub observed_time: Option<String>,
    /// `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or null.
    #[schema(required)]
    pub level: Option<String>,
    /// The level as it was sent.
    pub severity_text: String,
    /// OpenTelemetry's severity number, 0 where none was sent.
    pub severity_number: i32,
    pub message: String,
    /// The body as it was sent: text or structure.
    #[schema(required)]
    pub body: Option<Json>,
    /// A text input's line as it came.
    #[schema(required)]
    pub original: Option<String>,
    /// The line's bytes, where they are not UTF-8.
    pub original_base64: Option<String>,
    pub event_name: String,
    pub otlp_flags: Option<u32>,
    pub attributes: BTreeMap<String, Json>,
    pub dropped_attributes_count: Option<u32>,
    /// The receiver: `otlp_grpc`, `otlp_http`, `json_logs_http`, `stdin`, `exec`, `filelog`, `tcplog` or
    /// `unixlog`.
    pub source: String,
    pub resource: BTreeMap<String, Json>,
    pub scope: Scope,
    /// What is odd about the record: `no_time`, `bad_trace_id`, `invalid_utf8`, `not_json`, …
    pub flags: Vec<String>,
}
