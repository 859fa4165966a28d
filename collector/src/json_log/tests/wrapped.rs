//! Lines inside lines: what containers, collectors and loggers put around a record.

use super::*;

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
fn a_containers_pieces_may_end_within_a_character() {
    let inner = format!(r#"{{"level":"warn","trace_id":"{TRACE}","msg":"größe 🦀"}}"#);
    for end in 1..inner.len() {
        let (start, rest) = inner.as_bytes().split_at(end);
        let (piece, last) =
            (&b"2023-01-29T09:33:16Z stderr P "[..], &b"\n2023-01-29T09:33:16Z stderr F "[..]);
        let understood = understand_bytes(&[piece, start, last, rest].concat());
        assert_eq!((message(&understood), understood.flags), ("größe 🦀", Flags::NONE), "{end}");
        assert_eq!(hex(&understood.log.trace_id), TRACE);
    }
    let broken = understand_bytes(b"2023-01-29T09:33:16Z stderr P a\xff\n2023-01-29T09:33:16Z stderr F b");
    assert_eq!(message(&broken), "a\u{fffd}b");
    assert!(broken.flags.contains(Flags::INVALID_UTF8));
}

#[test]
fn a_stack_behind_an_object_is_its_exception() {
    let object = format!(r#"{{"level":"error","trace_id":"{TRACE}","msg":"it failed","order":7}}"#);
    let stack = "shop.CardDeclined: no funds\n\tat shop.Pay.charge(Pay.java:3)";
    let understood = understand(&format!("{object}\n{stack}"));
    assert_eq!((message(&understood), understood.flags), ("it failed", Flags::NONE));
    assert_eq!((hex(&understood.log.trace_id), understood.log.severity_number), (TRACE.into(), 17));
    let expected = json!({
        "order": 7, "exception.type": "shop.CardDeclined", "exception.message": "no funds", "exception.stacktrace": stack,
    });
    assert_eq!(attributes(&understood), expected);
    let goroutines = understand(&format!("{object}\ngoroutine 1 [running]:\nmain.f()\n\t/a.go:1"));
    assert_eq!(
        attributes(&goroutines)["exception.stacktrace"],
        "goroutine 1 [running]:\nmain.f()\n\t/a.go:1"
    );
    assert_eq!(understand(&format!("{object}\nand more")).flags, Flags::NOT_JSON);
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
