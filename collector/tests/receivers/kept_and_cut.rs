//! Odd input that is kept with a flag, and large input that is cut and counted.

use http::StatusCode;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use spandrel_store::{Flags, Level};

use crate::harness::{Harness, PROTOBUF, attribute, one_span, spans, text, valid_span};

fn logs(log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

#[tokio::test]
async fn odd_spans_are_kept_with_flags() {
    let harness = Harness::start().await;
    let mut backwards = valid_span("backwards");
    backwards.end_time_unix_nano = backwards.start_time_unix_nano - 1;
    let mut infinite = valid_span("infinite");
    infinite.attributes.push(attribute("x", Value::DoubleValue(f64::INFINITY)));
    let mut absurd = valid_span("absurd");
    absurd.start_time_unix_nano = 1;
    let mut timeless = valid_span("timeless");
    timeless.start_time_unix_nano = 0;
    let answer = harness.post_spans(&spans(vec![backwards, infinite, absurd, timeless])).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    let flags = |name: &str| {
        let records = harness.records();
        records.iter().find(|record| record.span().unwrap().name == name).unwrap().flags
    };
    assert_eq!(flags("backwards"), Flags::END_BEFORE_START);
    assert_eq!(flags("infinite"), Flags::NOT_FINITE);
    assert_eq!(flags("absurd"), Flags::ABSURD_TIME);
    assert_eq!(flags("timeless"), Flags::NO_TIME);
}

#[tokio::test]
async fn a_span_sent_twice_is_accepted_twice() {
    let harness = Harness::start().await;
    let request = one_span(valid_span("twice"));
    for _ in 0..2 {
        assert_eq!(harness.post_spans(&request).await.status, StatusCode::OK);
    }
    let mut ids: Vec<_> = harness.records().iter().map(|record| record.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_parent_id_of_another_length_is_kept_with_a_flag() {
    let harness = Harness::start().await;
    for (parent_span_id, is_bad) in
        [(vec![1; 3], true), (vec![1; 16], true), (vec![0; 8], false), (vec![], false)]
    {
        let sent = Span { parent_span_id: parent_span_id.clone(), ..valid_span("child") };
        let span_id = sent.span_id.clone();
        assert_eq!(harness.post_spans(&one_span(sent)).await.status, StatusCode::OK);
        let records = harness.records();
        let kept = records.iter().find(|record| record.span().unwrap().span_id == span_id).unwrap();
        assert_eq!(kept.flags.contains(Flags::BAD_PARENT_ID), is_bad, "{parent_span_id:?}");
        assert_eq!(kept.span().unwrap().parent_span_id, parent_span_id);
    }
}

#[tokio::test]
async fn logs_with_bad_ids_are_kept_without_them() {
    let harness = Harness::start().await;
    let bad = LogRecord { trace_id: vec![1; 3], span_id: vec![0; 8], ..LogRecord::default() };
    let answer = harness.post("/v1/logs", &[PROTOBUF], logs(vec![bad])).await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    let record = harness.records().remove(0);
    assert!(record.flags.contains(Flags::BAD_TRACE_ID) && record.flags.contains(Flags::BAD_SPAN_ID));
    let log = record.log().unwrap();
    assert!(log.trace_id.is_empty() && log.span_id.is_empty());
    let original = log.attributes[0].value.clone().unwrap().value;
    assert_eq!(original, Some(Value::BytesValue(vec![1; 3])));
}

#[tokio::test]
async fn a_logs_level_is_its_number_or_else_its_text() {
    let harness = Harness::start().await;
    let log = |severity_number, severity_text: &str| LogRecord {
        severity_number,
        severity_text: severity_text.to_owned(),
        time_unix_nano: 1_700_000_000_000_000_000,
        ..LogRecord::default()
    };
    let sent = vec![log(17, "info"), log(0, "WARNING"), log(0, ""), log(99, "")];
    harness.post("/v1/logs", &[PROTOBUF], logs(sent)).await;
    let mut levels: Vec<_> = harness.records().iter().map(|record| record.level).collect();
    levels.sort();
    assert_eq!(levels, [None, None, Some(Level::Warn), Some(Level::Error)]);
}

#[tokio::test]
async fn a_trace_of_a_hundred_thousand_spans_is_kept() {
    let harness = Harness::start().await;
    for _ in 0..10 {
        let request = spans((0..10_000).map(|_| valid_span("one of many")).collect());
        assert_eq!(harness.post_spans(&request).await.status, StatusCode::OK);
    }
    assert_eq!(harness.store.snapshot().record_count(), 100_000);
}

#[tokio::test]
async fn what_is_beyond_the_limits_is_cut_and_counted_and_the_next_is_whole() {
    let harness = Harness::start().await;
    let nested = (0..200).fold(Value::IntValue(1), |inner, _| {
        Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(inner) }] })
    });
    let mut deep = valid_span("deep");
    deep.attributes.push(attribute("deep", nested));
    let mut wide = valid_span("wide");
    wide.attributes = (0..100_000).map(|n| attribute(&format!("k{n}"), Value::IntValue(n))).collect();
    let mut long = valid_span("long");
    long.attributes.push(text("long", &"x".repeat(5 << 20)));
    for span in [deep, wide, long] {
        let answer = harness.post_spans(&one_span(span)).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    }
    assert!(harness.records().iter().all(|record| record.flags.contains(Flags::CUT)));
    assert_eq!(harness.cut("nesting"), 1);
    assert_eq!(harness.cut("attributes"), 100_000 - 1_024);
    assert_eq!(harness.cut("strings"), 1);
    harness.assert_serves().await;
}

#[tokio::test]
async fn metrics_are_counted_as_dropped_and_answered_with_a_warning() {
    let harness = Harness::start().await;
    let data_points = vec![NumberDataPoint::default(); 3];
    let metric = Metric { data: Some(metric::Data::Gauge(Gauge { data_points })), ..Metric::default() };
    let scope_metrics = vec![ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    let body = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec();
    let answer = harness.post("/v1/metrics", &[PROTOBUF], body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let partial = ExportMetricsServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 0);
    assert!(partial.error_message.contains("no exporter"));
    let labels = [("signal", "metrics"), ("reason", "no_exporter")];
    assert_eq!(harness.counter("spandrel_receiver_dropped_total", &labels), 3);
    let accepted = [("receiver", "otlp_http"), ("signal", "metrics")];
    assert_eq!(harness.counter("spandrel_receiver_accepted_records_total", &accepted), 0);
}
