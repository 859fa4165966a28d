use bytes::Bytes;
use spandrel_store::otlp::{KeyValue, LogRecord, Value};
use spandrel_store::record::value::text_attribute;
use spandrel_store::{NewBody, NewRecord, RecordBody};

use super::{LineOwner, RawLine};
use crate::entries::Gathering;
use crate::normalise::attribute;

const REQUEST: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"payment"}}]},"scopeLogs":[{"scope":{"name":"shop"},"logRecords":[
{"timeUnixNano":"1700000000000000001","severityNumber":17,"severityText":"Error","body":{"stringValue":"payment failed"},"attributes":[{"key":"log.file.name","value":{"stringValue":"its own"}}],"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"},
{"timeUnixNano":"1700000000000000002","body":{"stringValue":"again"}}]}]},{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"nobody's"}}]}]}]}"#;

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn taken(line: &str, cut: bool) -> Vec<NewRecord<NewBody>> {
    let mut gathering = Gathering::for_tests(16 << 20);
    let resource = [("deployment.environment.name".to_owned(), "test".to_owned())];
    let attributes = vec![text("log.file.name", "a.log")];
    let whose = LineOwner::new(&resource, attributes, Some("container"), &mut gathering);
    let line = RawLine { cut, ..RawLine::whole(Bytes::copy_from_slice(line.as_bytes())) };
    whose.take(&line, &mut gathering).unwrap();
    gathering.records()
}

fn log(record: &NewRecord<NewBody>) -> &LogRecord {
    match &record.body {
        NewBody::Decoded(RecordBody::Log(log)) => log,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_of_otlp_is_its_records_with_what_is_known_beside_them() {
    let records = taken(&REQUEST.replace('\n', ""), false);
    let bodies: Vec<_> = records.iter().map(|record| log(record).body.clone().unwrap().value).collect();
    let said = ["payment failed", "again", "nobody's"];
    assert_eq!(bodies, said.map(|text| Some(Value::StringValue(text.to_owned()))));
    let first = log(&records[0]);
    assert_eq!((first.trace_id.len(), first.span_id.len(), first.severity_number), (16, 8, 17));
    assert_eq!(first.time_unix_nano, 1_700_000_000_000_000_001);
    let resource = |number: usize, key: &str| {
        text_attribute(records[number].resource.attributes(), key).unwrap_or_default().to_owned()
    };
    assert_eq!(["payment", "payment", "container"], [0, 1, 2].map(|number| resource(number, "service.name")));
    assert_eq!(["test"; 3], [0, 1, 2].map(|number| resource(number, "deployment.environment.name")));
    let file = |number: usize| text_attribute(&log(&records[number]).attributes, "log.file.name").unwrap();
    assert_eq!(["its own", "a.log", "a.log"], [0, 1, 2].map(file));
    let whole = REQUEST.replace('\n', "");
    let originals = records.iter().map(|record| record.original.as_deref());
    assert!(originals.eq([Some(whole.as_bytes()), None, None]), "the line is kept once, with the first");
}

#[test]
fn the_original_of_a_request_is_the_line_that_it_came_in() {
    let request = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"paid"}}]}]}]}"#;
    let line = format!("2026-11-22T10:00:00.1Z stdout F {request}");
    let records = taken(&line, false);
    assert_eq!(log(&records[0]).body.clone().unwrap().value, Some(Value::StringValue("paid".to_owned())));
    assert_eq!(records[0].original.as_deref(), Some(line.as_bytes()));
}

#[test]
fn a_request_without_logs_is_a_line_and_so_is_one_of_spans() {
    for line in [
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[]}]}]}"#,
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","name":"GET /"}]}]}]}"#,
    ] {
        let records = taken(line, false);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].original.as_deref(), Some(line.as_bytes()));
        assert_eq!(log(&records[0]).body.clone().unwrap().value, Some(Value::StringValue(line.to_owned())));
    }
}

#[test]
fn what_only_begins_as_a_request_is_a_line_like_any_other() {
    let whole = REQUEST.replace('\n', "");
    for (line, cut) in [
        (&whole[..whole.len() - 1], false),
        (&*whole, true),
        ("{\"resourceLogs\":[]}", false),
        ("{\"resourceLogs\":7}", false),
    ] {
        let records = taken(line, cut);
        assert_eq!(records.len(), 1, "{line}");
        assert_eq!(records[0].original.as_deref(), Some(line.as_bytes()));
    }
}

#[test]
fn the_line_ends_of_windows_are_in_the_original_alone() {
    let line = "2026-11-22 10:00:00 ERROR no funds\r\nSystem.X: y\r\n   at A.B() in /a.cs:line 1";
    let records = taken(line, false);
    assert_eq!(records[0].original.as_deref(), Some(line.as_bytes()));
    let attribute = |key| text_attribute(&log(&records[0]).attributes, key);
    assert_eq!(attribute("exception.type"), Some("System.X"));
    assert_eq!(attribute("exception.message"), Some("y"));
    assert!(!format!("{:?}", log(&records[0])).contains("\\r"));
}
