//! What a cut trace still shows.

use super::fold;
use crate::answer::{Log, Span, Trace};
use crate::show::trace::rows::{What, rows};

fn trace_with_one_failure_among(spans: usize) -> Trace {
    let child = |n: usize| Span {
        span_id: format!("s{n}"),
        parent_span_id: if n == 0 { String::new() } else { "s0".to_owned() },
        name: format!("s{n}"),
        duration_ns: n as i128,
        ..Span::default()
    };
    let mut trace = Trace { spans: (0..spans).map(child).collect(), ..Trace::default() };
    trace.logs.push(Log { span_id: "s7".to_owned(), level: "error".to_owned(), ..Log::default() });
    trace
}

#[test]
fn a_short_trace_is_whole() {
    let trace = trace_with_one_failure_among(10);
    assert_eq!(fold(rows(&trace), 11).len(), 11);
}

#[test]
fn a_failure_is_kept_with_the_way_down_to_it() {
    let trace = trace_with_one_failure_among(1_000);
    let kept = fold(rows(&trace), 5);
    let names: Vec<&str> = kept
        .iter()
        .filter_map(|row| match row.what {
            What::Span(span) => Some(span.name.as_str()),
            What::Log(_) => Some("log"),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["s0", "s7", "log", "s998", "s999"]);
}

#[test]
fn what_is_left_away_is_counted() {
    let trace = trace_with_one_failure_among(1_000);
    let left_away: usize = fold(rows(&trace), 5)
        .iter()
        .map(|row| match row.what {
            What::Folded { spans, logs } => spans + logs,
            _ => 0,
        })
        .sum();
    assert_eq!(left_away, 1_001 - 5);
}
