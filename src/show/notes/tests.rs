//! An answer that is not whole says so.

use super::lines;
use crate::answer::Notes;
use crate::show::Screen;
use crate::show::line::paint;

fn shown(json: serde_json::Value) -> String {
    let notes: Notes = serde_json::from_value(json).unwrap();
    paint(&lines(&notes), Screen { width: 80, colour: false })
}

#[test]
fn a_complete_answer_needs_no_note() {
    assert_eq!(shown(serde_json::json!({"coverage": {"complete": true, "asked": 1, "answered": 1}})), "");
}

#[test]
fn missing_peers_are_named_with_their_reasons() {
    let notes = serde_json::json!({"coverage": {"complete": false, "asked": 3, "answered": 1, "missing": [
        {"peer": "payment:7317", "service": "payment", "reason": "timeout"},
        {"peer": "orders:7317", "service": null, "reason": "gone"},
    ]}});
    let expected = "warning: incomplete: 1 of 3 sidecars answered; missing: payment at payment:7317 \
                    (timeout), orders:7317 (gone)\n";
    assert_eq!(shown(notes), expected);
}

#[test]
fn warnings_of_the_answer_are_passed_on() {
    let notes = serde_json::json!({"warnings": ["no record has the field `ordr.id`"], "truncated": true});
    let expected = "warning: cut: there is more than one answer may hold\n\
                    warning: no record has the field `ordr.id`\n";
    assert_eq!(shown(notes), expected);
}
