use spandrel_store::otlp::Span;
use spandrel_store::{Flags, NewRecord, Receiver, RecordBody, RecordId, SpanId, TraceId, UnixNanos};

use super::*;

fn span(id: u8, start: u64) -> Arc<Record> {
    let (trace_id, span_id) = (TraceId([7; 16]), SpanId([id; 8]));
    let span = Span {
        trace_id: trace_id.0.to_vec(),
        span_id: span_id.0.to_vec(),
        start_time_unix_nano: start,
        ..Span::default()
    };
    let new = NewRecord {
        resource: Arc::default(),
        scope: Arc::default(),
        body: RecordBody::Span(Box::new(span)),
        level: None,
        flags: Flags::NONE,
        original: None,
    };
    Arc::new(Record::new(RecordId::of_span(trace_id, span_id), Receiver::OtlpGrpc, UnixNanos(9), new))
}

#[test]
fn a_span_that_is_held_with_two_starts_is_on_a_page_once() {
    let merged = merged(vec![span(1, 50), span(2, 40), span(1, 30), span(3, 20)], 3);
    let starts: Vec<u64> = merged.iter().map(|record| record.time().0).collect();
    assert_eq!(starts, [50, 40, 20]);
}

#[test]
fn few_are_asked_for_all_of_a_page_and_many_for_some_times_their_share() {
    assert_eq!(first_of(101, 0), 101);
    assert_eq!(first_of(101, 1), 101);
    assert_eq!(first_of(101, SHARES), 101);
    assert_eq!(first_of(101, 15), 21);
    assert_eq!(first_of(101, 500), FIRST_MIN);
    assert_eq!(first_of(11, 15), 11);
}
