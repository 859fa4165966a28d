//! Tempo's streaming service, which Grafana asks when streaming is switched on.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tonic::Code;

use crate::fixture::Sidecar;
use crate::grpc::stream;

const SEARCH: &str = "/tempopb.StreamingQuerier/Search";
const START: u32 = 1_767_268_800;
const SECOND_NS: u64 = 1_000_000_000;

#[derive(Clone, PartialEq, Message)]
struct Search {
    #[prost(uint32, tag = "4")]
    limit: u32,
    #[prost(uint32, tag = "5")]
    start: u32,
    #[prost(uint32, tag = "6")]
    end: u32,
    #[prost(string, tag = "8")]
    query: String,
    #[prost(uint32, tag = "9")]
    spans_per_span_set: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Found {
    #[prost(message, repeated, tag = "1")]
    traces: Vec<Trace>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<Metrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Metrics {
    #[prost(uint32, tag = "4")]
    completed_jobs: u32,
    #[prost(uint32, tag = "5")]
    total_jobs: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Trace {
    #[prost(string, tag = "1")]
    trace_id: String,
    #[prost(string, tag = "2")]
    root_service_name: String,
    #[prost(string, tag = "3")]
    root_trace_name: String,
    #[prost(uint64, tag = "4")]
    start_time_unix_nano: u64,
    #[prost(uint32, tag = "5")]
    duration_ms: u32,
    #[prost(message, repeated, tag = "7")]
    span_sets: Vec<SpanSet>,
}

#[derive(Clone, PartialEq, Message)]
struct SpanSet {
    #[prost(message, repeated, tag = "1")]
    spans: Vec<Span>,
    #[prost(uint32, tag = "2")]
    matched: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(string, tag = "1")]
    span_id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(uint64, tag = "4")]
    duration_nanos: u64,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Tags {
    #[prost(string, tag = "1")]
    scope: String,
    #[prost(uint32, tag = "5")]
    max_tags_per_scope: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Values {
    #[prost(string, tag = "1")]
    tag_name: String,
    #[prost(string, tag = "2")]
    query: String,
}

/// Both the names and the values of the older calls.
#[derive(Clone, PartialEq, Message)]
struct Texts {
    #[prost(string, repeated, tag = "1")]
    texts: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Pairs {
    #[prost(message, repeated, tag = "1")]
    pairs: Vec<Pair>,
}

/// A scope's name and tags, or a value's type and the value: the same on the wire.
#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    first: String,
    #[prost(string, repeated, tag = "2")]
    second: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Range {
    #[prost(string, tag = "1")]
    query: String,
    #[prost(uint64, tag = "2")]
    start: u64,
    #[prost(uint64, tag = "3")]
    end: u64,
    #[prost(uint64, tag = "4")]
    step: u64,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesFound {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Series>,
    #[prost(message, optional, tag = "2")]
    metrics: Option<Metrics>,
}

#[derive(Clone, PartialEq, Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<KeyValue>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<KeyValue>,
    #[prost(int64, tag = "3")]
    timestamp_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct InstantFound {
    #[prost(message, repeated, tag = "1")]
    series: Vec<Instant>,
}

#[derive(Clone, PartialEq, Message)]
struct Instant {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<KeyValue>,
    #[prost(double, tag = "2")]
    value: f64,
}

fn text(pair: &KeyValue) -> String {
    match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => format!("{}={text}", pair.key),
        other => format!("{}={other:?}", pair.key),
    }
}

#[tokio::test]
async fn a_search_streams_every_trace_once_the_newest_first() {
    let sidecar = Sidecar::with_shop().await;
    // As "Save & test" asks.
    let asked =
        Search { query: "{}".to_owned(), limit: 1, start: START, end: START + 900, ..Search::default() };
    let answers: Vec<Found> = stream(&sidecar.router, SEARCH, asked).await.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.traces.len()).sum::<usize>(), 1);

    let query = "{ status = error } | select(resource.service.name)".to_owned();
    let asked = Search { query, limit: 20, spans_per_span_set: 10, ..Search::default() };
    let answers: Vec<Found> = stream(&sidecar.router, SEARCH, asked).await.unwrap();
    let last = answers.last().unwrap().metrics.as_ref().unwrap();
    assert_eq!((last.completed_jobs, last.total_jobs), (1, 1));
    let traces: Vec<&Trace> = answers.iter().flat_map(|answer| &answer.traces).collect();
    assert_eq!(traces.len(), 1);
    let trace = traces[0];
    assert_eq!(trace.trace_id, "5b8efff798038103d269b633813fc60c");
    assert_eq!(
        (trace.root_service_name.as_str(), trace.root_trace_name.as_str()),
        ("gateway", "GET /checkout")
    );
    assert_eq!((trace.start_time_unix_nano, trace.duration_ms), (u64::from(START) * SECOND_NS, 300));
    let set = &trace.span_sets[0];
    assert_eq!((set.matched, set.spans.len()), (3, 3));
    assert_eq!((set.spans[0].span_id.len(), set.spans[0].name.as_str()), (16, "GET /checkout"));
    let attributes: Vec<String> = set.spans[0].attributes.iter().map(text).collect();
    assert_eq!(attributes, ["status=error", "service.name=gateway"]);
}

#[tokio::test]
async fn nothing_found_is_a_clean_end_and_a_mistake_a_status() {
    let sidecar = Sidecar::empty().await;
    let asked = Search { query: "{}".to_owned(), limit: 1, ..Search::default() };
    let answers: Vec<Found> = stream(&sidecar.router, SEARCH, asked).await.unwrap();
    assert!(answers.iter().all(|answer| answer.traces.is_empty()));
    let asked = Search { query: "{ status = }".to_owned(), ..Search::default() };
    let refused = stream::<_, Found>(&sidecar.router, SEARCH, asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("invalid TraceQL query: parse error"), "{}", refused.message());
}

#[tokio::test]
async fn tags_and_their_values_are_streamed() {
    let sidecar = Sidecar::with_shop().await;
    let names: Vec<Texts> =
        stream(&sidecar.router, "/tempopb.StreamingQuerier/SearchTags", Tags::default()).await.unwrap();
    assert!(names[0].texts.contains(&"service.name".to_owned()), "{names:?}");
    let asked = Tags { scope: "resource".to_owned(), ..Tags::default() };
    let scopes: Vec<Pairs> =
        stream(&sidecar.router, "/tempopb.StreamingQuerier/SearchTagsV2", asked).await.unwrap();
    assert_eq!(scopes[0].pairs.len(), 1);
    assert_eq!(scopes[0].pairs[0].first, "resource");
    assert!(scopes[0].pairs[0].second.contains(&"service.name".to_owned()));
    let asked =
        Values { tag_name: "resource.service.name".to_owned(), query: "{ status = error && }".to_owned() };
    let values: Vec<Texts> =
        stream(&sidecar.router, "/tempopb.StreamingQuerier/SearchTagValues", asked).await.unwrap();
    let mut found = values[0].texts.clone();
    found.sort();
    assert_eq!(found, ["gateway", "payment"]);
    let asked = Values { tag_name: "status".to_owned(), ..Values::default() };
    let values: Vec<Pairs> =
        stream(&sidecar.router, "/tempopb.StreamingQuerier/SearchTagValuesV2", asked).await.unwrap();
    let found: Vec<(&str, &str)> =
        values[0].pairs.iter().map(|pair| (pair.first.as_str(), pair.second[0].as_str())).collect();
    assert_eq!(found, [("keyword", "error"), ("keyword", "ok"), ("keyword", "unset")]);
}

#[tokio::test]
async fn metrics_are_streamed_as_they_are_over_http() {
    let sidecar = Sidecar::with_shop().await;
    let start = u64::from(START) * SECOND_NS;
    let query = "{} | count_over_time()".to_owned();
    let asked = Range { query: query.clone(), start, end: start + 200 * SECOND_NS, step: 100 * SECOND_NS };
    let answers: Vec<SeriesFound> =
        stream(&sidecar.router, "/tempopb.StreamingQuerier/MetricsQueryRange", asked.clone()).await.unwrap();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].metrics.as_ref().unwrap().total_jobs, 1);
    let series = &answers[0].series[0];
    assert_eq!(series.labels.iter().map(text).collect::<Vec<_>>(), ["__name__=count_over_time"]);
    let samples: Vec<(i64, f64)> = series
        .samples
        .iter()
        .map(|sample| (sample.timestamp_ms / 1_000 - i64::from(START), sample.value))
        .collect();
    assert_eq!(samples, [(0, 6.0), (100, 1.0)]);
    assert!(series.exemplars.iter().all(|one| one.labels[0].key == "trace:id" && one.timestamp_ms > 0));
    let answers: Vec<InstantFound> =
        stream(&sidecar.router, "/tempopb.StreamingQuerier/MetricsQueryInstant", asked).await.unwrap();
    assert_eq!(answers[0].series[0].value, 7.0);
}
