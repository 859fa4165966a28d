//! `jaeger.api_v3.QueryService`: the questions of v3 over gRPC, traces as OTLP.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use spandrel_store::{Record, TimeRange, UnixNanos};

use super::dependencies::links;
use super::names::{operation_names, service_names};
use super::v3::{self, spans_found, spans_of, summaries_found};
use crate::api::App;
use crate::grafana::grpc::{Messages, once, streaming, unary};
use crate::grafana::params::Params;
use crate::grafana::refusal::Refusal;
use crate::render::otlp::resource_spans;

pub(super) fn routes() -> Router<Arc<App>> {
    let path = |call: &str| format!("/jaeger.api_v3.QueryService/{call}");
    Router::new()
        .route(&path("GetTrace"), streaming(get_trace))
        .route(&path("FindTraces"), streaming(find_traces))
        .route(&path("FindTraceSummaries"), streaming(find_trace_summaries))
        .route(&path("GetServices"), unary(get_services))
        .route(&path("GetOperations"), unary(get_operations))
        .route(&path("GetDependencies"), unary(get_dependencies))
}

/// `google.protobuf.Timestamp` and `Duration`, which are the same on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The times of a trace's spans are hints, of which there is no need here.
#[derive(Clone, PartialEq, Message)]
struct TraceAsk {
    #[prost(string, tag = "1")]
    trace_id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Find {
    #[prost(message, optional, tag = "1")]
    query: Option<Query>,
}

#[derive(Clone, PartialEq, Message)]
struct Query {
    #[prost(string, tag = "1")]
    service_name: String,
    #[prost(string, tag = "2")]
    operation_name: String,
    #[prost(map = "string, string", tag = "3")]
    attributes: HashMap<String, String>,
    #[prost(message, optional, tag = "4")]
    start_time_min: Option<Time>,
    #[prost(message, optional, tag = "5")]
    start_time_max: Option<Time>,
    #[prost(message, optional, tag = "6")]
    duration_min: Option<Time>,
    #[prost(message, optional, tag = "7")]
    duration_max: Option<Time>,
    #[prost(int32, tag = "8")]
    search_depth: i32,
    /// A structured filter, which is refused.
    #[prost(bytes = "vec", optional, tag = "10")]
    filter: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(string, repeated, tag = "1")]
    services: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct OperationsAsk {
    #[prost(string, tag = "1")]
    service: String,
    #[prost(string, tag = "2")]
    span_kind: String,
}

#[derive(Clone, PartialEq, Message)]
struct Operations {
    #[prost(message, repeated, tag = "1")]
    operations: Vec<Operation>,
}

#[derive(Clone, PartialEq, Message)]
struct Operation {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    span_kind: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct DependenciesAsk {
    #[prost(message, optional, tag = "1")]
    start_time: Option<Time>,
    #[prost(message, optional, tag = "2")]
    end_time: Option<Time>,
}

#[derive(Clone, PartialEq, Message)]
struct Dependencies {
    #[prost(message, repeated, tag = "1")]
    dependencies: Vec<Dependency>,
}

#[derive(Clone, PartialEq, Message)]
struct Dependency {
    #[prost(string, tag = "1")]
    parent: String,
    #[prost(string, tag = "2")]
    child: String,
    #[prost(uint64, tag = "3")]
    call_count: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Summaries {
    #[prost(message, repeated, tag = "1")]
    summaries: Vec<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(string, tag = "1")]
    trace_id: String,
    #[prost(string, tag = "2")]
    root_service_name: String,
    #[prost(string, tag = "3")]
    root_operation_name: String,
    #[prost(fixed64, tag = "4")]
    min_start_time_unix_nano: u64,
    #[prost(fixed64, tag = "5")]
    max_end_time_unix_nano: u64,
    #[prost(uint32, tag = "6")]
    span_count: u32,
    #[prost(uint32, tag = "7")]
    error_span_count: u32,
    #[prost(uint32, tag = "8")]
    orphan_span_count: u32,
    #[prost(message, repeated, tag = "9")]
    services: Vec<ServiceSummary>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceSummary {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    span_count: u32,
    #[prost(uint32, tag = "3")]
    error_span_count: u32,
}

fn get_trace(app: Arc<App>, ask: TraceAsk) -> Messages<TracesData> {
    once(async move { Ok(traces_data(&spans_of(&app, &ask.trace_id).await?)) })
}

fn find_traces(app: Arc<App>, ask: Find) -> Messages<TracesData> {
    once(async move {
        match spans_found(&app, &ask.params()?).await {
            Ok(spans) => Ok(traces_data(&spans)),
            // A stream without traces says that there are none.
            Err(refusal) if refusal.status == http::StatusCode::NOT_FOUND => Ok(TracesData::default()),
            Err(refusal) => Err(refusal),
        }
    })
}

fn traces_data(spans: &[Arc<Record>]) -> TracesData {
    TracesData { resource_spans: resource_spans(spans) }
}

fn find_trace_summaries(app: Arc<App>, ask: Find) -> Messages<Summaries> {
    once(async move {
        let found = summaries_found(&app, &ask.params()?).await?;
        Ok(Summaries { summaries: found.into_iter().map(Summary::from).collect() })
    })
}

async fn get_services(app: Arc<App>, _: Nothing) -> Result<Services, Refusal> {
    Ok(Services { services: service_names(&app).await? })
}

async fn get_operations(app: Arc<App>, ask: OperationsAsk) -> Result<Operations, Refusal> {
    if ask.service.is_empty() {
        return Err(Refusal::bad("service: required"));
    }
    let kind = Some(ask.span_kind.as_str()).filter(|kind| !kind.is_empty());
    let names = operation_names(&app, &ask.service, kind).await?.into_iter();
    Ok(Operations { operations: names.map(|(name, span_kind)| Operation { name, span_kind }).collect() })
}

async fn get_dependencies(app: Arc<App>, ask: DependenciesAsk) -> Result<Dependencies, Refusal> {
    let time = |time: Option<Time>, name: &str| {
        let nanos = time.and_then(Time::nanos).ok_or_else(|| Refusal::bad(format!("{name}: required")));
        nanos.map(UnixNanos)
    };
    let range =
        TimeRange { start: time(ask.start_time, "start_time")?, end: time(ask.end_time, "end_time")? };
    let links = links(&app, range).await?.into_iter();
    let dependencies =
        links.map(|link| Dependency { parent: link.parent, child: link.child, call_count: link.calls });
    Ok(Dependencies { dependencies: dependencies.collect() })
}

impl Time {
    /// Since 1970, or how long; `None` for what is before or below zero.
    fn nanos(self) -> Option<u64> {
        let nanos = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
        u64::try_from(nanos).ok()
    }
}

impl Find {
    /// The same question as parameters over HTTP.
    fn params(&self) -> Result<Params, Refusal> {
        let query = self.query.clone().unwrap_or_default();
        let text = |time: Option<Time>, unit: &str| {
            time.and_then(Time::nanos).map_or_else(String::new, |nanos| format!("{nanos}{unit}"))
        };
        let attributes = match query.attributes.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&query.attributes)
                .map_err(|error| Refusal::bad(format!("attributes: {error}")))?,
        };
        let depth = if query.search_depth > 0 { query.search_depth.to_string() } else { String::new() };
        let filter = if query.filter.is_some() { "given" } else { "" };
        let pairs = [
            ("serviceName", query.service_name),
            ("operationName", query.operation_name),
            ("attributes", attributes),
            ("startTimeMin", text(query.start_time_min, "")),
            ("startTimeMax", text(query.start_time_max, "")),
            ("durationMin", text(query.duration_min, "ns")),
            ("durationMax", text(query.duration_max, "ns")),
            ("searchDepth", depth),
            ("filter", filter.to_owned()),
        ];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        Ok(Params(given.map(|(name, value)| (format!("query.{name}"), value)).collect()))
    }
}

impl From<v3::Summary> for Summary {
    fn from(summary: v3::Summary) -> Summary {
        let services = summary.services.into_iter().map(|service| ServiceSummary {
            name: service.name,
            span_count: service.span_count,
            error_span_count: service.error_span_count,
        });
        Summary {
            trace_id: summary.trace_id,
            root_service_name: summary.root_service_name,
            root_operation_name: summary.root_operation_name,
            min_start_time_unix_nano: summary.min_start_time_unix_nano,
            max_end_time_unix_nano: summary.max_end_time_unix_nano,
            span_count: summary.span_count,
            error_span_count: summary.error_span_count,
            orphan_span_count: summary.orphan_span_count,
            services: services.collect(),
        }
    }
}
