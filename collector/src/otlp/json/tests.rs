use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use serde_json::json;
use spandrel_store::otlp::{LogRecord, Span, Value};
use spandrel_store::{Flags, MemoryBudget, NewBody, NewRecord, RecordBody, UnixNanos};

use super::read;
use crate::admission::Admission;
use crate::normalise::{Normaliser, RecordLimits};
use crate::otlp::Signal;
use crate::refusal::Refusal;

fn normaliser() -> Normaliser {
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let admission = Admission::new(&MemoryBudget::new(64 << 20), std::time::Duration::ZERO).unwrap();
    Normaliser::new(UnixNanos::now(), limits, admission)
}

fn read_all(signal: Signal, body: &str) -> Result<Normaliser, Refusal> {
    let mut normaliser = normaliser();
    read(signal, body.as_bytes(), &mut normaliser).map(|()| normaliser)
}

fn read_span(span: serde_json::Value) -> (Span, NewRecord<NewBody>) {
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let record = read_all(Signal::Traces, &body).unwrap().records.remove(0);
    let RecordBody::Span(span) = record.body.decode().unwrap() else { panic!("a span was sent") };
    (*span, record)
}

fn read_log(log: serde_json::Value) -> (LogRecord, NewRecord<NewBody>) {
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).to_string();
    let record = read_all(Signal::Logs, &body).unwrap().records.remove(0);
    let RecordBody::Log(log) = record.body.decode().unwrap() else { panic!("a log was sent") };
    (*log, record)
}

fn span_with(fields: serde_json::Value) -> serde_json::Value {
    let mut span = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"});
    for (key, value) in fields.as_object().unwrap() {
        span[key] = value.clone();
    }
    span
}

fn value_of(any_value: serde_json::Value) -> Option<Value> {
    let attributes = json!({"attributes": [{"key": "k", "value": any_value}]});
    let (span, _) = read_span(span_with(attributes));
    span.attributes[0].value.clone().and_then(|value| value.value)
}

/// examples/trace.json of opentelemetry-proto.
const TRACE_EXAMPLE: &str = r#"{
  "resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
    "scopeSpans": [{
      "scope": {"name": "my.library", "version": "1.0.0",
        "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]},
      "spans": [{
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": "EEE19B7EC3C1B173",
        "name": "I'm a server span",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "kind": 2,
        "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}]
      }]
    }]
  }]
}"#;

/// examples/logs.json of opentelemetry-proto.
const LOGS_EXAMPLE: &str = r#"{
  "resourceLogs": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
    "scopeLogs": [{
      "scope": {"name": "my.library", "version": "1.0.0",
        "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]},
      "logRecords": [{
        "timeUnixNano": "1544712660300000000",
        "observedTimeUnixNano": "1544712660300000000",
        "severityNumber": 10,
        "severityText": "Information",
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "body": {"stringValue": "Example log record"},
        "attributes": [
          {"key": "string.attribute", "value": {"stringValue": "some string"}},
          {"key": "boolean.attribute", "value": {"boolValue": true}},
          {"key": "int.attribute", "value": {"intValue": "10"}},
          {"key": "double.attribute", "value": {"doubleValue": 637.704}},
          {"key": "array.attribute", "value": {"arrayValue": {"values": [
            {"stringValue": "many"}, {"stringValue": "values"}]}}},
          {"key": "map.attribute", "value": {"kvlistValue": {"values": [
            {"key": "some.map.key", "value": {"stringValue": "some value"}}]}}}
        ]
      }]
    }]
  }]
}"#;

/// examples/metrics.json of opentelemetry-proto, shortened to its points.
const METRICS_EXAMPLE: &str = r#"{"resourceMetrics": [{"resource": {"attributes": []}, "scopeMetrics": [{"metrics": [
  {"name": "my.counter", "unit": "1", "sum": {"aggregationTemporality": 1, "isMonotonic": true,
    "dataPoints": [{"asDouble": 5, "startTimeUnixNano": "1544712660300000000"}]}},
  {"name": "my.gauge", "gauge": {"dataPoints": [{"asDouble": 10}, {"asInt": "3"}]}},
  {"name": "my.histogram", "histogram": {"aggregationTemporality": 1, "dataPoints": [{"count": "2", "sum": 2}]}}
]}]}]}"#;

#[test]
fn the_examples_of_the_specification_are_read() {
    let traces = read_all(Signal::Traces, TRACE_EXAMPLE).unwrap();
    let RecordBody::Span(span) = traces.records[0].body.decode().unwrap() else { panic!("a span was sent") };
    let expected: ExportTraceServiceRequest = serde_json::from_str(TRACE_EXAMPLE).unwrap();
    assert_eq!(*span, expected.resource_spans[0].scope_spans[0].spans[0]);
    assert_eq!(traces.records[0].resource.resource, expected.resource_spans[0].resource);
    assert_eq!(traces.records[0].scope.scope, expected.resource_spans[0].scope_spans[0].scope);
    let logs = read_all(Signal::Logs, LOGS_EXAMPLE).unwrap();
    let RecordBody::Log(log) = logs.records[0].body.decode().unwrap() else { panic!("a log was sent") };
    let expected: opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest =
        serde_json::from_str(LOGS_EXAMPLE).unwrap();
    assert_eq!(*log, expected.resource_logs[0].scope_logs[0].log_records[0]);
    assert_eq!(read_all(Signal::Metrics, METRICS_EXAMPLE).unwrap().data_points, 4);
}

#[test]
fn integers_may_be_numbers_or_text() {
    for time in [json!("1544712660000000000"), json!(1_544_712_660_000_000_000_u64)] {
        let (span, _) = read_span(span_with(json!({"startTimeUnixNano": time, "droppedEventsCount": "3"})));
        assert_eq!((span.start_time_unix_nano, span.dropped_events_count), (1_544_712_660_000_000_000, 3));
    }
    for int in [json!("-7"), json!(-7), json!(-7.0), json!("-7.0")] {
        assert_eq!(value_of(json!({"intValue": int})), Some(Value::IntValue(-7)));
    }
    assert_eq!(value_of(json!({"intValue": i64::MIN.to_string()})), Some(Value::IntValue(i64::MIN)));
}

#[test]
fn a_whole_number_beyond_int64_is_kept_as_a_double() {
    for (int, double) in [(json!(1e21), 1e21), (json!("1e300"), 1e300), (json!(u64::MAX), u64::MAX as f64)] {
        assert_eq!(value_of(json!({"intValue": int})), Some(Value::DoubleValue(double)));
    }
}

#[test]
fn enums_may_be_numbers_or_names() {
    for (kind, code) in [(json!(3), json!(2)), (json!("SPAN_KIND_CLIENT"), json!("STATUS_CODE_ERROR"))] {
        let (span, record) = read_span(span_with(json!({"kind": kind, "status": {"code": code}})));
        assert_eq!((span.kind, span.status.unwrap().code), (3, 2));
        assert_eq!(record.level, Some(spandrel_store::Level::Error));
    }
    let (log, record) = read_log(json!({"severityNumber": "SEVERITY_NUMBER_WARN2"}));
    assert_eq!((log.severity_number, record.level), (14, Some(spandrel_store::Level::Warn)));
    assert_eq!(read_log(json!({"severityNumber": "17"})).0.severity_number, 17);
}

#[test]
fn doubles_may_be_numbers_or_text_and_nan_and_infinities() {
    assert_eq!(value_of(json!({"doubleValue": 2})), Some(Value::DoubleValue(2.0)));
    assert_eq!(value_of(json!({"doubleValue": "2.5"})), Some(Value::DoubleValue(2.5)));
    assert_eq!(value_of(json!({"doubleValue": "-Infinity"})), Some(Value::DoubleValue(f64::NEG_INFINITY)));
    let nan = json!({"attributes": [{"key": "k", "value": {"doubleValue": "NaN"}}]});
    let (span, record) = read_span(span_with(nan));
    let value = span.attributes[0].value.clone().unwrap().value;
    assert!(matches!(value, Some(Value::DoubleValue(number)) if number.is_nan()));
    assert!(record.flags.contains(Flags::NOT_FINITE));
}

#[test]
fn bytes_are_base64_of_either_alphabet() {
    for text in ["+/8=", "-_8=", "+/8"] {
        assert_eq!(
            value_of(json!({"bytesValue": text})),
            Some(Value::BytesValue(vec![0xfb, 0xff])),
            "{text}"
        );
    }
}

#[test]
fn absent_fields_and_null_and_unknown_ones_are_no_error() {
    assert_eq!(value_of(json!({})), None);
    assert_eq!(value_of(json!(null)), None);
    assert_eq!(value_of(json!({"stringValue": null})), None);
    assert_eq!(value_of(json!({"futureValue": [[{}]], "intValue": 1})), Some(Value::IntValue(1)));
    let odd = json!({"name": null, "attributes": null, "events": null, "status": null, "kind": null,
        "startTimeUnixNano": null, "brandNew": {"deep": [1, {"x": null}]}});
    let (span, _) = read_span(span_with(odd));
    assert_eq!((span.name.as_str(), span.status), ("", None));
    assert!(read_all(Signal::Traces, r#"{"resourceSpans":null}"#).unwrap().records.is_empty());
    assert!(read_all(Signal::Traces, r#"{"resourceSpans":[{"resource":null,"scopeSpans":null}]}"#).is_ok());
    assert!(read_all(Signal::Traces, "{}").unwrap().records.is_empty());
}

#[test]
fn snake_case_is_read_as_well() {
    let body = r#"{"resource_spans":[{"schema_url":"u","scope_spans":[{"spans":[{
        "trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174",
        "start_time_unix_nano":"1544712660000000000","parent_span_id":"eee19b7ec3c1b173",
        "attributes":[{"key":"a","value":{"string_value":"x"}}]}]}]}]}"#;
    let read = read_all(Signal::Traces, body).unwrap();
    let RecordBody::Span(span) = read.records[0].body.decode().unwrap() else { panic!("a span was sent") };
    assert_eq!(span.start_time_unix_nano, 1_544_712_660_000_000_000);
    assert_eq!(span.attributes[0].value.as_ref().unwrap().value, Some(Value::StringValue("x".to_owned())));
    assert_eq!(read.records[0].resource.schema_url, "u");
}

#[test]
fn a_resource_may_stand_after_its_spans() {
    let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174"}],"scope":{"name":"late"}}],
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"late"}}]}}]}"#;
    let read = read_all(Signal::Traces, body).unwrap();
    assert_eq!(read.records[0].resource.service(), "late");
    assert_eq!(read.records[0].scope.scope.as_ref().unwrap().name, "late");
}

#[test]
fn spans_with_bad_ids_are_refused_and_logs_kept_without_them() {
    for bad in [json!(""), json!("xyz"), json!("5b8e"), json!("0".repeat(32)), json!(null)] {
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
            {"traceId": bad, "spanId": "eee19b7ec3c1b174"}]}]}]});
        let read = read_all(Signal::Traces, &body.to_string()).unwrap();
        assert_eq!((read.records.len(), read.refused.bad_trace_id), (0, 1), "{bad}");
    }
    let (log, record) = read_log(json!({"traceId": "xyz", "spanId": "abcd"}));
    assert!(log.trace_id.is_empty() && log.span_id.is_empty());
    assert!(record.flags.contains(Flags::BAD_TRACE_ID) && record.flags.contains(Flags::BAD_SPAN_ID));
    assert_eq!(log.attributes[0].value.as_ref().unwrap().value, Some(Value::StringValue("xyz".to_owned())));
    assert_eq!(log.attributes[1].value.as_ref().unwrap().value, Some(Value::BytesValue(vec![0xab, 0xcd])));
}

#[test]
fn deep_nesting_is_cut_without_recursion() {
    let levels = 100_000;
    let deep = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","events":[{{"attributes":[{{"key":"k","value":{}{{"intValue":1}}{}}}]}}]}}]}}]}}]}}"#,
        r#"{"arrayValue":{"values":["#.repeat(levels),
        "]}}".repeat(levels)
    );
    let read = read_all(Signal::Traces, &deep).unwrap();
    assert_eq!(read.cuts.nesting, 1);
    assert!(read.records[0].flags.contains(Flags::CUT));
    let unknown = format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(read_all(Signal::Traces, &unknown).is_ok());
}

#[test]
fn the_deepest_nesting_that_may_be_configured_is_read() {
    let levels = 28;
    let event = format!(
        r#"{{"attributes":[{{"key":"k","value":{}{{"intValue":1}}{}}}]}}"#,
        r#"{"kvlistValue":{"values":[{"key":"k","value":"#.repeat(levels),
        "}]}}".repeat(levels)
    );
    let body = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","events":[{event}]}}]}}]}}]}}"#
    );
    let mut normaliser = normaliser();
    normaliser.limits.nesting_max = levels;
    read(Signal::Traces, body.as_bytes(), &mut normaliser).unwrap();
    assert_eq!(normaliser.records[0].flags, Flags::NO_TIME);
}

#[test]
fn attributes_beyond_the_limit_are_cut() {
    let attributes: Vec<_> =
        (0..100_000).map(|n| json!({"key": format!("k{n}"), "value": {"intValue": n}})).collect();
    let (span, record) = read_span(span_with(json!({"attributes": attributes})));
    assert_eq!(span.attributes.len(), 1_024);
    assert!(record.flags.contains(Flags::CUT));
}

#[test]
fn malformed_json_is_refused_with_its_place() {
    for body in [
        "",
        "null",
        " null\n",
        "[",
        "{\"resourceSpans\":7}",
        "{} x",
        "[]",
        "{\"resourceSpans\":[{\"schemaUrl\":{}}]}",
        "\u{0}",
    ] {
        let refusal = read_all(Signal::Traces, body).unwrap_err();
        assert!(matches!(refusal, Refusal::Undecodable(_)), "{body}");
        assert!(refusal.to_string().contains("line"), "{refusal}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(body in "\\PC{0,200}") {
        for signal in Signal::ALL {
            let _ = read_all(signal, &body);
        }
    }

    #[test]
    fn no_damage_to_a_good_body_panics(place in 0usize..2_000, byte in any::<u8>()) {
        for (signal, body) in [(Signal::Traces, TRACE_EXAMPLE), (Signal::Logs, LOGS_EXAMPLE), (Signal::Metrics, METRICS_EXAMPLE)] {
            let mut body = body.as_bytes().to_vec();
            let place = place % body.len();
            body[place] = byte;
            let _ = read(signal, &body, &mut normaliser());
        }
    }
}
