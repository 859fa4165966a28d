use super::*;
use crate::crash::writer::Marked;

fn ledger(outcome: Outcome) -> Ledger {
    let record = |marker: &str| Marked { trace_id: "t1".to_owned(), marker: marker.to_owned() };
    let mut ledger = Ledger::default();
    ledger.note(&Sending { round: 3, records: vec![record("a"), record("b")], outcome, request: None });
    ledger
}

fn found(markers: &[&str]) -> Vec<String> {
    markers.iter().map(|marker| (*marker).to_owned()).collect()
}

#[test]
fn acknowledged_records_have_to_be_found_once() {
    let ledger = ledger(Outcome::Acknowledged);
    assert!(ledger.check_round(3, &found(&["b", "a"])).is_ok());
    assert!(ledger.check_trace("t1", &found(&["b"])).is_err());
    assert!(ledger.check_trace("t1", &found(&["b", "a", "a"])).is_err());
    assert_eq!(ledger.missing(&found(&["b"])), 1);
}

#[test]
fn what_was_not_acknowledged_may_be_there_once_or_not() {
    for outcome in [Outcome::Refused, Outcome::Cut] {
        let ledger = ledger(outcome);
        assert!(ledger.check_trace("t1", &found(&[])).is_ok());
        assert!(ledger.check_trace("t1", &found(&["a"])).is_ok());
        assert!(ledger.check_trace("t1", &found(&["a", "a"])).is_err());
    }
}

#[test]
fn what_was_never_sent_must_not_be_found() {
    assert!(ledger(Outcome::Acknowledged).check_round(3, &found(&["a", "b", "c"])).is_err());
    assert!(ledger(Outcome::Acknowledged).check_round(4, &found(&["a"])).is_err());
}

#[test]
fn a_request_that_succeeds_the_second_time_is_required_from_then_on() {
    let mut ledger = ledger(Outcome::Cut);
    let records = vec![Marked { trace_id: "t1".to_owned(), marker: "a".to_owned() }];
    ledger.note(&Sending { round: 3, records, outcome: Outcome::Acknowledged, request: None });
    assert!(ledger.check_trace("t1", &found(&[])).is_err());
    assert!(ledger.check_trace("t1", &found(&["a"])).is_ok());
    assert_eq!(ledger.counts(), (1, 1));
}
