use std::sync::Arc;

use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use spandrel_store::otlp::{span, *};
use spandrel_store::{Flags, NewRecord, Receiver, Record, RecordBody, RecordId, ResourceContext};
use spandrel_store::{ScopeContext, UnixNanos};

use super::OtlpJson;
use crate::render::tests::{any_value, attribute, text};

fn record(resource: &ResourceContext, scope: &ScopeContext, body: RecordBody, index: u32) -> Arc<Record> {
    let new = NewRecord {
        resource: Arc::new(resource.clone()),
        scope: Arc::new(scope.clone()),
        body,
        level: None,
        flags: Flags::NONE,
        original: None,
    };
    Arc::new(Record::new(RecordId::of_log(0, 0, index), Receiver::OtlpHttp, UnixNanos(1), new))
}

/// The records that a store would make of a request.
fn records_of(spans: &[ResourceSpans], logs: &[ResourceLogs]) -> Vec<Arc<Record>> {
    let mut records = Vec::new();
    for group in spans {
        let resource =
            ResourceContext { resource: group.resource.clone(), schema_url: group.schema_url.clone() };
        for part in &group.scope_spans {
            let scope = ScopeContext { scope: part.scope.clone(), schema_url: part.schema_url.clone() };
            for span in &part.spans {
                let body = RecordBody::Span(Box::new(span.clone()));
                records.push(record(&resource, &scope, body, records.len() as u32));
            }
        }
    }
    for group in logs {
        let resource =
            ResourceContext { resource: group.resource.clone(), schema_url: group.schema_url.clone() };
        for part in &group.scope_logs {
            let scope = ScopeContext { scope: part.scope.clone(), schema_url: part.schema_url.clone() };
            for log in &part.log_records {
                let body = RecordBody::Log(Box::new(log.clone()));
                records.push(record(&resource, &scope, body, records.len() as u32));
            }
        }
    }
    records
}

fn service(name: &str) -> Option<Resource> {
    let attributes = vec![attribute("service.name", Value::StringValue(name.to_owned()))];
    Some(Resource { attributes, dropped_attributes_count: 2, entity_refs: Vec::new() })
}

fn span(number: u8) -> Span {
    Span {
        trace_id: vec![0xab; 16],
        span_id: vec![number; 8],
        parent_span_id: vec![9; 8],
        trace_state: "a=b".to_owned(),
        flags: 1,
        name: format!("span {number}"),
        kind: 3,
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 1,
        attributes: vec![attribute("n", Value::IntValue(i64::MIN)), attribute("n", Value::DoubleValue(-0.5))],
        dropped_attributes_count: 1,
        events: vec![span::Event { time_unix_nano: 5, name: "e".to_owned(), ..span::Event::default() }],
        dropped_events_count: 2,
        links: vec![span::Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            flags: 3,
            ..span::Link::default()
        }],
        dropped_links_count: 3,
        status: Some(Status::default()),
    }
}

#[test]
fn a_span_is_written_as_otlp_json_has_it() {
    let sent = ResourceSpans {
        resource: service("a"),
        scope_spans: vec![ScopeSpans { spans: vec![span(1)], ..ScopeSpans::default() }],
        schema_url: "https://r".to_owned(),
    };
    let written = serde_json::to_value(OtlpJson(&records_of(&[sent], &[]))).unwrap();
    let expected = json!({
        "resourceSpans": [{
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "a"}}],
                "droppedAttributesCount": 2,
            },
            "scopeSpans": [{"spans": [{
                "traceId": "abababababababababababababababab",
                "spanId": "0101010101010101",
                "traceState": "a=b",
                "parentSpanId": "0909090909090909",
                "flags": 1,
                "name": "span 1",
                "kind": 3,
                "startTimeUnixNano": "18446744073709551615",
                "endTimeUnixNano": "1",
                "attributes": [
                    {"key": "n", "value": {"intValue": "-9223372036854775808"}},
                    {"key": "n", "value": {"doubleValue": -0.5}},
                ],
                "droppedAttributesCount": 1,
                "events": [{"timeUnixNano": "5", "name": "e"}],
                "droppedEventsCount": 2,
                "links": [{
                    "traceId": "01010101010101010101010101010101", "spanId": "0202020202020202", "flags": 3,
                }],
                "droppedLinksCount": 3,
                "status": {},
            }]}],
            "schemaUrl": "https://r",
        }],
        "resourceLogs": [],
    });
    assert_eq!(written, expected);
}

#[test]
fn values_that_json_has_no_number_for_are_named() {
    let values = [
        (Value::DoubleValue(f64::NAN), json!({"doubleValue": "NaN"})),
        (Value::DoubleValue(f64::NEG_INFINITY), json!({"doubleValue": "-Infinity"})),
        (Value::BytesValue(vec![0xfb, 0xff]), json!({"bytesValue": "+/8="})),
        (Value::ArrayValue(ArrayValue::default()), json!({"arrayValue": {"values": []}})),
    ];
    let attributes: Vec<KeyValue> = values.iter().map(|(value, _)| attribute("k", value.clone())).collect();
    let log = LogRecord { attributes, body: Some(AnyValue::default()), ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![log], ..ScopeLogs::default() }];
    let sent = ResourceLogs { scope_logs, ..ResourceLogs::default() };
    let written = serde_json::to_value(OtlpJson(&records_of(&[], &[sent]))).unwrap();
    let log = &written["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    let expected: Vec<Json> = values.iter().map(|(_, json)| json!({"key": "k", "value": json})).collect();
    assert_eq!(log["attributes"], Json::from(expected));
    assert_eq!(log["body"], json!({}), "a body that is there but says nothing");
    assert_eq!(written["resourceLogs"][0].get("resource"), None);
}

#[test]
fn records_are_put_back_under_equal_resources_and_scopes() {
    let part = |scope: &str, numbers: &[u8]| ScopeSpans {
        scope: Some(InstrumentationScope { name: scope.to_owned(), ..InstrumentationScope::default() }),
        spans: numbers.iter().map(|number| span(*number)).collect(),
        schema_url: String::new(),
    };
    let group = |service_name: &str, parts: Vec<ScopeSpans>| ResourceSpans {
        resource: service(service_name),
        scope_spans: parts,
        schema_url: String::new(),
    };
    let sent = [
        group("a", vec![part("x", &[1, 2]), part("y", &[3])]),
        group("b", vec![part("x", &[4])]),
        group("a", vec![part("x", &[5])]),
    ];
    let expected =
        vec![group("a", vec![part("x", &[1, 2, 5]), part("y", &[3])]), group("b", vec![part("x", &[4])])];
    let written = serde_json::to_string(&OtlpJson(&records_of(&sent, &[]))).unwrap();
    let read: TracesData = serde_json::from_str(&written).unwrap();
    assert_eq!(read.resource_spans, expected);
}

proptest! {
    /// Through the protocol's own reader. Doubles that are no numbers are not in it, since that reader does
    /// not know their names, nor are those with so many digits that it reads a neighbour.
    #[test]
    fn logs_come_back_field_for_field(
        bodies in prop::collection::vec(prop::option::of(any_value().prop_map(with_plain_doubles)), 1..8),
        time: u64, severity in 0..25, flags: u32, name in ".{0,5}",
    ) {
        let log = |body| LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: time / 2,
            severity_number: severity,
            severity_text: name.clone(),
            body,
            attributes: vec![KeyValue { key: name.clone(), value: Some(text(&name)), key_strindex: 0 }],
            dropped_attributes_count: flags,
            flags,
            trace_id: vec![7; 16],
            span_id: Vec::new(),
            event_name: name.clone(),
        };
        let sent = vec![ResourceLogs {
            resource: service(&name),
            scope_logs: vec![ScopeLogs {
                log_records: bodies.into_iter().map(log).collect(),
                ..ScopeLogs::default()
            }],
            schema_url: name.clone(),
        }];
        let written = serde_json::to_string(&OtlpJson(&records_of(&[], &sent))).unwrap();
        let read: LogsData = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(read.resource_logs, sent);
    }
}

fn with_plain_doubles(value: AnyValue) -> AnyValue {
    let value = match value.value {
        Some(Value::DoubleValue(number)) => Some(Value::DoubleValue((number as i32).into())),
        Some(Value::ArrayValue(array)) => {
            let values = array.values.into_iter().map(with_plain_doubles).collect();
            Some(Value::ArrayValue(ArrayValue { values }))
        }
        Some(Value::KvlistValue(list)) => {
            let plain = |kv: KeyValue| KeyValue { value: kv.value.map(with_plain_doubles), ..kv };
            Some(Value::KvlistValue(KeyValueList { values: list.values.into_iter().map(plain).collect() }))
        }
        other => other,
    };
    AnyValue { value }
}
