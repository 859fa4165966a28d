//! Every span and log gets its row, whatever the shape of the trace.

use super::{ParentOfTop, What, rows};
use crate::answer::{Event, Log, Span, Trace};

fn span(id: &str, parent: &str, start_s: i64) -> Span {
    Span {
        span_id: id.to_owned(),
        parent_span_id: parent.to_owned(),
        service: "orders".to_owned(),
        name: id.to_owned(),
        start: jiff::Timestamp::from_second(start_s).ok(),
        ..Span::default()
    }
}

fn log(span: &str, message: &str, time_s: i64) -> Log {
    Log {
        span_id: span.to_owned(),
        message: message.to_owned(),
        time: jiff::Timestamp::from_second(time_s).ok(),
        ..Log::default()
    }
}

fn outline(spans: Vec<Span>, logs: Vec<Log>) -> Vec<String> {
    let trace = Trace { spans, logs, ..Trace::default() };
    let text = |what: &What<'_>| match what {
        What::Span(span) => span.name.clone(),
        What::Log(log) => format!("'{}'", log.message),
        What::Failure(text) => format!("!{text}"),
        What::Loose => "loose".to_owned(),
        What::Folded { .. } => "folded".to_owned(),
    };
    rows(&trace).iter().map(|row| format!("{}{}", "-".repeat(row.depth), text(&row.what))).collect()
}

#[test]
fn children_and_logs_follow_their_span_in_the_order_of_their_times() {
    let spans = vec![span("c", "a", 3), span("a", "", 1), span("b", "a", 2), span("d", "b", 2)];
    let logs = vec![log("a", "between", 2), log("b", "late", 9), log("gone", "stray", 1)];
    let expected = ["a", "-b", "--d", "--'late'", "-'between'", "-c", "loose", "-'stray'"];
    assert_eq!(outline(spans, logs), expected);
}

#[test]
fn a_span_whose_parent_is_missing_stands_as_a_root_and_says_so() {
    let trace = Trace { spans: vec![span("a", "gone", 1)], ..Trace::default() };
    assert_eq!(rows(&trace)[0].parent_of_top, ParentOfTop::Missing);
}

#[test]
fn spans_that_are_each_others_parents_are_shown_once_each() {
    assert_eq!(outline(vec![span("a", "b", 1), span("b", "a", 2)], vec![]), ["a", "-b"]);
    assert_eq!(outline(vec![span("a", "a", 1)], vec![]), ["a"]);
}

#[test]
fn a_span_that_descends_from_itself_does_not_lack_its_parent() {
    for spans in [vec![span("a", "a", 1)], vec![span("a", "b", 1), span("b", "a", 2)]] {
        let trace = Trace { spans, ..Trace::default() };
        assert_eq!(rows(&trace)[0].parent_of_top, ParentOfTop::Below);
    }
}

#[test]
fn a_very_deep_trace_needs_no_deep_stack() {
    let chain =
        |n: usize| span(&n.to_string(), &n.checked_sub(1).map(|p| p.to_string()).unwrap_or_default(), 1);
    let trace = Trace { spans: (0..100_000).map(chain).collect(), ..Trace::default() };
    let rows = rows(&trace);
    assert_eq!((rows.len(), rows[99_999].depth), (100_000, 99_999));
}

#[test]
fn a_status_is_shown_unless_a_log_already_says_it() {
    let failed = |id: &str| Span { status_message: "pool exhausted".to_owned(), ..span(id, "", 1) };
    assert_eq!(outline(vec![failed("a")], vec![]), ["a", "-!status: pool exhausted"]);
    let told = outline(vec![failed("a")], vec![log("a", "charge: pool exhausted", 1)]);
    assert_eq!(told, ["a", "-'charge: pool exhausted'"]);
}

#[test]
fn an_exception_is_shown_with_its_type_once() {
    let attributes =
        serde_json::json!({"exception.type": "PoolError", "exception.message": "pool exhausted"});
    let event = Event { name: "exception".to_owned(), attributes: attributes.as_object().unwrap().clone() };
    let raised =
        Span { status_message: "pool exhausted".to_owned(), events: vec![event], ..span("a", "", 1) };
    assert_eq!(outline(vec![raised.clone()], vec![]), ["a", "-!PoolError: pool exhausted"]);
    assert_eq!(outline(vec![raised], vec![log("a", "pool exhausted", 1)]), ["a", "-'pool exhausted'"]);
}

#[test]
fn a_trace_of_logs_alone_needs_no_heading() {
    assert_eq!(outline(vec![], vec![log("", "b", 2), log("", "a", 1)]), ["'a'", "'b'"]);
}
