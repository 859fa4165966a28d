//! Traces as simple as can be, and the records that they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as OtlpValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span as OtlpSpan, Status, span::Event};
use proptest::prelude::*;
use spandrel_store::{Flags, Level, NewRecord, RecordBody, ResourceContext, ScopeContext};

pub const START: u64 = 1_767_268_800_000_000_000;

pub type Trace = Vec<Span>;

#[derive(Debug, Clone)]
pub struct Span {
    /// The place of the parent in the trace; one that is not there, for a parent that is nowhere.
    pub parent: Option<usize>,
    pub service: &'static str,
    pub name: &'static str,
    pub kind: usize,
    pub status: usize,
    pub start_ms: u64,
    pub duration_ms: u64,
    pub attributes: BTreeMap<&'static str, Value>,
    pub resource: BTreeMap<&'static str, Value>,
    pub events: Vec<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Int(i64),
    Float(f64),
    Text(&'static str),
    Bool(bool),
}

pub const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
pub const STATUSES: [&str; 3] = ["unset", "ok", "error"];
pub const SERVICES: [&str; 3] = ["shop", "payment", "a|b"];
pub const NAMES: [&str; 3] = ["GET /", "charge", "SELECT 1"];
pub const KEYS: [&str; 3] = ["a", "b.c", "10"];
pub const TEXTS: [&str; 7] = ["x", "xy", "10", "9", "", "x.", "["];

pub fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1i64..12).prop_map(Value::Int),
        prop::sample::select(vec![0.5, 1.0, 2.5, 10.0]).prop_map(Value::Float),
        prop::sample::select(TEXTS.to_vec()).prop_map(Value::Text),
        any::<bool>().prop_map(Value::Bool),
    ]
}

fn attributes() -> impl Strategy<Value = BTreeMap<&'static str, Value>> {
    prop::collection::btree_map(prop::sample::select(KEYS.to_vec()), value(), 0..3)
}

fn span() -> impl Strategy<Value = Span> {
    let pick = |of: &'static [&'static str]| prop::sample::select(of.to_vec());
    let own = (0usize..12, pick(&SERVICES), pick(&NAMES), 0usize..6, 0usize..3, 0u64..50, 0u64..4);
    let rest = (attributes(), attributes(), prop::collection::vec(pick(&["exception", "retry"]), 0..2));
    (own, rest).prop_map(|((parent, service, name, kind, status, start_ms, duration), rest)| Span {
        parent: Some(parent),
        service,
        name,
        kind,
        status,
        start_ms,
        duration_ms: duration * 100,
        attributes: rest.0,
        resource: rest.1,
        events: rest.2,
    })
}

/// Parents come before their children; some spans have none, some one that is nowhere.
pub fn traces() -> impl Strategy<Value = Vec<Trace>> {
    let trace = prop::collection::vec(span(), 1..9).prop_map(|mut spans| {
        for (index, span) in spans.iter_mut().enumerate() {
            let drawn = span.parent.unwrap_or(0);
            span.parent = match drawn {
                0 | 1 => None,
                11 => Some(90),
                drawn if index > 0 => Some(drawn % index),
                _ => None,
            };
        }
        spans
    });
    prop::collection::vec(trace, 1..5)
}

fn attribute(key: &str, value: OtlpValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn otlp(attributes: &BTreeMap<&'static str, Value>) -> Vec<KeyValue> {
    let otlp = |value: &Value| match value {
        Value::Int(int) => OtlpValue::IntValue(*int),
        Value::Float(float) => OtlpValue::DoubleValue(*float),
        Value::Text(text) => OtlpValue::StringValue((*text).to_owned()),
        Value::Bool(flag) => OtlpValue::BoolValue(*flag),
    };
    attributes.iter().map(|(key, value)| attribute(key, otlp(value))).collect()
}

pub fn trace_bytes(index: usize) -> Vec<u8> {
    (index as u128 + 1).to_be_bytes().to_vec()
}

/// The records of all spans that `held` says yes to, by their places.
pub fn records(traces: &[Trace], held: impl Fn(usize) -> bool) -> Vec<NewRecord> {
    let mut records = Vec::new();
    for (trace, spans) in traces.iter().enumerate() {
        for (index, span) in spans.iter().enumerate().filter(|(index, _)| held(*index)) {
            let id = |index: usize| (index as u64 + 1).to_be_bytes().to_vec();
            let mut of_resource = otlp(&span.resource);
            of_resource.push(attribute("service.name", OtlpValue::StringValue(span.service.to_owned())));
            let start = START + span.start_ms * 1_000_000;
            let event =
                |name: &&str| Event { name: (*name).to_owned(), time_unix_nano: start, ..Event::default() };
            let body = OtlpSpan {
                trace_id: trace_bytes(trace),
                span_id: id(index),
                parent_span_id: span.parent.map(id).unwrap_or_default(),
                name: span.name.to_owned(),
                kind: span.kind as i32,
                start_time_unix_nano: start,
                end_time_unix_nano: start + span.duration_ms * 1_000_000,
                attributes: otlp(&span.attributes),
                events: span.events.iter().map(event).collect(),
                status: Some(Status { code: span.status as i32, message: String::new() }),
                ..OtlpSpan::default()
            };
            let resource = Resource { attributes: of_resource, ..Resource::default() };
            records.push(NewRecord {
                resource: Arc::new(ResourceContext { resource: Some(resource), schema_url: String::new() }),
                scope: Arc::new(ScopeContext::default()),
                body: RecordBody::Span(Box::new(body)),
                level: (span.status == 2).then_some(Level::Error),
                flags: Flags::NONE,
                original: None,
            });
        }
    }
    records
}
