//! Dumps of console exporters: what only looks like one, and any text.

use proptest::prelude::*;
use spandrel_store::record::value::attributes_to_json;

use super::read;

fn fields(text: &str) -> serde_json::Value {
    read(text).map_or(serde_json::Value::Null, |dump| attributes_to_json(&dump.fields).into())
}

#[test]
fn a_text_of_several_lines_is_put_together() {
    let text = "{\n  instrumentationScope: { name: 'shop' },\n  severityText: undefined,\n  severityNumber: 13,\n  body: 'first\\n' +\n    'second',\n  attributes: {}\n}";
    let expected = serde_json::json!({"severity_number": "13", "message": "first\nsecond"});
    assert_eq!(fields(text), expected);
}

/// As `@opentelemetry/sdk-logs` 0.223.1 printed it on Node 20.
#[test]
fn what_javascripts_exporter_printed_is_read() {
    let text = r#"{
  resource: {
    attributes: {
      'service.name': 'unknown_service:node',
      'telemetry.sdk.version': '2.12.1'
    }
  },
  instrumentationScope: { name: 'shop', version: '1.0', schemaUrl: undefined },
  timestamp: 1795428527422000,
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  traceFlags: 1,
  severityText: 'ERROR',
  severityNumber: 17,
  eventName: undefined,
  body: 'payment failed\n' +
    "it's a very long message that goes on and on so that it is cut over several lines",
  attributes: { 'order.id': 4711 }
}"#;
    let message =
        "payment failed\nit's a very long message that goes on and on so that it is cut over several lines";
    let expected = serde_json::json!({
        "timestamp": 1_795_428_527_422_000_u64, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7", "severity_text": "ERROR", "message": message,
    });
    assert_eq!(fields(text), expected);
}

#[test]
fn other_texts_are_no_dumps() {
    for text in [
        "LogRecords: 5",
        "Activity: none",
        "Activity.Running: 5 km\nActivity.Severity: x",
        "LogRecord.Keeper: bob",
        "Log #7 is full",
        "Log #x\n\tTraceId: 1",
        "{\n  traceId: 'x'\n}",
        "it said 'no funds' : 4bf92f35 and left",
        "{\n  \"traceFlags\": 1\n}",
    ] {
        assert!(read(text).is_none(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_looked_at(parts in proptest::collection::vec(prop_oneof![
        "\\PC{0,10}",
        proptest::sample::select(vec![
            "LogRecord.", "Activity.", "TraceId:", "Exception: ", "\n", "Log #0\n", "\t Body: String(\"", "\")", "{\n", "  body: '", "' +\n", "\\",
            "  traceFlags: 1\n", "  timestamp: ", "' : 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 ", "[scopeInfo: ", " '",
        ]).prop_map(str::to_owned),
    ], 0..16)) {
        read(&parts.concat());
    }
}
