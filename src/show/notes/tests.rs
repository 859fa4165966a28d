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
        {"peer": "orders:7317", "service": null, "reason": "failed"},
    ]}});
    let expected = "warning: incomplete: 1 of 3 sidecars answered; missing: payment at payment:7317 \
                    (timeout), orders:7317 (failed)\n";
    assert_eq!(shown(notes), expected);
}

#[test]
fn records_that_are_lost_are_no_silent_sidecars() {
    let notes = serde_json::json!({"coverage": {"complete": false, "asked": 1, "answered": 1, "missing": [
        {"peer": "here:7317", "reason": "set_aside"},
        {"peer": "here:7317", "reason": "deleted", "start": "2026-01-02T00:00:00Z", "end": "2026-01-03T00:00:00Z"},
        {"peer": "here:7317", "reason": "deleted", "start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
    ]}});
    let expected = "warning: incomplete: here:7317: damaged records were set aside, of which time is not known\n\
                    warning: incomplete: here:7317: records were deleted by retention, from \
                    2026-01-01T00:00:00.000Z to 2026-01-03T00:00:00.000Z (2 gaps)\n";
    assert_eq!(shown(notes), expected);
}

#[test]
fn a_sidecar_that_is_silent_and_one_that_lost_records_are_told_apart() {
    let notes = serde_json::json!({"coverage": {"complete": false, "asked": 2, "answered": 1, "missing": [
        {"peer": "orders:7317", "service": "orders", "reason": "deadline"},
        {"peer": "cart:7317", "service": "cart", "reason": "gone",
            "start": "2026-01-02T00:00:00Z", "end": "2026-01-03T00:00:00Z"},
    ]}});
    let expected = "warning: incomplete: 1 of 2 sidecars answered; missing: orders at orders:7317 (deadline)\n\
                    warning: incomplete: cart at cart:7317: the sidecar is gone with its records, from \
                    2026-01-02T00:00:00.000Z to 2026-01-03T00:00:00.000Z\n";
    assert_eq!(shown(notes), expected);
}

#[test]
fn warnings_of_the_answer_are_passed_on() {
    let notes = serde_json::json!({"warnings": ["no record has the field `ordr.id`"], "truncated": true});
    let expected = "warning: cut: there is more than one answer may hold\n\
                    warning: no record has the field `ordr.id`\n";
    assert_eq!(shown(notes), expected);
}
