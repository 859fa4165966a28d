//! Recorded incidents of a real system of 40 services, whose spans carry no status: what failed is told by
//! the logs alone. The recordings are not part of the project; without them this says so and passes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use spandrel_store::otlp::{AnyValue, LogRecord, Span, Value};
use spandrel_store::{Digits, Flags, Level, Record, RecordBody, RecordId, SpanId, TraceId, TraceIdMatch};

use super::notation::record;
use crate::trace::{TraceRecords, TraceView};

/// A trace's records as the collector would hand them on, and its lines of level error.
#[derive(Default)]
struct Recorded {
    records: Vec<Arc<Record>>,
    failing: Vec<FailingLine>,
}

struct FailingLine {
    service: String,
    span_id: SpanId,
    message: String,
}

fn recordings() -> Option<Vec<PathBuf>> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/trainticket");
    let Ok(cases) = std::fs::read_dir(&shared) else {
        #[allow(clippy::print_stderr, reason = "for whoever runs the tests")]
        {
            eprintln!("skipped: no recordings in {}", shared.display());
        }
        return None;
    };
    let mut cases: Vec<PathBuf> =
        cases.map(|case| case.unwrap().path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    Some(cases)
}

fn rows(file: &Path) -> Vec<HashMap<String, String>> {
    let plain = zstd::decode_all(std::fs::File::open(file).unwrap()).unwrap();
    csv::Reader::from_reader(plain.as_slice()).deserialize().map(Result::unwrap).collect()
}

fn service_of(pod: &str) -> String {
    pod.rsplitn(3, '-').nth(2).unwrap_or(pod).to_owned()
}

fn traces_of(case: &Path) -> HashMap<TraceId, Recorded> {
    let mut traces: HashMap<TraceId, Recorded> = HashMap::new();
    for row in rows(&case.join("traces.csv.zst")) {
        let trace_id = TraceId::from_text(&row["TraceID"], Digits::Hex).unwrap();
        let span_id = SpanId::from_text(&row["SpanID"], Digits::Hex).unwrap();
        let span = Span {
            trace_id: trace_id.0.to_vec(),
            span_id: span_id.0.to_vec(),
            parent_span_id: SpanId::from_text(&row["ParentID"], Digits::Hex)
                .map_or(Vec::new(), |id| id.0.to_vec()),
            name: row["OperationName"].clone(),
            start_time_unix_nano: row["StartTimeUnixNano"].parse().unwrap(),
            end_time_unix_nano: row["EndTimeUnixNano"].parse().unwrap(),
            ..Span::default()
        };
        let (id, body) = (RecordId::of_span(trace_id, span_id), RecordBody::Span(Box::new(span)));
        let record = record(id, &service_of(&row["PodName"]), None, Flags::NONE, body);
        traces.entry(trace_id).or_default().records.push(record);
    }
    for (index, row) in rows(&case.join("logs.csv.zst")).into_iter().enumerate() {
        let Ok(trace_id) = TraceId::from_text(&row["TraceID"], Digits::Hex) else { continue };
        let span_id = SpanId::from_text(&row["SpanID"], Digits::Hex).unwrap_or_default();
        let line: serde_json::Value = serde_json::from_str(&row["Log"]).unwrap_or_default();
        let message = line["log"].as_str().unwrap_or(&row["Log"]).trim_end().to_owned();
        let level = message.split_whitespace().nth(1).and_then(Level::from_text);
        let log = LogRecord {
            trace_id: trace_id.0.to_vec(),
            span_id: if span_id == SpanId::default() { Vec::new() } else { span_id.0.to_vec() },
            // A few rows have a time of the year 1, which is none.
            time_unix_nano: row["TimeUnixNano"].parse().unwrap_or_default(),
            body: Some(AnyValue { value: Some(Value::StringValue(message.clone())) }),
            ..LogRecord::default()
        };
        let (id, service) = (RecordId::of_log(1, 1, index as u32), service_of(&row["PodName"]));
        let trace = traces.entry(trace_id).or_default();
        if level >= Some(Level::Error) {
            trace.failing.push(FailingLine { service: service.clone(), span_id, message });
        }
        trace.records.push(record(id, &service, level, Flags::NONE, RecordBody::Log(Box::new(log))));
    }
    traces
}

#[test]
fn what_the_logs_of_recorded_incidents_tell_is_found() {
    let Some(cases) = recordings() else { return };
    let (mut failing_traces, mut lines) = (0, 0);
    for case in cases {
        for (trace_id, recorded) in traces_of(&case) {
            let found = TraceRecords { records: recorded.records, truncated: false };
            let view = TraceView::assemble(&TraceIdMatch::exactly(trace_id), found);
            check(&view, &recorded.failing, &format!("{} {trace_id}", case.display()));
            failing_traces += usize::from(!recorded.failing.is_empty());
            lines += recorded.failing.len();
        }
    }
    assert!(failing_traces > 100 && lines > failing_traces, "{failing_traces} traces, {lines} lines");
}

fn check(view: &TraceView, failing: &[FailingLine], title: &str) {
    let errors = view.errors();
    assert_eq!(errors.errors.len(), failing.len(), "{title}: each line is one error and nothing else is");
    for line in failing {
        let named = errors.errors.iter().find(|error| {
            error.message == line.message
                && error.service == line.service
                && named_span(error) == line.span_id
        });
        let named = named.unwrap_or_else(|| panic!("{title}: {} is not listed", line.message));
        let span = view.spans.iter().find(|node| node.view.record.span_id() == Some(line.span_id));
        if let Some(span) = span {
            assert_eq!(named.operation, Some(span.span().name.as_str()), "{title}");
        }
        if line.message.contains("nested exception is java.lang.IllegalStateException: ") {
            let exception = named.exception.unwrap();
            assert_eq!(exception.exception_type, Some("java.lang.IllegalStateException"), "{title}");
            assert!(exception.message.unwrap().starts_with("No instances available for ts-"), "{title}");
        }
    }
    let cause = errors.root_cause.as_ref();
    assert_eq!(cause.is_some(), !failing.is_empty(), "{title}");
    let among = cause.is_none_or(|cause| failing.iter().any(|line| line.service == cause.service));
    assert!(among, "{title}: the cause is a service that failed");
}

fn named_span(error: &crate::trace::errors::TraceError<'_>) -> SpanId {
    error.span_id.as_deref().and_then(|id| SpanId::from_text(id, Digits::Hex).ok()).unwrap_or_default()
}
