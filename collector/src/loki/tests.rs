use proptest::prelude::*;
use spandrel_store::otlp::{LogRecord, Value};
use spandrel_store::record::value::attributes_to_json;
use spandrel_store::{Flags, NewBody, NewRecord, RecordBody};

use super::{PushForm, labels, read};
use crate::entries::Gathering;
use crate::refusal::Refusal;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn read_all(form: PushForm, body: &[u8]) -> Result<Vec<NewRecord<NewBody>>, Refusal> {
    let mut gathering = Gathering::for_tests(64 << 20);
    read(form, body, &mut gathering)?;
    Ok(gathering.records())
}

fn json(body: &str) -> Vec<NewRecord<NewBody>> {
    read_all(PushForm::Json, body.as_bytes()).unwrap()
}

fn log(record: &NewRecord<NewBody>) -> LogRecord {
    let RecordBody::Log(log) = record.body.decode().unwrap() else { panic!("all are logs") };
    *log
}

fn resource(record: &NewRecord<NewBody>) -> serde_json::Value {
    attributes_to_json(record.resource.attributes()).into()
}

#[test]
fn a_stream_is_a_resource_and_its_entries_are_records() {
    let body = r#"{"streams":[{"stream":{"job":"orders","k8s_pod_name":"orders-7d9f"},"values":[
        ["1700000000123456789","level=warn msg=\"low stock\""],
        ["1700000001000000000","{\"msg\":\"sold out\",\"time\":\"2020-01-01T00:00:00Z\"}",{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","severity":"error","n":7}]
    ]}]}"#;
    let records = json(body);
    assert_eq!(
        resource(&records[0]),
        serde_json::json!({"service.name": "orders", "job": "orders", "k8s.pod.name": "orders-7d9f"})
    );
    let first = log(&records[0]);
    assert_eq!((first.time_unix_nano, first.severity_text.as_str()), (1_700_000_000_123_456_789, "warn"));
    assert_eq!(records[0].original.as_deref(), Some(&br#"level=warn msg="low stock""#[..]));
    let second = log(&records[1]);
    assert_eq!(second.time_unix_nano, 1_700_000_001_000_000_000, "the entry's time, not the line's");
    assert_eq!(second.severity_text, "error");
    assert_eq!(second.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes());
    let attributes = serde_json::Value::from(attributes_to_json(&second.attributes));
    assert_eq!(attributes, serde_json::json!({"severity": "error", "n": "7"}));
}

#[test]
fn labels_may_come_behind_the_entries_and_in_the_early_form() {
    let late = json(r#"{"streams":[{"values":[["1","a"]],"stream":{"app":"cart"}}]}"#);
    assert_eq!(resource(&late[0])["service.name"], "cart");
    let early = json(
        r#"{"streams":[{"labels":"{app=\"cart\", zone=`a\\b`}","entries":[{"ts":"2023-11-14T22:13:20.5Z","line":"a"}]}]}"#,
    );
    assert_eq!(resource(&early[0])["zone"], "a\\b");
    assert_eq!(log(&early[0]).time_unix_nano, 1_700_000_000_500_000_000);
}

#[test]
fn a_level_label_goes_before_the_lines_own() {
    let records = json(
        r#"{"streams":[{"stream":{"level":"error"},"values":[["1700000000000000000","INFO it broke"]]}]}"#,
    );
    assert_eq!(log(&records[0]).severity_text, "error");
    assert_eq!(resource(&records[0])["level"], "error");
}

#[test]
fn an_impossible_time_is_flagged() {
    let records = json(r#"{"streams":[{"stream":{},"values":[["-1","a"],["5","b"],[0,"c"]]}]}"#);
    assert!(records[0].flags.contains(Flags::ABSURD_TIME));
    assert!(records[1].flags.contains(Flags::ABSURD_TIME));
    assert!(records[2].flags.contains(Flags::NO_TIME));
    let attributes = serde_json::Value::from(attributes_to_json(&log(&records[1]).attributes));
    assert_eq!(attributes, serde_json::json!({"spandrel.original.time": "5"}), "what was sent");
    assert_eq!(log(&records[1]).time_unix_nano, 0);
}

#[test]
fn of_two_times_the_one_that_can_be_believed_counts() {
    let body = r#"{"streams":[{"stream":{},"values":[
        ["1700000000000000000","{\"time\":\"1980-01-01T00:00:00Z\",\"msg\":\"a\"}"],
        ["1700000000","{\"time\":\"2023-11-14T22:13:20Z\",\"msg\":\"seconds for nanoseconds\"}"]]}]}"#;
    let records = json(body);
    assert!(records.iter().all(|record| log(record).time_unix_nano == 1_700_000_000_000_000_000));
    assert_eq!(records[0].flags, Flags::NONE, "the entry's time goes first anyway");
    assert_eq!(records[1].flags, Flags::ABSURD_TIME);
}

#[test]
fn what_is_no_push_is_refused_and_says_why() {
    let cases = [
        ("", "EOF"),
        ("{}", "streams"),
        (r#"{"streams":{}}"#, "an array"),
        (r#"{"streams":[{"stream":[]}]}"#, "are objects"),
        (r#"{"streams":[{"stream":{},"values":[["x","a"]]}]}"#, "nanoseconds since the epoch"),
        (r#"{"streams":[{"stream":{},"values":[["1"]]}]}"#, "an entry"),
        (r#"{"streams":[{"stream":{},"values":[["1","a",{},1]]}]}"#, "an entry"),
        (r#"{"streams":[{"labels":"{a=b}"}]}"#, "labels of a stream"),
    ];
    for (body, told) in cases {
        let refusal = read_all(PushForm::Json, body.as_bytes()).unwrap_err().to_string();
        assert!(refusal.contains(told), "{body}: {refusal}");
    }
}

#[test]
fn labels_are_taken_dropped_and_refused_as_loki_does() {
    let of = |labels: &str| {
        let body = format!(r#"{{"streams":[{{"stream":{labels},"values":[["1700000000000000000","a"]]}}]}}"#);
        read_all(PushForm::Json, body.as_bytes()).map(|records| resource(&records[0]))
    };
    let kept = of(r#"{"app":"cart","zone":"","pod":"a","pod":"b"}"#).unwrap();
    assert_eq!(kept, serde_json::json!({"service.name": "cart", "app": "cart", "pod": "b"}));
    assert_eq!(of(r#"{"service_name":"","app":"cart"}"#).unwrap()["service.name"], "cart");
    assert_eq!(of(r#"{"a":"x","a":""}"#).unwrap(), serde_json::json!({}), "the last is none");
    assert_eq!(of("{}").unwrap(), serde_json::json!({}));
    for name in ["k8s.pod.name", "bad:label", "1st", "with blank", "", "größe", "a-b"] {
        let refusal = of(&serde_json::json!({name: "x"}).to_string()).unwrap_err();
        assert!(refusal.to_string().contains("no name of a label"), "{name}: {refusal}");
        assert_eq!(refusal.http_status(), 400);
    }
    let text = |labels: &str| {
        let body = serde_json::json!({"streams": [{"labels": labels, "entries": [{"ts": "2023-11-14T22:13:20Z", "line": "a"}]}]});
        read_all(PushForm::Json, body.to_string().as_bytes()).map(|records| resource(&records[0]))
    };
    assert_eq!(text(r#"{a="b", c=""}"#).unwrap(), serde_json::json!({"a": "b"}));
    for labels in [r#"{a:b="x"}"#, r#"{a.b="x"}"#, r#"{a="1", a="2"}"#, r#"{a="1", a=""}"#] {
        assert!(matches!(text(labels), Err(Refusal::Undecodable(_))), "{labels}");
    }
}

#[test]
fn protocol_buffers_say_the_same() {
    let entry = message(&[
        (1, &message_of_numbers(&[(1, 1_700_000_000), (2, 5)])),
        (2, b"caf\xe9 level=error"),
        (3, &message(&[(1, b"trace_id"), (2, TRACE.as_bytes())])),
    ]);
    let push = message(&[(1, &message(&[(2, &entry), (1, br#"{service_name="cart",a="\"\u00e9"}"#)]))]);
    let records = read_all(PushForm::Protobuf, &push).unwrap();
    assert_eq!(resource(&records[0]), serde_json::json!({"service.name": "cart", "a": "\"é"}));
    assert_eq!(log(&records[0]).time_unix_nano, 1_700_000_000_000_000_005);
    assert_eq!(log(&records[0]).trace_id.len(), 16);
    assert!(log(&records[0]).attributes.is_empty());
    assert_eq!(records[0].original.as_deref(), Some(&b"caf\xe9 level=error"[..]));
    assert!(records[0].flags.contains(Flags::INVALID_UTF8));
}

#[test]
fn more_metadata_than_the_limit_is_cut() {
    let fields: Vec<String> = (0..2_000).map(|n| format!("\"k{n}\":\"v\"")).collect();
    let body = format!(
        r#"{{"streams":[{{"stream":{{}},"values":[["1","a",{{{}}}],["2","b"]]}}]}}"#,
        fields.join(",")
    );
    let records = json(&body);
    assert_eq!(log(&records[0]).attributes.len(), 1_024);
    assert!(records[0].flags.contains(Flags::CUT));
    assert!(!records[1].flags.contains(Flags::CUT));
}

#[test]
fn a_push_of_next_to_nothing_per_entry_stays_within_memory() {
    let body =
        format!(r#"{{"streams":[{{"stream":{{}},"values":[{}["1",""]]}}]}}"#, r#"["1",""],"#.repeat(1 << 20));
    let mut gathering = Gathering::for_tests(8 << 20);
    let refusal = read(PushForm::Json, body.as_bytes(), &mut gathering).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { .. }), "{refusal}");
}

fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, value) in fields {
        bytes.push(tag << 3 | 2);
        prost::encoding::encode_varint(value.len() as u64, &mut bytes);
        bytes.extend_from_slice(value);
    }
    bytes
}

fn message_of_numbers(fields: &[(u8, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, value) in fields {
        bytes.push(tag << 3);
        prost::encoding::encode_varint(*value, &mut bytes);
    }
    bytes
}

/// Bytes that are nearly a push.
fn nearly_protobuf() -> impl Strategy<Value = Vec<u8>> {
    let part = || prop::collection::vec((1u8..5, prop::collection::vec(any::<u8>(), 0..24)), 0..5);
    let build = |parts: Vec<(u8, Vec<u8>)>| {
        message(&parts.iter().map(|(tag, bytes)| (*tag, bytes.as_slice())).collect::<Vec<_>>())
    };
    (part(), part()).prop_map(move |(entry, stream)| {
        let entry = build(entry);
        let mut stream = build(stream);
        stream.extend(message(&[(2, &entry), (1, b"{a=\"b\"}")]));
        message(&[(1, &stream)])
    })
}

fn nearly_json() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("\"1\"".to_owned()),
        Just("1".to_owned()),
        Just("\"line\"".to_owned()),
        Just("null".to_owned()),
        Just("{\"a\":[{}]}".to_owned()),
        Just("{\"trace_id\":\"01\"}".to_owned()),
        "\"[ -~]{0,12}\"",
        Just("1e400".to_owned()),
        Just("[]".to_owned()),
    ];
    let values = prop::collection::vec(prop::collection::vec(value, 0..4), 0..4);
    (values, "[ -~]{0,8}").prop_map(|(values, label)| {
        let values: Vec<String> = values.iter().map(|parts| format!("[{}]", parts.join(","))).collect();
        format!(r#"{{"streams":[{{"labels":"{{a={label}}}","values":[{}]}}]}}"#, values.join(","))
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_all(PushForm::Protobuf, &body);
        let _ = read_all(PushForm::Json, &body);
    }

    #[test]
    fn nothing_that_is_nearly_a_push_panics(protobuf in nearly_protobuf(), json in nearly_json()) {
        let _ = read_all(PushForm::Protobuf, &protobuf);
        let _ = read_all(PushForm::Json, json.as_bytes());
    }

    #[test]
    fn labels_come_back_as_they_were_quoted(value in "\\PC{0,20}", name in "[a-z_][a-z0-9_]{0,8}") {
        let quoted = serde_json::to_string(&value).unwrap();
        let read = labels::parse(&format!("{{{name}={quoted} , B=`x`}}")).unwrap();
        prop_assert_eq!(&read[0], &(name, value));
        prop_assert_eq!(read.len(), 2);
    }

    #[test]
    fn every_line_is_kept_byte_for_byte(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let push = message(&[(1, &message(&[(1, b"{a=\"b\"}"), (2, &message(&[(2, &line)]))]))]);
        let records = read_all(PushForm::Protobuf, &push).unwrap();
        prop_assert_eq!(records[0].original.as_deref(), Some(line.as_slice()));
        let has_text = matches!(log(&records[0]).body.and_then(|body| body.value), Some(Value::StringValue(_)));
        prop_assert!(has_text);
    }
}
