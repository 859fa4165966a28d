//! One trace through a chain of services, each span with its own service; the last one fails.

use serde_json::{Value, json};

pub const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// 2026-01-01T12:00:00Z.
const NOON_NS: u64 = 1_767_268_800_000_000_000;
const MS: u64 = 1_000_000;

#[derive(Debug, Clone)]
pub struct Span {
    service: String,
    json: Value,
}

/// Four spans for each service, one below the other.
pub fn trace(services: &[&str]) -> Vec<Span> {
    let depth = services.len() as u64 * 4;
    let span = |number: u64| {
        let service = services[number as usize / 4];
        let last = number + 1 == depth;
        let mut json = json!({
            "traceId": TRACE,
            "spanId": format!("{:016x}", number + 1),
            "name": format!("{service} step {}", number % 4),
            "kind": if number.is_multiple_of(4) { 2 } else { 3 },
            "startTimeUnixNano": (NOON_NS + number * MS).to_string(),
            "endTimeUnixNano": (NOON_NS + (2 * depth - number) * MS).to_string(),
            "status": if last { json!({"code": 2, "message": "out of stock"}) } else { json!({}) },
        });
        if number > 0 {
            json["parentSpanId"] = format!("{number:016x}").into();
        }
        Span { service: service.to_owned(), json }
    };
    (0..depth).map(span).collect()
}

/// An OTLP/JSON request with the spans of one service.
pub fn of_service(whole: &[Span], service: &str) -> Value {
    let spans = whole.iter().filter(|span| span.service == service).map(|span| span.json.clone());
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    let scope = json!({"scope": {"name": "shop"}, "spans": spans.collect::<Vec<Value>>()});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})
}
