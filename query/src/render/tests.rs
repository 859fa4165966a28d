use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use spandrel_store::otlp::{span, *};
use spandrel_store::record::value::attributes_to_json;
use spandrel_store::{Flags, Level, NewRecord, Receiver, RecordId, ResourceContext, ScopeContext};
use spandrel_store::{SpanId, TraceId, UnixNanos};
use utoipa::PartialSchema;

use super::*;

pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

fn record(body: RecordBody, level: Option<Level>, flags: Flags, original: Option<&[u8]>) -> Arc<Record> {
    let service = attribute("service.name", Value::StringValue("payment".to_owned()));
    let resource = Resource { attributes: vec![service], ..Resource::default() };
    let scope = InstrumentationScope {
        name: "shop".to_owned(),
        version: "1.2".to_owned(),
        attributes: vec![attribute("lang", Value::StringValue("java".to_owned()))],
        dropped_attributes_count: 1,
    };
    let id = match &body {
        RecordBody::Span(span) => RecordId::of_span(
            TraceId::from_otlp(&span.trace_id).unwrap_or_default(),
            SpanId::from_otlp(&span.span_id).unwrap_or_default(),
        ),
        RecordBody::Log(_) => RecordId::of_log(1, 2, 3),
    };
    let new = NewRecord {
        resource: Arc::new(ResourceContext { resource: Some(resource), schema_url: String::new() }),
        scope: Arc::new(ScopeContext { scope: Some(scope), schema_url: "https://schema".to_owned() }),
        body,
        level,
        flags,
        original: original.map(|bytes| bytes.to_vec().into()),
    };
    Arc::new(Record::new(id, Receiver::Stdin, UnixNanos(1_700_000_000_000_000_000), new))
}

fn json(record: Arc<Record>) -> Json {
    serde_json::to_value(RecordView::new(record)).unwrap()
}

fn full_span() -> Span {
    Span {
        trace_id: vec![0x4b; 16],
        span_id: vec![0xa0; 8],
        parent_span_id: vec![0x0b; 8],
        trace_state: "k=v".to_owned(),
        flags: 257,
        name: "charge".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_001,
        end_time_unix_nano: 1_700_000_000_250_000_001,
        attributes: vec![
            attribute("http.route", Value::StringValue("/a".to_owned())),
            attribute("n", Value::IntValue(7)),
            attribute("nan", Value::DoubleValue(f64::NAN)),
            attribute("bytes", Value::BytesValue(vec![1, 2])),
            attribute("n", Value::IntValue(8)),
        ],
        dropped_attributes_count: 3,
        events: vec![span::Event {
            time_unix_nano: 1_700_000_000_100_000_000,
            name: "exception".to_owned(),
            attributes: vec![attribute("exception.type", Value::StringValue("E".to_owned()))],
            dropped_attributes_count: 0,
        }],
        dropped_events_count: 4,
        links: vec![span::Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "l=1".to_owned(),
            attributes: vec![attribute("why", Value::BoolValue(true))],
            dropped_attributes_count: 6,
            flags: 1,
        }],
        dropped_links_count: 5,
        status: Some(Status { message: "declined".to_owned(), code: 2 }),
    }
}

#[test]
fn a_span_shows_everything_that_was_sent() {
    let record = record(RecordBody::Span(Box::new(full_span())), Some(Level::Error), Flags::NOT_FINITE, None);
    let view = RecordView { record: record.clone(), found: Flags::DUPLICATE };
    let expected = json!({
        "type": "span",
        "id": record.id.to_string(),
        "trace_id": "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b",
        "span_id": "a0a0a0a0a0a0a0a0",
        "parent_span_id": "0b0b0b0b0b0b0b0b",
        "service": "payment",
        "name": "charge",
        "kind": "server",
        "start": "2023-11-14T22:13:20.000000001Z",
        "end": "2023-11-14T22:13:20.250000001Z",
        "duration_ns": 250_000_000,
        "status": "error",
        "status_message": "declined",
        "level": "error",
        "trace_state": "k=v",
        "otlp_flags": 257,
        "attributes": {"http.route": "/a", "nan": "NaN", "bytes": "AQI=", "n": 8},
        "dropped_attributes_count": 3,
        "events": [{
            "time": "2023-11-14T22:13:20.100000000Z",
            "name": "exception",
            "attributes": {"exception.type": "E"},
        }],
        "dropped_events_count": 4,
        "links": [{
            "trace_id": "01010101010101010101010101010101",
            "span_id": "0202020202020202",
            "trace_state": "l=1",
            "otlp_flags": 1,
            "attributes": {"why": true},
            "dropped_attributes_count": 6,
        }],
        "dropped_links_count": 5,
        "resource": {"service.name": "payment"},
        "scope": {
            "name": "shop",
            "version": "1.2",
            "attributes": {"lang": "java"},
            "dropped_attributes_count": 1,
            "schema_url": "https://schema",
        },
        "flags": ["not_finite", "duplicate"],
    });
    assert_eq!(serde_json::to_value(view).unwrap(), expected);
}

#[test]
fn a_log_shows_its_line_and_the_bytes_of_one_that_is_not_utf_8() {
    let log = LogRecord {
        time_unix_nano: 1_700_000_000_000_000_000,
        severity_text: "WARNING".to_owned(),
        severity_number: 13,
        body: Some(text("low stock")),
        attributes: vec![attribute("sku", Value::IntValue(4))],
        trace_id: vec![0x4b; 16],
        event_name: "stock.low".to_owned(),
        ..LogRecord::default()
    };
    let log = record(
        RecordBody::Log(Box::new(log)),
        Some(Level::Warn),
        Flags::INVALID_UTF8,
        Some(b"low \xff stock"),
    );
    let shown = json(log.clone());
    let expected = json!({
        "type": "log",
        "id": log.id.to_string(),
        "trace_id": "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b",
        "span_id": null,
        "service": "payment",
        "time": "2023-11-14T22:13:20.000000000Z",
        "observed_time": null,
        "level": "warn",
        "severity_text": "WARNING",
        "severity_number": 13,
        "message": "low stock",
        "body": "low stock",
        "original": "low \u{fffd} stock",
        "original_base64": "bG93IP8gc3RvY2s=",
        "event_name": "stock.low",
        "attributes": {"sku": 4},
        "source": "stdin",
        "resource": {"service.name": "payment"},
        "scope": shown["scope"],
        "flags": ["invalid_utf8"],
    });
    assert_eq!(shown, expected);
}

#[test]
fn the_least_and_the_greatest_times_are_shown() {
    let shown = |nanos| time::Rfc3339(UnixNanos(nanos)).to_string();
    assert_eq!(shown(0), "1970-01-01T00:00:00.000000000Z");
    assert_eq!(shown(1), "1970-01-01T00:00:00.000000001Z");
    assert_eq!(shown(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    let span = Span { start_time_unix_nano: u64::MAX, end_time_unix_nano: 1, ..Span::default() };
    let shown = json(record(RecordBody::Span(Box::new(span)), None, Flags::END_BEFORE_START, None));
    assert_eq!(shown["duration_ns"], 0);
    assert_eq!(shown["start"], "2554-07-21T23:34:33.709551615Z");
    assert_eq!(shown["end"], "1970-01-01T00:00:00.000000001Z");
}

#[test]
fn the_described_keys_are_the_rendered_ones() {
    let described = |schema: RefOr<Schema>| {
        let schema = serde_json::to_value(schema).unwrap();
        let keys = |value: &Json| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let required = schema["required"].as_array().unwrap();
        let required: Vec<String> = required.iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        (keys(&schema["properties"]), required)
    };
    let full_log =
        LogRecord { flags: 1, dropped_attributes_count: 1, body: Some(text("x")), ..LogRecord::default() };
    let empty = (RecordBody::Span(Box::default()), RecordBody::Log(Box::default()));
    let full = (RecordBody::Span(Box::new(full_span())), RecordBody::Log(Box::new(full_log)));
    for (schema, full, least) in
        [(schema::Span::schema(), full.0, empty.0), (schema::Log::schema(), full.1, empty.1)]
    {
        let (mut properties, mut required) = described(schema);
        let keys = |body, original: Option<&[u8]>| {
            let shown = json(record(body, None, Flags::NONE, original));
            let mut keys: Vec<String> = shown.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        properties.sort();
        required.sort();
        assert_eq!(keys(full, Some(b"\xff")), properties);
        assert_eq!(keys(least, None), required);
    }
}

pub(crate) fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Value::BoolValue(flag))),
        any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        any::<f64>().prop_map(|number| Some(Value::DoubleValue(number))),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 32, 6, |inner| {
        let pair = ("[a-c]{1,2}", prop::option::of(inner.clone()));
        let pair = pair.prop_map(|(key, value)| KeyValue { key, value, key_strindex: 0 });
        let list = prop::collection::vec(pair, 0..6);
        let array = prop::collection::vec(inner, 0..6);
        prop_oneof![
            array.prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            list.prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

proptest! {
    #[test]
    fn values_are_streamed_as_the_store_makes_them(values in prop::collection::vec(("[a-d]", any_value()), 0..40)) {
        let pairs = values.into_iter();
        let list: Vec<KeyValue> =
            pairs.map(|(key, value)| KeyValue { key, value: Some(value), key_strindex: 0 }).collect();
        let streamed = serde_json::to_value(value::Attributes(&list)).unwrap();
        prop_assert_eq!(streamed, Json::Object(attributes_to_json(&list)));
    }
}

#[test]
fn what_is_nested_without_end_is_cut() {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) };
    for _ in 0..500 {
        value = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    let text = serde_json::to_string(&value::Json::new(&value)).unwrap();
    assert!(text.contains('…'));
}
