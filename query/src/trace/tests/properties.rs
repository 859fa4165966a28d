//! Random traces: parents anywhere, cycles, spans twice, times in any order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use proptest::prelude::*;
use spandrel_store::otlp::{KeyValue, LogRecord, Span, Status, span};
use spandrel_store::{Flags, Level, Record, RecordBody, RecordId, SpanId, TraceIdMatch};

use super::notation::{TRACE, record};
use crate::trace::{TraceRecords, TraceView};

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 1_000u64..1_020, 1 => Just(0), 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn any_span() -> impl Strategy<Value = Arc<Record>> {
    let shape = (1u64..20, 0u64..22, 0usize..4, any_time(), any_time());
    let outcome = (0i32..3, 0i32..6, prop::bool::weighted(0.2));
    (shape, outcome).prop_map(|((id, parent, service, start, end), (status, kind, exception))| {
        let event =
            span::Event { time_unix_nano: end, name: "exception".to_owned(), ..span::Event::default() };
        let span = Span {
            trace_id: TRACE.0.to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: if parent == 0 { Vec::new() } else { parent.to_be_bytes().to_vec() },
            name: format!("operation {id}"),
            kind,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            events: if exception { vec![event] } else { Vec::new() },
            status: Some(Status { code: status, message: String::new() }),
            ..Span::default()
        };
        let id = RecordId::of_span(TRACE, SpanId(id.to_be_bytes()));
        let level = (status == 2).then_some(Level::Error);
        record(id, ["a", "b", "c", ""][service], level, Flags::NONE, RecordBody::Span(Box::new(span)))
    })
}

fn any_log() -> impl Strategy<Value = Arc<Record>> {
    (0u32..30, 0u64..22, 0usize..5, any_time(), 0u8..7).prop_map(|(id, span, service, time, level)| {
        let log = LogRecord {
            trace_id: TRACE.0.to_vec(),
            span_id: if span == 0 { Vec::new() } else { span.to_be_bytes().to_vec() },
            time_unix_nano: time,
            ..LogRecord::default()
        };
        let id = RecordId::of_log(1, 1, id);
        let body = RecordBody::Log(Box::new(log));
        record(id, ["a", "b", "c", "d", ""][service], Level::from_repr(level), Flags::NONE, body)
    })
}

fn any_records() -> impl Strategy<Value = Vec<Arc<Record>>> {
    let record = prop_oneof![3 => any_span().boxed(), 1 => any_log().boxed()];
    prop::collection::vec(record, 0..60)
}

fn view_of(records: &[Arc<Record>]) -> TraceView {
    let found = TraceRecords { records: records.to_vec(), truncated: false };
    TraceView::assemble(&TraceIdMatch::exactly(TRACE), found)
}

proptest! {
    #[test]
    fn each_record_is_shown_once(records in any_records()) {
        let view = view_of(&records);
        let shown: Vec<RecordId> = view.records().map(|view| view.record.id).collect();
        let distinct: HashSet<RecordId> = records.iter().map(|record| record.id).collect();
        prop_assert_eq!(shown.len(), distinct.len());
        prop_assert_eq!(shown.into_iter().collect::<HashSet<_>>(), distinct);
        prop_assert!(serde_json::to_string(&view.to_trace()).is_ok());
    }

    #[test]
    fn parents_come_before_their_children_unless_time_says_otherwise(records in any_records()) {
        let view = view_of(&records);
        for (place, node) in view.spans.iter().enumerate() {
            let Some(parent) = node.parent else { continue };
            prop_assert_eq!(node.depth, view.spans[parent].depth + 1);
            let times = (view.spans[parent].view.record.time(), node.view.record.time());
            prop_assert!(parent < place || times.0 > times.1);
        }
    }

    #[test]
    fn the_path_goes_up_to_where_the_trace_begins(records in any_records()) {
        let view = view_of(&records);
        let errors = view.errors();
        prop_assert_eq!(errors.errors.is_empty(), errors.root_cause.is_none());
        prop_assert_eq!(errors.path.is_empty(), errors.root_cause.is_none());
        let nodes: HashMap<String, usize> = view.spans.iter().enumerate()
            .map(|(place, node)| (node.view.record.span_id().unwrap().to_string(), place))
            .collect();
        let mut steps = errors.path.iter().filter_map(|step| step.span_id.as_ref()).map(|id| nodes[id]);
        if let Some(mut at) = steps.next() {
            for step in steps {
                prop_assert_eq!(view.spans[at].parent, Some(step));
                at = step;
            }
            prop_assert_eq!(view.spans[at].parent, None);
        }
    }

    #[test]
    fn the_errors_are_in_order_and_every_failing_record_is_among_them(records in any_records()) {
        let view = view_of(&records);
        let errors = view.errors();
        prop_assert!(errors.errors.is_sorted_by_key(|error| error.time));
        let listed: HashSet<RecordId> = errors.errors.iter().map(|error| error.record).collect();
        for shown in view.records().filter(|view| view.record.level >= Some(Level::Error)) {
            prop_assert!(listed.contains(&shown.record.id));
        }
        let causes = errors.root_cause.iter().chain(&errors.contributing);
        for cause in causes {
            prop_assert!(cause.score > 0.0 && cause.score <= 1.0);
            prop_assert!(!cause.records.is_empty() && cause.records.iter().all(|id| listed.contains(id)));
        }
        prop_assert!(serde_json::to_string(&errors).is_ok());
    }

    #[test]
    fn the_timeline_has_every_moment_in_order(records in any_records()) {
        let timeline = view_of(&records).timeline();
        prop_assert!(timeline.events.is_sorted_by_key(|moment| moment.time));
        prop_assert!(serde_json::to_string(&timeline).is_ok());
    }

    #[test]
    fn no_text_of_a_log_panics(text in r"(\PC|[\n\[\]():. ]|Error|Exception|Caused by: |java\.lang\.|\tat ){0,60}") {
        let log = LogRecord { body: Some(crate::render::tests::text(&text)), ..LogRecord::default() };
        let body = RecordBody::Log(Box::new(log));
        let found = record(RecordId::of_log(1, 1, 1), "a", Some(Level::Fatal), Flags::NONE, body);
        prop_assert_eq!(view_of(&[found]).errors().errors.len(), 1);
    }

    #[test]
    fn no_attribute_panics(
        key in prop::sample::select(vec!["err", "error", "exception", "exception.type", "stack", "", "a.b"]),
        value in crate::render::tests::any_value(),
    ) {
        let attributes = vec![KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 }];
        let body = RecordBody::Log(Box::new(LogRecord { attributes, ..LogRecord::default() }));
        let found = record(RecordId::of_log(1, 1, 1), "a", Some(Level::Error), Flags::NONE, body);
        prop_assert_eq!(view_of(&[found]).errors().errors.len(), 1);
    }
}
