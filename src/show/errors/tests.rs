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
fn escapes_in_messages_and_stacks_are_shown() {
    let hostile = r#"{"trace_id":"ab","errors":[{"type":"log","service":"a\u001b[2J","operation":"b\u0007",
        "message":"c\u001b]0;x\u0007","exception":{"type":"T\u001b","message":"m\u009b","stacktrace":"at\u001b[1A\nat two\rx"},
        "record":"l1"}],"root_cause":{"service":"s\u001b[1m","operation":"o","rule":"r\u001b","records":["l1"]}}"#;
    let shown = shown(hostile, 120);
    assert!(shown.chars().all(|character| character == '\n' || !character.is_control()), "{shown}");
    assert!(shown.contains("c\\x1b]0;x\\x07") && shown.contains("at\\x1b[1A"), "{shown}");
}
