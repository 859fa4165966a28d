//! Traces in the older API's JSON: times are whole microseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value as Json, json};
use spandrel_store::otlp::{self, AnyValue, KeyValue, Span as OtlpSpan};
use spandrel_store::record::SpanExt;
use spandrel_store::record::value::{base64, to_text};
use spandrel_store::{Record, SpanId, TraceId};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<Span>,
    processes: BTreeMap<String, Process>,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    flags: u32,
    operation_name: String,
    references: Vec<Reference>,
    start_time: u64,
    duration: u64,
    tags: Vec<Tag>,
    logs: Vec<Log>,
    #[serde(rename = "processID")]
    process_id: String,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Serialize)]
struct Log {
    timestamp: u64,
    fields: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
    tags: Vec<Tag>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Tag {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    value: Json,
}

/// The spans among the records; `None` where there is none.
pub(super) fn trace(trace_id: TraceId, records: &[Arc<Record>]) -> Option<Trace> {
    let mut processes: Vec<Process> = Vec::new();
    let mut spans = Vec::new();
    for record in records {
        let Some(span) = record.span() else { continue };
        let process = process(record);
        let number = processes.iter().position(|known| *known == process).unwrap_or_else(|| {
            processes.push(process);
            processes.len() - 1
        });
        spans.push(of_span(record, span, format!("p{}", number + 1)));
    }
    let numbered = processes.into_iter().enumerate();
    let processes = numbered.map(|(number, process)| (format!("p{}", number + 1), process)).collect();
    (!spans.is_empty()).then(|| Trace { trace_id: trace_id.to_string(), spans, processes, warnings: None })
}

fn process(record: &Record) -> Process {
    let attributes = record.resource.attributes().iter().filter(|attribute| attribute.key != "service.name");
    let service = record.service();
    Process {
        service_name: if service.is_empty() { "unknown_service".to_owned() } else { service.to_owned() },
        tags: attributes.filter_map(tag).collect(),
    }
}

fn of_span(record: &Record, span: &OtlpSpan, process_id: String) -> Span {
    let trace_id = record.trace_id().map(|id| id.to_string()).unwrap_or_default();
    let parent = span.parent().map(|id| Reference {
        ref_type: "CHILD_OF",
        trace_id: trace_id.clone(),
        span_id: id.to_string(),
    });
    let links = span.links.iter().filter_map(|link| {
        Some(Reference {
            ref_type: "FOLLOWS_FROM",
            trace_id: TraceId::from_otlp(&link.trace_id)?.to_string(),
            span_id: SpanId::from_otlp(&link.span_id)?.to_string(),
        })
    });
    let warning = (span.end_time_unix_nano < span.start_time_unix_nano)
        .then(|| vec!["the span ends before it starts; its duration is shown as 0".to_owned()]);
    Span {
        span_id: record.span_id().map(|id| id.to_string()).unwrap_or_default(),
        flags: 1,
        operation_name: span.name.clone(),
        references: parent.into_iter().chain(links).collect(),
        start_time: record.time().0 / 1_000,
        duration: span.duration_ns() / 1_000,
        tags: tags(record, span),
        logs: span.events.iter().map(log).collect(),
        process_id,
        warnings: warning,
        trace_id,
    }
}

fn log(event: &otlp::span::Event) -> Log {
    let name = (!event.name.is_empty()).then(|| text("event", &event.name));
    let fields = name.into_iter().chain(event.attributes.iter().filter_map(tag));
    Log { timestamp: event.time_unix_nano / 1_000, fields: fields.collect() }
}

/// The attributes, and what OTLP keeps beside them under the names that Jaeger gives it.
fn tags(record: &Record, span: &OtlpSpan) -> Vec<Tag> {
    let mut tags: Vec<Tag> = span.attributes.iter().filter_map(tag).collect();
    if let Some(scope) = &record.scope.scope {
        tags.extend((!scope.name.is_empty()).then(|| text("otel.scope.name", &scope.name)));
        tags.extend((!scope.version.is_empty()).then(|| text("otel.scope.version", &scope.version)));
    }
    if span.kind != 0 {
        tags.push(text("span.kind", span.kind_name()));
    }
    match span.status_name() {
        "error" => {
            tags.push(text("otel.status_code", "ERROR"));
            tags.retain(|tag| tag.key != "error");
            tags.push(Tag { key: "error".to_owned(), kind: "bool", value: json!(true) });
        }
        "ok" => tags.push(text("otel.status_code", "OK")),
        _ => {}
    }
    if !span.status_message().is_empty() {
        tags.push(text("otel.status_description", span.status_message()));
    }
    tags.extend((!span.trace_state.is_empty()).then(|| text("w3c.tracestate", &span.trace_state)));
    tags
}

fn text(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), kind: "string", value: json!(value) }
}

fn tag(attribute: &KeyValue) -> Option<Tag> {
    let value: &AnyValue = attribute.value.as_ref()?;
    let (kind, value) = match value.value.as_ref()? {
        otlp::Value::BoolValue(flag) => ("bool", json!(flag)),
        otlp::Value::IntValue(int) => ("int64", json!(int)),
        otlp::Value::DoubleValue(double) if double.is_finite() => ("float64", json!(double)),
        otlp::Value::BytesValue(bytes) => ("binary", json!(base64(bytes))),
        _ => ("string", json!(to_text(value))),
    };
    Some(Tag { key: attribute.key.clone(), kind, value })
}
