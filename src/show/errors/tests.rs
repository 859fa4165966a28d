//! The errors of a trace as one reads them. The expected text is in files, as one would see it.

use super::lines;
use crate::answer::Errors;
use crate::show::Screen;
use crate::show::line::paint;

const CHECKOUT: &str = include_str!("tests/checkout.json");

fn shown(json: &str, width: usize) -> String {
    let errors: Errors = serde_json::from_str(json).unwrap();
    let screen = Screen { width, colour: false };
    paint(&lines(&errors, screen), screen)
}

#[test]
fn the_root_cause_comes_first_then_the_path_then_every_error() {
    assert_eq!(shown(CHECKOUT, 100), include_str!("tests/checkout.100.txt"));
}

#[test]
fn lines_fit_a_narrow_screen() {
    assert_eq!(shown(CHECKOUT, 60), include_str!("tests/checkout.60.txt"));
}

#[test]
fn a_trace_without_errors_says_so() {
    assert_eq!(
        shown(r#"{"trace_id":"ab","errors":[],"root_cause":null,"path":[]}"#, 80),
        "No errors in trace ab.\n"
    );
}

#[test]
fn no_errors_in_an_incomplete_answer_is_not_said_of_the_whole_trace() {
    let incomplete = r#"{"trace_id":"ab","errors":[],"coverage":{"complete":false,"asked":2,"answered":1,
        "missing":[{"peer":"orders:7317","reason":"deadline"}]}}"#;
    let expected = "No errors of trace ab in what could be looked at.\n\
                    warning: incomplete: 1 of 2 sidecars answered; missing: orders:7317 (deadline)\n";
    assert_eq!(shown(incomplete, 80), expected);
}

#[test]
fn a_service_without_a_name_is_shown_as_unknown() {
    let unnamed = r#"{"trace_id":"ab","errors":[{"type":"span","service":"","operation":"GET /"}],
        "root_cause":{"service":"","operation":"GET /"}}"#;
    let shown = shown(unnamed, 80);
    assert!(shown.starts_with("Root cause: unknown_service · GET /"), "{shown}");
    assert_eq!(shown.matches("unknown_service").count(), 2, "{shown}");
}

#[test]
fn escapes_in_messages_and_stacks_are_shown() {
    let hostile = r#"{"trace_id":"ab","errors":[{"type":"log","service":"a\u001b[2J","operation":"b\u0007",
        "message":"c\u001b]0;x\u0007","exception":{"type":"T\u001b","message":"m\u009b","stacktrace":"at\u001b[1A\nat two\rx"},
        "record":"l1"}],"root_cause":{"service":"s\u001b[1m","operation":"o","rule":"r\u001b","records":["l1"]}}"#;
    let shown = shown(hostile, 120);
    assert!(shown.chars().all(|character| character == '\n' || !character.is_control()), "{shown}");
    assert!(shown.contains("c\\x1b]0;x\\x07") && shown.contains("at\\x1b[1A"), "{shown}");
}
