//! The messages of the streaming service, with the numbers of tempopb, made of the answers over HTTP.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;

use super::super::metrics::{InstantResponse, Jobs, RangeResponse};
use super::super::proto::Status;
use super::super::search;
use super::params;
use crate::grafana::params::Params;

#[derive(Clone, PartialEq, Message)]
pub(super) struct SearchRequest {
    #[prost(map = "string, string", tag = "1")]
    pub tags: HashMap<String, String>,
    #[prost(uint32, tag = "2")]
    pub min_duration_ms: u32,
    #[prost(uint32, tag = "3")]
    pub max_duration_ms: u32,
    #[prost(uint32, tag = "4")]
    pub limit: u32,
    /// Seconds.
    #[prost(uint32, tag = "5")]
    pub start: u32,
    #[prost(uint32, tag = "6")]
    pub end: u32,
    #[prost(string, tag = "8")]
    pub query: String,
    #[prost(uint32, tag = "9")]
    pub spans_per_span_set: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SearchResponse {
    #[prost(message, repeated, tag = "1")]
    pub traces: Vec<TraceMetadata>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TraceMetadata {
    #[prost(string, tag = "1")]
    pub trace_id: String,
    #[prost(string, tag = "2")]
    pub root_service_name: String,
    #[prost(string, tag = "3")]
    pub root_trace_name: String,
    #[prost(uint64, tag = "4")]
    pub start_time_unix_nano: u64,
    #[prost(uint32, tag = "5")]
    pub duration_ms: u32,
    #[prost(message, optional, tag = "6")]
    pub span_set: Option<SpanSet>,
    #[prost(message, repeated, tag = "7")]
    pub span_sets: Vec<SpanSet>,
    #[prost(map = "string, message", tag = "8")]
    pub service_stats: HashMap<String, ServiceStats>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SpanSet {
    #[prost(message, repeated, tag = "1")]
    pub spans: Vec<Span>,
    #[prost(uint32, tag = "2")]
    pub matched: u32,
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Span {
    #[prost(string, tag = "1")]
    pub span_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(uint64, tag = "3")]
    pub start_time_unix_nano: u64,
    #[prost(uint64, tag = "4")]
    pub duration_nanos: u64,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<KeyValue>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct ServiceStats {
    #[prost(uint32, tag = "1")]
    pub span_count: u32,
    #[prost(uint32, tag = "2")]
    pub error_count: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct SearchMetrics {
    #[prost(uint32, tag = "1")]
    pub inspected_traces: u32,
    #[prost(uint32, tag = "4")]
    pub completed_jobs: u32,
    #[prost(uint32, tag = "5")]
    pub total_jobs: u32,
    #[prost(uint64, tag = "7")]
    pub inspected_spans: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TagsRequest {
    #[prost(string, tag = "1")]
    pub scope: String,
    #[prost(string, tag = "2")]
    pub query: String,
    #[prost(uint32, tag = "3")]
    pub start: u32,
    #[prost(uint32, tag = "4")]
    pub end: u32,
    #[prost(uint32, tag = "5")]
    pub max_tags_per_scope: u32,
}

/// Names, or values: both answers of the older calls.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Texts {
    #[prost(string, repeated, tag = "1")]
    pub texts: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TagsV2Response {
    #[prost(message, repeated, tag = "1")]
    pub scopes: Vec<TagsScope>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TagsScope {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, repeated, tag = "2")]
    pub tags: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TagValuesRequest {
    #[prost(string, tag = "1")]
    pub tag_name: String,
    #[prost(string, tag = "2")]
    pub query: String,
    #[prost(uint32, tag = "4")]
    pub start: u32,
    #[prost(uint32, tag = "5")]
    pub end: u32,
    #[prost(uint32, tag = "6")]
    pub max_tag_values: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TagValuesV2Response {
    #[prost(message, repeated, tag = "1")]
    pub tag_values: Vec<TagValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TagValue {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QueryRangeRequest {
    #[prost(string, tag = "1")]
    pub query: String,
    /// Nanoseconds, as are the end and the step.
    #[prost(uint64, tag = "2")]
    pub start: u64,
    #[prost(uint64, tag = "3")]
    pub end: u64,
    #[prost(uint64, tag = "4")]
    pub step: u64,
    #[prost(uint32, tag = "16")]
    pub exemplars: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QueryInstantRequest {
    #[prost(string, tag = "1")]
    pub query: String,
    #[prost(uint64, tag = "2")]
    pub start: u64,
    #[prost(uint64, tag = "3")]
    pub end: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QueryRangeResponse {
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<TimeSeries>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    #[prost(enumeration = "Status", tag = "3")]
    pub status: i32,
    #[prost(string, tag = "4")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// What readers of Grafana 11 name a series by.
    #[prost(string, tag = "3")]
    pub prom_labels: String,
    #[prost(message, repeated, tag = "4")]
    pub exemplars: Vec<Exemplar>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub value: f64,
    #[prost(int64, tag = "2")]
    pub timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    pub value: f64,
    #[prost(int64, tag = "3")]
    pub timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct QueryInstantResponse {
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<InstantSeries>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<SearchMetrics>,
    #[prost(enumeration = "Status", tag = "3")]
    pub status: i32,
    #[prost(string, tag = "4")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InstantSeries {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    pub value: f64,
    #[prost(string, tag = "3")]
    pub prom_labels: String,
}

impl SearchRequest {
    pub(super) fn params(&self) -> Params {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let tags = self.tags.iter().map(|(key, value)| format!("{key}={}", quoted(value)));
        let millis = |millis: u32| if millis == 0 { String::new() } else { format!("{millis}ms") };
        params([
            ("q", self.query.clone()),
            ("tags", tags.collect::<Vec<_>>().join(" ")),
            ("minDuration", millis(self.min_duration_ms)),
            ("maxDuration", millis(self.max_duration_ms)),
            ("limit", self.limit.to_string()),
            ("spss", self.spans_per_span_set.to_string()),
            ("start", self.start.to_string()),
            ("end", self.end.to_string()),
        ])
    }
}

impl TagsRequest {
    pub(super) fn params(&self) -> Params {
        let mut params = of_tags(&self.query, self.start, self.end, self.max_tags_per_scope);
        params.0.push(("scope".to_owned(), self.scope.clone()));
        params
    }
}

impl TagValuesRequest {
    pub(super) fn params(&self) -> Params {
        of_tags(&self.query, self.start, self.end, self.max_tag_values)
    }
}

fn of_tags(query: &str, start: u32, end: u32, limit: u32) -> Params {
    params([
        ("q", query.to_owned()),
        ("start", start.to_string()),
        ("end", end.to_string()),
        ("limit", limit.to_string()),
    ])
}

impl QueryRangeRequest {
    pub(super) fn params(&self) -> Params {
        let step = if self.step == 0 { String::new() } else { format!("{}ns", self.step) };
        params([
            ("q", self.query.clone()),
            ("start", self.start.to_string()),
            ("end", self.end.to_string()),
            ("step", step),
            ("exemplars", self.exemplars.to_string()),
        ])
    }
}

impl QueryInstantRequest {
    pub(super) fn params(&self) -> Params {
        params([("q", self.query.clone()), ("start", self.start.to_string()), ("end", self.end.to_string())])
    }
}

impl SearchResponse {
    /// Some traces, with more to come.
    pub(super) fn early(traces: &[search::TraceMetadata]) -> SearchResponse {
        let metrics = SearchMetrics { total_jobs: 1, ..SearchMetrics::default() };
        SearchResponse { traces: traces.iter().map(TraceMetadata::from).collect(), metrics: Some(metrics) }
    }
}

impl From<search::SearchResponse> for SearchResponse {
    fn from(answer: search::SearchResponse) -> SearchResponse {
        let metrics = SearchMetrics {
            inspected_traces: answer.metrics.inspected_traces,
            inspected_spans: answer.metrics.inspected_spans,
            completed_jobs: answer.metrics.completed_jobs,
            total_jobs: answer.metrics.total_jobs,
        };
        let traces = answer.traces.iter().map(TraceMetadata::from).collect();
        SearchResponse { traces, metrics: Some(metrics) }
    }
}

impl From<&search::TraceMetadata> for TraceMetadata {
    fn from(trace: &search::TraceMetadata) -> TraceMetadata {
        let stats = trace.service_stats.iter().map(|(service, stats)| {
            let counts = ServiceStats { span_count: stats.span_count, error_count: stats.error_count };
            (service.clone(), counts)
        });
        TraceMetadata {
            trace_id: trace.trace_id.clone(),
            root_service_name: trace.root_service_name.clone(),
            root_trace_name: trace.root_trace_name.clone(),
            start_time_unix_nano: trace.start_time_unix_nano,
            duration_ms: trace.duration_ms,
            span_set: trace.span_set.as_ref().map(SpanSet::from),
            span_sets: trace.span_sets.iter().map(SpanSet::from).collect(),
            service_stats: stats.collect(),
        }
    }
}

impl From<&search::SpanSet> for SpanSet {
    fn from(set: &search::SpanSet) -> SpanSet {
        let spans = set.spans.iter().map(|span| Span {
            span_id: span.span_id.clone(),
            name: span.name.clone(),
            start_time_unix_nano: span.start_time_unix_nano,
            duration_nanos: span.duration_nanos,
            attributes: labels(&span.attributes),
        });
        SpanSet { spans: spans.collect(), matched: set.matched, attributes: labels(&set.attributes) }
    }
}

impl From<RangeResponse> for QueryRangeResponse {
    fn from(answer: RangeResponse) -> QueryRangeResponse {
        let series = answer.series.into_iter().map(|series| TimeSeries {
            labels: labels(&series.labels),
            samples: series
                .samples
                .iter()
                .map(|sample| Sample { value: sample.value, timestamp_ms: millis(sample.timestamp_ms) })
                .collect(),
            prom_labels: series.prom_labels,
            exemplars: series
                .exemplars
                .iter()
                .map(|exemplar| Exemplar {
                    labels: labels(&exemplar.labels),
                    value: exemplar.value,
                    timestamp_ms: millis(exemplar.timestamp_ms),
                })
                .collect(),
        });
        let status = if answer.message.is_empty() { Status::Complete } else { Status::Partial };
        QueryRangeResponse {
            series: series.collect(),
            metrics: Some(jobs(&answer.metrics)),
            status: status as i32,
            message: answer.message,
        }
    }
}

impl From<InstantResponse> for QueryInstantResponse {
    fn from(answer: InstantResponse) -> QueryInstantResponse {
        let series = answer.series.into_iter().map(|series| InstantSeries {
            labels: labels(&series.labels),
            value: series.value,
            prom_labels: series.prom_labels,
        });
        let status = if answer.message.is_empty() { Status::Complete } else { Status::Partial };
        QueryInstantResponse {
            series: series.collect(),
            metrics: Some(jobs(&answer.metrics)),
            status: status as i32,
            message: answer.message,
        }
    }
}

fn jobs(jobs: &Jobs) -> SearchMetrics {
    SearchMetrics {
        completed_jobs: jobs.completed_jobs,
        total_jobs: jobs.total_jobs,
        ..SearchMetrics::default()
    }
}

fn millis(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn labels(pairs: &[search::KeyValue]) -> Vec<KeyValue> {
    let label = |pair: &search::KeyValue| {
        let value = match pair.value.clone() {
            search::AnyValue::Text(text) => Value::StringValue(text),
            search::AnyValue::Int(int) => Value::IntValue(int),
            search::AnyValue::Double(double) => Value::DoubleValue(double),
            search::AnyValue::Bool(flag) => Value::BoolValue(flag),
        };
        let value = Some(AnyValue { value: Some(value) });
        KeyValue { key: pair.key.clone(), value, ..KeyValue::default() }
    };
    pairs.iter().map(label).collect()
}
