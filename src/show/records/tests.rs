//! One line per record, whatever is in it.

use super::line;
use crate::answer::Record;
use crate::show::line::paint;
use crate::show::{Palette, Screen};

const NARROW: Screen = Screen { width: 72, colour: false };

fn shown(json: serde_json::Value, whole: bool) -> String {
    let record: Record = serde_json::from_value(json).unwrap();
    paint(&[line(&record, &mut Palette::default(), NARROW, whole)], NARROW)
}

#[test]
fn a_log_shows_time_level_service_and_message() {
    let log = serde_json::json!({"type": "log", "time": "2026-11-22T13:56:58.123456789Z", "level": "warn",
        "service": "payment", "message": "retrying", "attributes": {"n": 1}});
    assert_eq!(shown(log, false), "2026-11-22T13:56:58.123Z warn  payment          retrying\n");
}

#[test]
fn a_span_shows_how_long_it_took_and_why_it_failed() {
    let span = serde_json::json!({"type": "span", "start": "2026-11-22T13:56:58Z", "level": "error",
        "service": "orders", "name": "POST /orders", "duration_ns": 12_300_000, "status_message": "refused"});
    let expected = "2026-11-22T13:56:58.000Z error orders           POST /orders  12.3 ms  refused\n";
    assert_eq!(shown(span, true), expected);
}

#[test]
fn a_long_message_is_cut_on_a_terminal_and_whole_in_a_pipe() {
    let log = serde_json::json!({"type": "log", "message": "x".repeat(100)});
    assert_eq!(shown(log.clone(), false).trim_end().chars().count(), 72);
    assert!(shown(log, true).contains(&"x".repeat(100)));
}

#[test]
fn a_message_of_many_lines_stays_one_line() {
    let log = serde_json::json!({"type": "log", "level": null, "service": null, "message": "a\nb\u{1b}[2J"});
    assert_eq!(shown(log, true), "- -     unknown_service  a⏎b\\x1b[2J\n");
}

#[test]
fn a_record_of_an_unknown_type_is_named_as_such() {
    assert!(shown(serde_json::json!({"type": "profile"}), false).contains("doesn't know"));
}
