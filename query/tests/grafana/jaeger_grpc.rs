//! Jaeger's v3 over gRPC, as Jaeger's own clients ask.

use std::collections::HashMap;

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tonic::Code;

use crate::fixture::Sidecar;
use crate::grpc::{stream, unary};

const CHECKOUT: &str = "5b8efff798038103d269b633813fc60c";

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct GetTrace {
    #[prost(string, tag = "1")]
    trace_id: String,
    #[prost(message, optional, tag = "2")]
    start_time: Option<Time>,
    #[prost(bool, tag = "4")]
    raw_traces: bool,
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
    #[prost(int32, tag = "8")]
    search_depth: i32,
    #[prost(message, optional, tag = "10")]
    filter: Option<Time>,
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
    #[prost(fixed64, tag = "4")]
    min_start_time_unix_nano: u64,
    #[prost(fixed64, tag = "5")]
    max_end_time_unix_nano: u64,
    #[prost(int32, tag = "6")]
    span_count: i32,
    #[prost(int32, tag = "7")]
    error_span_count: i32,
    #[prost(int32, tag = "8")]
    orphan_span_count: i32,
}

/// Any answer that is texts, or pairs of them, in its first field.
#[derive(Clone, PartialEq, Message)]
struct Texts {
    #[prost(string, repeated, tag = "1")]
    texts: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Rows {
    #[prost(message, repeated, tag = "1")]
    rows: Vec<Row>,
}

#[derive(Clone, PartialEq, Message)]
struct Row {
    #[prost(string, tag = "1")]
    first: String,
    #[prost(string, tag = "2")]
    second: String,
    #[prost(uint64, tag = "3")]
    count: u64,
}

#[derive(Clone, PartialEq, Message)]
struct TwoTexts {
    #[prost(string, tag = "1")]
    first: String,
    #[prost(string, tag = "2")]
    second: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct TwoTimes {
    #[prost(message, optional, tag = "1")]
    first: Option<Time>,
    #[prost(message, optional, tag = "2")]
    second: Option<Time>,
}

fn day() -> Query {
    let time = |seconds| Some(Time { seconds, nanos: 0 });
    Query {
        start_time_min: time(1_767_225_600),
        start_time_max: time(1_767_312_000),
        search_depth: 10,
        ..Query::default()
    }
}

fn spans(answers: &[TracesData]) -> usize {
    let scopes =
        answers.iter().flat_map(|data| &data.resource_spans).flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

#[tokio::test]
async fn a_trace_is_told_in_otlp() {
    let sidecar = Sidecar::with_shop().await;
    let path = "/jaeger.api_v3.QueryService/GetTrace";
    let asked = GetTrace { trace_id: CHECKOUT.to_owned(), raw_traces: true, ..GetTrace::default() };
    let answers: Vec<TracesData> = stream(&sidecar.router, path, asked).await.unwrap();
    assert_eq!(spans(&answers), 4);
    let asked = GetTrace { trace_id: "0123".to_owned(), ..GetTrace::default() };
    let refused = stream::<_, TracesData>(&sidecar.router, path, asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let asked = GetTrace { trace_id: "nonsense".to_owned(), ..GetTrace::default() };
    let refused = stream::<_, TracesData>(&sidecar.router, path, asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn traces_are_found_and_summed_up() {
    let sidecar = Sidecar::with_shop().await;
    let path = "/jaeger.api_v3.QueryService/FindTraces";
    let found = async |query: Query| {
        let answers: Vec<TracesData> =
            stream(&sidecar.router, path, Find { query: Some(query) }).await.unwrap();
        spans(&answers)
    };
    assert_eq!(found(Query { service_name: "payment".to_owned(), ..day() }).await, 4);
    let error = HashMap::from([("error".to_owned(), "true".to_owned())]);
    assert_eq!(found(Query { attributes: error, ..day() }).await, 4);
    assert_eq!(found(Query { service_name: "nobody".to_owned(), ..day() }).await, 0);
    let long = Some(Time { seconds: 1, nanos: 200_000_000 });
    assert_eq!(found(Query { service_name: "cart".to_owned(), duration_min: long, ..day() }).await, 2);
    for refused in [Query::default(), Query { filter: Some(Time::default()), ..day() }] {
        let refused = stream::<_, TracesData>(&sidecar.router, path, Find { query: Some(refused) }).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }

    let path = "/jaeger.api_v3.QueryService/FindTraceSummaries";
    let query = Some(Query { service_name: "payment".to_owned(), ..day() });
    let answers: Vec<Summaries> = stream(&sidecar.router, path, Find { query }).await.unwrap();
    let summary = &answers[0].summaries[0];
    assert_eq!((summary.trace_id.as_str(), summary.root_service_name.as_str()), (CHECKOUT, "gateway"));
    assert_eq!((summary.span_count, summary.error_span_count, summary.orphan_span_count), (4, 3, 0));
    assert_eq!(summary.max_end_time_unix_nano - summary.min_start_time_unix_nano, 300_000_000);
}

#[tokio::test]
async fn services_operations_and_dependencies_are_told() {
    let sidecar = Sidecar::with_shop().await;
    let services: Texts =
        unary(&sidecar.router, "/jaeger.api_v3.QueryService/GetServices", Time::default()).await.unwrap();
    assert_eq!(services.texts, ["cart", "gateway", "payment", "worker"]);
    let path = "/jaeger.api_v3.QueryService/GetOperations";
    let asked = TwoTexts { first: "gateway".to_owned(), second: "client".to_owned() };
    let operations: Rows = unary(&sidecar.router, path, asked).await.unwrap();
    let row = &operations.rows[0];
    assert_eq!(
        (operations.rows.len(), row.first.as_str(), row.second.as_str()),
        (1, "POST /charge", "client")
    );
    let refused = unary::<_, Rows>(&sidecar.router, path, TwoTexts::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let path = "/jaeger.api_v3.QueryService/GetDependencies";
    let asked = TwoTimes { first: day().start_time_min, second: day().start_time_max };
    let links: Rows = unary(&sidecar.router, path, asked).await.unwrap();
    let link = &links.rows[0];
    assert_eq!((link.first.as_str(), link.second.as_str(), link.count), ("gateway", "payment", 1));
}
