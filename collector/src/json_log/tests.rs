//! Understanding of lines: what all of its tests use, and messages and the rules of one's own.

mod any_input;
mod corpus;
mod formats;
mod ids;
mod levels;
mod ordinary;
mod plain;
mod servers;
mod times;
mod wrapped;

use serde_json::json;
use spandrel_store::otlp::Value;
use spandrel_store::record::value::attributes_to_json;
use spandrel_store::{Flags, UnixNanos};

use super::{LineReader, Rules, Understood, begins_with_time};
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
fn what_python_and_windows_write_is_json() {
    for line in [
        r#"{"level":"error","msg":"slow","took":NaN}"#,
        r#"{"level":"error","msg":"slow","took":1e400}"#,
        "\u{feff}{\"level\":\"error\",\"msg\":\"slow\"}",
    ] {
        let found = understand(line);
        assert_eq!((found.form, message(&found)), ("JSON", "slow"), "{line}");
    }
}

#[test]
fn half_of_an_emoji_does_not_spoil_its_line() {
    let line = r#"{"time":"2026-11-22T10:00:00Z","level":"error","msg":"cut \ud83d","order.id":7}"#;
    let found = understand(line);
    assert_eq!(found.form, "JSON");
    assert_eq!(message(&found), "cut \u{fffd}");
}
