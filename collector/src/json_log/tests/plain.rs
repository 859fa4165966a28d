//! Plain text and logfmt.

use super::*;

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
