mod corpus;
mod formats;
mod servers;

use proptest::prelude::*;
use serde_json::json;
use spandrel_store::otlp::Value;
use spandrel_store::record::value::attributes_to_json;
use spandrel_store::{Flags, UnixNanos};

use super::{LineReader, Rules, Understood};
use crate::normalise::{Cuts, RecordLimits};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const RECEIVED: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

fn understand(line: &str) -> Understood {
    understand_bytes(line.as_bytes())
}

fn understand_bytes(line: &[u8]) -> Understood {
    understand_at(line, RECEIVED)
}

fn understand_at(line: &[u8], received: UnixNanos) -> Understood {
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    LineReader { limits: &limits, rules: &rules(), cuts: &mut Cuts::default() }.understand(line, received)
}

fn rules() -> Rules {
    Rules::of(&spandrel_config::Logs {
        timezone: spandrel_config::Zone(jiff::tz::TimeZone::UTC),
        ..Default::default()
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn message(understood: &Understood) -> &str {
    match understood.log.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

/// The trace id, the span id and the severity number.
fn found(line: &str) -> (String, String, i32) {
    let understood = understand(line);
    (hex(&understood.log.trace_id), hex(&understood.log.span_id), understood.log.severity_number)
}

fn attributes(understood: &Understood) -> serde_json::Value {
    attributes_to_json(&understood.log.attributes).into()
}

#[test]
fn ids_are_found_under_every_common_name() {
    let names = [
        ("trace_id", "span_id"),
        ("traceId", "spanId"),
        ("TraceId", "SpanId"),
        ("traceid", "spanid"),
        ("trace-id", "span-id"),
        ("trace.id", "span.id"),
        ("otelTraceID", "otelSpanID"),
        ("X-B3-TraceId", "X-B3-SpanId"),
        ("logging.googleapis.com/trace", "logging.googleapis.com/spanId"),
    ];
    for (trace, span) in names {
        let line = format!(r#"{{"{trace}":"{TRACE}","{span}":"{SPAN}","message":"m"}}"#);
        assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 0), "{line}");
        assert_eq!(attributes(&understand(&line)), serde_json::json!({}), "{line}");
    }
}

#[test]
fn ids_are_found_inside_nested_objects() {
    let lines = [
        format!(r#"{{"trace":{{"id":"{TRACE}"}},"span":{{"id":"{SPAN}"}}}}"#),
        format!(r#"{{"context":{{"trace_id":"{TRACE}","span_id":"{SPAN}"}}}}"#),
        format!(r#"{{"mdc":{{"traceId":"{TRACE}","spanId":"{SPAN}"}}}}"#),
        format!(r#"{{"record":{{"extra":{{"trace_id":"{TRACE}","span_id":"{SPAN}"}}}}}}"#),
    ];
    for line in lines {
        assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 0), "{line}");
    }
}

#[test]
fn other_notations_are_read_and_stay_as_attributes() {
    let upper = understand(&format!(r#"{{"trace_id":"{}","msg":"m"}}"#, TRACE.to_uppercase()));
    assert_eq!(hex(&upper.log.trace_id), TRACE);
    assert_eq!(attributes(&upper), serde_json::json!({"trace_id": TRACE.to_uppercase()}));
    let parent = format!(r#"{{"traceparent":"00-{TRACE}-{SPAN}-01"}}"#);
    assert_eq!(found(&parent), (TRACE.into(), SPAN.into(), 0));
    let xray = r#"{"xray_trace_id":"1-5759e988-bd862e3fe1be46a994272793"}"#;
    assert_eq!(found(xray).0, "5759e988bd862e3fe1be46a994272793");
    let datadog = r#"{"dd.trace_id":12345678901234567890,"dd.span_id":"9876543210"}"#;
    assert_eq!(found(datadog), ("0000000000000000ab54a98ceb1f0ad2".into(), "000000024cb016ea".into(), 0));
    let nested = r#"{"dd":{"trace_id":"1234567890123456789","span_id":"1","service":"cart"}}"#;
    assert_eq!(found(nested).0, "0000000000000000112210f47de98115");
    assert_eq!(understand(nested).service.as_deref(), Some("cart"));
    let google = format!(r#"{{"logging.googleapis.com/trace":"projects/p/traces/{TRACE}"}}"#);
    assert_eq!(found(&google).0, TRACE);
}

#[test]
fn an_id_that_is_none_is_flagged_and_kept_and_an_empty_one_is_not() {
    let bad = understand(r#"{"trace_id":"nonsense!","msg":"m"}"#);
    assert!(bad.flags.contains(Flags::BAD_TRACE_ID));
    assert_eq!(attributes(&bad), serde_json::json!({"trace_id": "nonsense!"}));
    for none in ["", "0", "00000000000000000000000000000000"] {
        let line = understand(&format!(r#"{{"trace_id":"{none}","msg":"m"}}"#));
        assert_eq!(line.flags, Flags::NONE);
        assert!(line.log.trace_id.is_empty());
    }
}

#[test]
fn everyday_words_are_no_ids_and_no_levels() {
    let line =
        r#"{"trace":"Traceback: line 1","span":5,"transaction_id":"4711","priority":"high","msg":"m"}"#;
    let understood = understand(line);
    assert_eq!(understood.flags, Flags::NONE);
    assert_eq!(found(line), (String::new(), String::new(), 0));
    assert_eq!(understood.log.attributes.len(), 4);
    let ids = format!(r#"{{"trace":"{TRACE}","span":"{SPAN}","PRIORITY":"3"}}"#);
    assert_eq!(found(&ids), (TRACE.into(), SPAN.into(), 17));
}

#[test]
fn levels_are_found_in_words_and_numbers() {
    let cases = [
        (r#"{"level":"INFO"}"#, 9),
        (r#"{"level":"warning"}"#, 13),
        (r#"{"lvl":"eror"}"#, 17),
        (r#"{"severity":"ERROR"}"#, 17),
        (r#"{"severity":500}"#, 17),
        (r#"{"log.level":"debug"}"#, 5),
        (r#"{"log":{"level":"error"},"message":"m"}"#, 17),
        (r#"{"levelname":"CRITICAL"}"#, 21),
        (r#"{"@l":"Fatal","@t":"2024-01-01T00:00:00Z"}"#, 21),
        (r#"{"@t":"2024-01-01T00:00:00Z","@m":"no level"}"#, 9),
        (r#"{"level":10}"#, 1),
        (r#"{"level":30}"#, 9),
        (r#"{"level":50}"#, 17),
        (r#"{"level":60}"#, 21),
        (r#"{"level":35}"#, 9),
        (r#"{"level":3}"#, 17),
        (r#"{"level":0}"#, 21),
        (r#"{"level":7}"#, 5),
        (r#"{"level":"40"}"#, 13),
        (r#"{"level":400}"#, 17),
        (r#"{"levelno":40}"#, 17),
        (r#"{"severity_number":18}"#, 18),
        (r#"{"level":"custom"}"#, 0),
        (r#"{"level":"custom","severity":"warning"}"#, 13),
    ];
    for (line, severity_number) in cases {
        assert_eq!(understand(line).log.severity_number, severity_number, "{line}");
    }
    assert_eq!(understand(r#"{"level":"Custom"}"#).log.severity_text, "Custom");
    assert_eq!(understand(r#"{"level":30}"#).log.severity_text, "30");
}

#[test]
fn times_are_found_in_every_unit() {
    let ns = 1_700_000_000_123_456_789;
    let cases = [
        (r#"{"timestamp":"2023-11-14T22:13:20.123456789Z"}"#, ns),
        (r#"{"@timestamp":"2023-11-14T23:13:20.123456789+01:00"}"#, ns),
        (r#"{"time":"2023-11-14 22:13:20.123456789"}"#, ns),
        (r#"{"asctime":"2023-11-14 22:13:20,123"}"#, 1_700_000_000_123_000_000),
        (r#"{"ts":1700000000}"#, 1_700_000_000_000_000_000),
        (r#"{"ts":1700000000.123456}"#, 1_700_000_000_123_456_000),
        (r#"{"time":1700000000123}"#, 1_700_000_000_123_000_000),
        (r#"{"time":"1700000000123456"}"#, 1_700_000_000_123_456_000),
        (r#"{"time_unix_nano":1700000000123456789}"#, ns),
        (r#"{"time":"14/Nov/2023:22:13:20 +0000"}"#, 1_700_000_000_000_000_000),
        (r#"{"time":"yesterday"}"#, 0),
        (r#"{"date":"2023-11-14"}"#, 0),
    ];
    for (line, time) in cases {
        assert_eq!(understand(line).log.time_unix_nano, time, "{line}");
    }
    assert_eq!(understand(r#"{"ts":1}"#).log.observed_time_unix_nano, RECEIVED.0);
}

#[test]
fn a_time_that_cannot_be_told_is_flagged_and_stays_as_it_was_sent() {
    let times = [
        json!("2999-01-01T00:00:00Z"),
        json!("1969-12-31T23:59:59Z"),
        json!("9999-12-31T23:59:59Z"),
        json!("2999-01-01 00:00:00"),
        json!(-62_135_596_800_i64),
        json!(-1.5),
        json!("-1"),
        json!(1e30),
    ];
    for time in times {
        let understood = understand(&json!({"time": time, "msg": "m"}).to_string());
        assert_eq!(understood.flags, Flags::ABSURD_TIME, "{time}");
        assert_eq!(understood.log.time_unix_nano, 0, "{time}");
        assert_eq!(attributes(&understood)["time"], time);
    }
    let text = understand("2999-01-01T00:00:00Z started");
    assert_eq!(text.flags, Flags(Flags::ABSURD_TIME.0 | Flags::NOT_JSON.0));
    // One that can be told goes before it.
    let both = understand(r#"{"timestamp":"2999-01-01T00:00:00Z","ts":1700000000}"#);
    assert_eq!((both.flags, both.log.time_unix_nano), (Flags::NONE, 1_700_000_000_000_000_000));
    let nanoseconds = understand(r#"{"ts":1.7e18}"#);
    assert_eq!(nanoseconds.log.time_unix_nano, 1_700_000_000_000_000_000);
    // Far off, but a time.
    let later = understand(r#"{"ts":"2500-01-01T00:00:00Z"}"#);
    assert_eq!(later.log.time_unix_nano, 16_725_225_600_000_000_000);
}

#[test]
fn only_what_is_no_json_is_flagged_as_such() {
    for json in ["3", "-1.5", "null", "true", "[1, {\"a\": 2}]", "\"text\"", "{}"] {
        assert_eq!(understand(json).flags, Flags::NONE, "{json}");
        assert_eq!(message(&understand(json)), json.trim_matches('"'), "{json}");
    }
    for text in ["text", "[1, 2", "{\"a\":", "{\"a\": 1} trailing", "3 items", "'a'"] {
        assert_eq!(understand(text).flags, Flags::NOT_JSON, "{text}");
    }
}

#[test]
fn the_message_is_found_and_the_rest_keeps_its_types() {
    let line = r#"{"msg":"paid","order":{"id":4711,"lines":[1,2.5,"x",null,true]},"ok":false,"none":null}"#;
    let understood = understand(line);
    assert_eq!(message(&understood), "paid");
    let rest = r#"{"order":{"id":4711,"lines":[1,2.5,"x",null,true]},"ok":false,"none":null}"#;
    assert_eq!(attributes(&understood), serde_json::from_str::<serde_json::Value>(rest).unwrap());
    assert_eq!(understood.flags, Flags::NONE);
    for key in ["message", "msg", "@m", "text", "event", "log", "short_message"] {
        assert_eq!(message(&understand(&format!(r#"{{"{key}":"hello"}}"#))), "hello", "{key}");
    }
    assert_eq!(message(&understand(r#"{"order":1}"#)), r#"{"order":1}"#);
}

#[test]
fn a_message_of_an_error_object_is_not_the_message() {
    let understood = understand(r#"{"error":{"message":"boom"},"msg":"failed"}"#);
    assert_eq!(message(&understood), "failed");
    let expected = serde_json::json!({"error": {"message": "boom"}, "exception.message": "boom"});
    assert_eq!(attributes(&understood), expected);
}

#[test]
fn a_docker_line_with_text_is_opened() {
    let line = r#"{"log":"17:33:16.821 ERROR o.s.OrderServiceImpl#384 TraceID: e01e8dba91e4ca241274de711360350b SpanID: 3c136262dfc6c7db [pay][failed]\n","stream":"stdout","time":"2023-01-29T09:33:16.822108812Z"}"#;
    let understood = understand(line);
    assert_eq!(found(line), ("e01e8dba91e4ca241274de711360350b".into(), "3c136262dfc6c7db".into(), 17));
    assert!(message(&understood).starts_with("17:33:16.821 ERROR"));
    assert!(message(&understood).ends_with("[pay][failed]"));
    assert_eq!(understood.log.time_unix_nano, 1_674_984_796_822_108_812);
    assert_eq!(understood.log.severity_text, "ERROR");
    assert_eq!(attributes(&understood), serde_json::json!({"log.iostream": "stdout"}));
    assert_eq!(understood.flags, Flags::NONE);
}

#[test]
fn a_docker_line_with_json_is_opened() {
    let inner = format!(r#"{{\"level\":\"warn\",\"trace_id\":\"{TRACE}\",\"msg\":\"low stock\"}}\n"#);
    let line = format!(r#"{{"log":"{inner}","stream":"stderr","time":"2023-01-29T09:33:16Z"}}"#);
    assert_eq!(found(&line), (TRACE.into(), String::new(), 13));
    let understood = understand(&line);
    assert_eq!(message(&understood), "low stock");
    assert_eq!(attributes(&understood), serde_json::json!({"log.iostream": "stderr"}));
    assert_eq!(understood.log.time_unix_nano, 1_674_984_796_000_000_000);
}

#[test]
fn a_containerd_line_is_opened() {
    let inner = format!(r#"{{"level":"warn","trace_id":"{TRACE}","msg":"low stock"}}"#);
    let (start, end) = inner.split_at(20);
    let (piece, last) = ("2023-01-29T09:33:16Z stderr P ", "2023-01-29T09:33:16Z stderr F ");
    for line in [format!("{last}{inner}"), format!("{piece}{start}\n{last}{end}")] {
        let understood = understand(&line);
        assert_eq!(found(&line), (TRACE.into(), String::new(), 13), "{line}");
        assert_eq!(message(&understood), "low stock");
        assert_eq!(attributes(&understood), serde_json::json!({"log.iostream": "stderr"}));
        assert_eq!(understood.log.time_unix_nano, 1_674_984_796_000_000_000);
        assert_eq!(understood.flags, Flags::NONE);
    }
    let text = understand(&format!("{last}17:33:16.821 ERROR it failed TraceID: {TRACE}"));
    assert_eq!((message(&text).starts_with("17:33"), text.log.severity_number), (true, 17));
    assert_eq!((text.log.time_unix_nano, text.flags), (1_674_984_796_000_000_000, Flags::NOT_JSON));
}

#[test]
fn ids_and_levels_are_found_in_text() {
    let ids = (TRACE.to_owned(), SPAN.to_owned());
    let cases = [
        (format!("12:00:01.123 ERROR c.e.Payment - trace_id={TRACE} span_id={SPAN} declined"), 17),
        (format!("INFO [trace_id={TRACE}, span_id={SPAN}] started"), 9),
        (format!("[warn] low stock traceId={TRACE} spanId={SPAN}"), 13),
        (format!("<11>Oct 11 22:14:15 host su: 'su root' failed trace.id={TRACE} span.id={SPAN}"), 17),
        (format!("E0102 15:04:05.678 1 main.go:1] failed traceparent=00-{TRACE}-{SPAN}-01"), 17),
        (format!("GET /orders headers: 00-{TRACE}-{SPAN}-01 done"), 0),
        (format!("2024-01-01 12:00:00.000  WARN [orders,{TRACE},{SPAN}] 1 --- [main] c.e.A : slow"), 13),
        (format!("2024-01-01T12:00:00.000Z  INFO 1 --- [nio-1] [{TRACE}-{SPAN}] c.e.A : ok"), 9),
        (format!("\u{1b}[31mERROR\u{1b}[0m it broke Trace ID: {TRACE}, Span ID: {SPAN}"), 17),
        (format!(r#"ERROR: sent {{"trace_id":"{TRACE}","span_id":"{SPAN}"}}"#), 17),
    ];
    for (line, level) in cases {
        assert_eq!(found(&line), (ids.0.clone(), ids.1.clone(), level), "{line}");
        let understood = understand(&line);
        assert_eq!(message(&understood), line);
        assert!(understood.flags.contains(Flags::NOT_JSON));
    }
}

#[test]
fn logfmt_is_read_as_json_is() {
    let line = format!("level=error msg=\"boom\" trace_id={TRACE} span_id=\"{SPAN}\" order.id=4711");
    let understood = understand(&line);
    assert_eq!(found(&line), (TRACE.into(), SPAN.into(), 17));
    assert_eq!((message(&understood), understood.flags), ("boom", Flags::NONE));
    assert_eq!(attributes(&understood), serde_json::json!({"order.id": 4711}));
    let other = format!("ts=1 lvl=dbug severity=warning traceID=\"{TRACE}\" spanID={SPAN}");
    assert_eq!(found(&other), (TRACE.into(), SPAN.into(), 13));
}

#[test]
fn a_name_that_begins_as_a_level_does_is_no_level() {
    let cases = [
        (format!("2026-11-23 02:00:00 [trace_id={TRACE}] ERROR happened"), 17),
        (format!("[trace_id={TRACE} span_id={SPAN}] ERROR happened"), 17),
        (format!("[trace-id: {TRACE}] ERROR happened"), 17),
        (format!("[trace={TRACE}] ERROR happened"), 17),
        (format!("[trace: {TRACE}] ERROR happened"), 17),
        (format!("[trace {TRACE}] ERROR happened"), 17),
        (format!("[TRACE {TRACE}] ERROR happened"), 17),
        (format!("trace: {TRACE} ERROR happened"), 17),
        (format!("TRACE {TRACE} happened"), 1),
        (format!("[TRACE] {TRACE} happened"), 1),
        ("[error-handler-1] INFO fine".to_owned(), 9),
        ("[error handler] INFO fine".to_owned(), 9),
        ("[info-service] ERROR".to_owned(), 17),
        ("[warn_worker] DEBUG x".to_owned(), 5),
        ("[error.handler] fine".to_owned(), 0),
        ("(warn/3) fine".to_owned(), 0),
        ("[error] x".to_owned(), 17),
        ("[info     ] x".to_owned(), 9),
        ("<warn>  [1700.1] x".to_owned(), 13),
        ("[INFO][main] x".to_owned(), 9),
        ("[INFO main] x".to_owned(), 9),
        ("ERROR:root:x".to_owned(), 17),
        ("12:00:01.5|WARN|main|x".to_owned(), 13),
        ("[drm:probe] *ERROR* x".to_owned(), 17),
    ];
    for (line, level) in cases {
        assert_eq!(found(&line).2, level, "{line}");
    }
}

#[test]
fn logfmt_without_a_message_keeps_its_fields_and_is_its_own_message() {
    let line = "ts=2020-01-01T00:00:00Z level=error err=nope component=db";
    let error = understand(line);
    assert_eq!((message(&error), error.flags, error.log.severity_number), (line, Flags::NONE, 17));
    assert_eq!(error.log.time_unix_nano, 1_577_836_800_000_000_000);
    let expected = json!({"err": "nope", "component": "db", "exception.message": "nope"});
    assert_eq!(attributes(&error), expected);
    let line = "level=info method=GET path=/x status=200";
    let request = understand(line);
    assert_eq!((message(&request), request.log.severity_number), (line, 9));
    assert_eq!(attributes(&request), json!({"method": "GET", "path": "/x", "status": 200}));
}

#[test]
fn the_line_of_herokus_router_has_its_pairs_and_names_no_service() {
    let pairs = "at=error code=H12 desc=\"Request timeout\" method=GET path=\"/\" service=30000ms status=503";
    let expected = json!({
        "code": "H12", "desc": "Request timeout", "method": "GET", "path": "/", "service": "30000ms", "status": 503,
    });
    for line in [pairs.to_owned(), format!("2020-01-01T00:00:00+00:00 heroku[router]: {pairs}")] {
        let understood = understand(&line);
        assert_eq!((message(&understood), understood.log.severity_number), (line.as_str(), 17));
        assert_eq!((attributes(&understood), &understood.service), (expected.clone(), &None), "{line}");
    }
}

#[test]
fn a_crash_without_a_level_is_an_error_and_a_panic_is_fatal() {
    let cases = [
        ("thread 'main' panicked at src/main.rs:2:5:\nno funds", 21),
        ("thread 'main' panicked at 'no funds', src/main.rs:2:5", 21),
        ("panic: no funds\n\ngoroutine 1 [running]:", 21),
        ("Exception in thread \"main\" java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)", 17),
        ("java.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)", 17),
        ("TypeError: x\n    at f (a.js:1:2) {\n  code: 'E1'\n}", 17),
        ("CardDeclined: x\n    at f (a.js:1:2)", 17),
        ("Traceback (most recent call last):\n  File \"a.py\", line 1\nBoom: x", 17),
        ("Unhandled exception. System.X: y\n   at A.B() in /a.cs:line 1", 17),
        ("a.rb:1:in `<main>': no funds (CardDeclined)", 17),
        ("ValueError: x", 17),
        ("INFO a.BException: x\n\tat a.B.c(B.java:1)", 9),
        ("retried after a.BException: x\n\tat a.B.c(B.java:1)", 0),
        ("Note: the list\n    at home\n    at work", 0),
        ("no TypeError: x", 0),
    ];
    for (text, level) in cases {
        assert_eq!(found(text).2, level, "{text}");
        let docker = json!({"log": format!("{text}\n"), "stream": "stderr", "time": "2020-01-01T00:00:00Z"});
        assert_eq!(found(&docker.to_string()).2, level, "{docker}");
        assert_eq!(found(&json!({"message": text}).to_string()).2, level, "{text}");
    }
    assert_eq!(found(r#"{"PRIORITY":"6","MESSAGE":"TypeError: x"}"#).2, 9);
}

#[test]
fn a_status_is_the_level_where_it_is_a_word_for_one_and_no_other_field_is() {
    let cases = [
        (r#"{"status":"error","message":"dd"}"#, 17),
        (r#"{"status":"Emergency","message":"dd"}"#, 21),
        (r#"{"status":"error","level":"custom","message":"dd"}"#, 0),
        (r#"{"status":"error","level":"info","message":"dd"}"#, 9),
        (r#"{"status":"error","fields":{"level":"info"},"message":"dd"}"#, 9),
        (r#"{"level":"info","message":"{\"status\":\"error\",\"order\":7}"}"#, 9),
        (r#"{"status":"ok","message":"dd"}"#, 0),
        (r#"{"status":"shipped","message":"dd"}"#, 0),
        (r#"{"status":"d","message":"dd"}"#, 0),
        (r#"{"status":7,"message":"dd"}"#, 0),
        ("INFO order done status=error", 9),
        ("the order's status: error", 0),
    ];
    for (line, level) in cases {
        assert_eq!(found(line).2, level, "{line}");
    }
    assert_eq!(attributes(&understand(cases[0].0)), json!({"status": "error"}));
}

#[test]
fn everyday_text_has_no_ids_and_no_levels() {
    let lines = [
        "the level is high and the trace id 5 was span 7",
        "HTTP OK default all good",
        "at com.example.Error.handle(Error.java:12)",
        "java.lang.ErrorCode=7 something",
        "errors: none; warned nobody",
        "",
        "{ not json",
        "[1] started",
    ];
    for line in lines {
        assert_eq!(found(line), (String::new(), String::new(), 0), "{line}");
    }
}

#[test]
fn a_text_lines_time_is_found_near_its_start() {
    let lines = [
        "2023-11-14T22:13:20Z INFO hello",
        "2023-11-14 22:13:20 INFO hello",
        "[2023-11-14T23:13:20+01:00] hello",
        "INFO  2023-11-14 22:13:20,000 hello",
        "I, [2023-11-14T22:13:20.000000 #1]  INFO -- : hello",
        "\u{1b}[2m2023-11-14T22:13:20Z\u{1b}[0m hello",
        "Nov 14, 2023 10:13:20 PM shop.Pay charge\nINFO: hello",
        "<14>Nov 14 22:13:20 host app: hello",
        "Nov 14 22:13:20 host app[1]: hello",
        "I1114 22:13:20.000000   32710 main.go:147] hello",
        "14/Nov/2023:22:13:20 +0000 hello",
        "Tue Nov 14 22:13:20 2023 hello",
    ];
    for line in lines {
        assert_eq!(understand(line).log.time_unix_nano, RECEIVED.0, "{line}");
    }
    for line in ["22:13:20 hello", "order 2023-11-14 hello", "at some time later than 2023-11-14 22:13:20"] {
        assert_eq!(understand(line).log.time_unix_nano, 0, "{line}");
    }
}

#[test]
fn a_time_without_a_year_is_the_nearest() {
    let of = |line: &str| understand(line).log.time_unix_nano;
    // Arrival is in November 2023.
    assert_eq!(of("Jan  2 00:00:00 host x"), 1_704_153_600_000_000_000);
    assert_eq!(of("Oct  2 00:00:00 host x"), 1_696_204_800_000_000_000);
}

#[test]
fn a_time_without_its_offset_is_read_in_the_configured_zone() {
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
    let rules =
        Rules::of(&spandrel_config::Logs { timezone: spandrel_config::Zone(zone), ..Default::default() });
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    for line in [
        r#"{"time":"2023-11-14 23:13:20"}"#,
        "2023-11-14 23:13:20 x",
        "Nov 14 23:13:20 host x",
        r#"{"time":"2023-11-14T22:13:20Z"}"#,
    ] {
        assert_eq!(reader.understand(line.as_bytes(), RECEIVED).log.time_unix_nano, RECEIVED.0, "{line}");
    }
}

#[test]
fn the_users_own_names_patterns_and_formats_go_first() {
    let text = "logs: { timezone: UTC, fields: { trace_id: [req.trace], level: [sev] }, time_formats: ['%d.%m.%y %H:%M:%S'], patterns: ['^(?<time>\\S+ \\S+) \\[(?<sev>\\w+)/%{WORD:module}\\] (?<message>.*)$'] }";
    let config = spandrel_config::Config::from_yaml(text, &[], &|_| None).unwrap();
    let limits = RecordLimits::of(&config.limits);
    let rules = Rules::of(&config.logs);
    let mut cuts = Cuts::default();
    let mut reader = LineReader { limits: &limits, rules: &rules, cuts: &mut cuts };
    let line = format!(r#"{{"req":{{"trace":"{TRACE}"}},"trace_id":"{SPAN}","level":"info","sev":"fatal"}}"#);
    let json = reader.understand(line.as_bytes(), RECEIVED);
    assert_eq!((hex(&json.log.trace_id), json.log.severity_number), (TRACE.into(), 21));
    let text = reader.understand(b"14.11.23 22:13:20 [warn/cart] stock is low", RECEIVED);
    assert_eq!((message(&text), text.log.severity_number), ("stock is low", 13));
    assert_eq!(text.log.time_unix_nano, RECEIVED.0);
    assert_eq!(attributes(&text), serde_json::json!({"module": "cart"}));
    assert_eq!(text.flags, Flags::NONE);
}

#[test]
fn json_in_a_json_string_is_opened() {
    let inner = format!(r#"{{"level":"error","trace_id":"{TRACE}","msg":"boom","order":{{"id":4711}}}}"#);
    let quoted = serde_json::Value::from(inner.as_str()).to_string();
    for line in [
        quoted.clone(),
        format!(r#"{{"log":{quoted},"kubernetes":{{"pod":"x"}}}}"#),
        format!(r#"{{"MESSAGE":{quoted},"PRIORITY":"6"}}"#),
        serde_json::json!({"log": serde_json::json!({"message": inner}).to_string() + "\n", "stream": "stdout"}).to_string(),
    ] {
        let understood = understand(&line);
        assert_eq!(found(&line), (TRACE.into(), String::new(), 17), "{line}");
        assert_eq!(message(&understood), "boom", "{line}");
        assert_eq!(attributes(&understood)["order"]["id"], 4711, "{line}");
        assert_eq!(understood.flags, Flags::NONE, "{line}");
    }
}

#[test]
fn the_text_of_a_wrapped_record_is_understood() {
    let line = format!(
        r#"{{"MESSAGE":"WARN low stock trace_id={TRACE}","PRIORITY":"6","__REALTIME_TIMESTAMP":"1700000000000000","SYSLOG_IDENTIFIER":"stock"}}"#
    );
    let understood = understand(&line);
    assert_eq!(found(&line), (TRACE.into(), String::new(), 13));
    assert_eq!((understood.log.time_unix_nano, understood.service.as_deref()), (RECEIVED.0, Some("stock")));
}

#[test]
fn invalid_utf8_is_kept_and_flagged() {
    let text = understand_bytes(b"ERROR caf\xe9");
    assert!(text.flags.contains(Flags::INVALID_UTF8));
    assert_eq!(message(&text), "ERROR caf\u{fffd}");
    let json = understand_bytes(b"{\"msg\":\"caf\xe9\",\"level\":\"info\"}");
    assert_eq!(json.flags, Flags::INVALID_UTF8);
    assert_eq!((message(&json), json.log.severity_number), ("caf\u{fffd}", 9));
}

#[test]
fn deep_nesting_is_cut_without_recursion() {
    let levels = 200_000;
    let line = format!(r#"{{"msg":"deep","a":{}{}}}"#, r#"{"a":"#.repeat(levels) + "1", "}".repeat(levels));
    let understood = understand(&line);
    assert_eq!(message(&understood), "deep");
    assert!(understood.flags.contains(Flags::CUT));
    let arrays = "[".repeat(levels);
    assert!(understand(&arrays).flags.contains(Flags::NOT_JSON));
}

#[test]
fn many_keys_are_cut() {
    let keys: Vec<String> = (0..100_000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let mut cuts = Cuts::default();
    let line = format!("{{{}}}", keys.join(","));
    let understood = LineReader { limits: &limits, rules: &rules(), cuts: &mut cuts }
        .understand(line.as_bytes(), RECEIVED);
    assert_eq!(understood.log.attributes.len(), 1_024);
    assert_eq!(cuts.attributes, 100_000 - 1_024);
    assert!(understood.flags.contains(Flags::CUT));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record(line in proptest::collection::vec(any::<u8>(), 0..300)) {
        understand_bytes(&line);
    }

    #[test]
    fn any_text_of_the_usual_pieces_is_a_record(pieces in proptest::collection::vec(pieces(), 0..20)) {
        let line: String = pieces.concat();
        let understood = understand(&line);
        prop_assert!(matches!(understood.log.trace_id.len(), 0 | 16));
        prop_assert!(matches!(understood.log.span_id.len(), 0 | 8));
    }

    #[test]
    fn any_json_object_is_a_record(line in object()) {
        let understood = understand(&line);
        prop_assert!(!understood.flags.contains(Flags::NOT_JSON));
    }
}

fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("trace_id=".to_owned()),
        Just(format!("{TRACE}-{SPAN}")),
        Just("SpanID: ".to_owned()),
        Just("[".to_owned()),
        Just("] ".to_owned()),
        Just("level=".to_owned()),
        Just("ERROR ".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        Just("<11>".to_owned()),
        Just("2023-11-14T22:13:20Z ".to_owned()),
        "[0-9a-f]{0,40}",
        "\\PC{0,8}",
    ]
}

fn object() -> impl Strategy<Value = String> {
    let keys = prop_oneof![
        Just("trace_id".to_owned()),
        Just("span.id".to_owned()),
        Just("level".to_owned()),
        Just("time".to_owned()),
        Just("log".to_owned()),
        Just("stream".to_owned()),
        Just("msg".to_owned()),
        "\\PC{0,6}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,40}".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec(("\\PC{0,6}", inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    });
    proptest::collection::vec((keys, value), 0..8)
        .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect()).to_string())
}
