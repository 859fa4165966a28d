//! Jaeger's v3 over gRPC, as Jaeger's own clients ask.

use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;
use tonic::Code;

use crate::fixture::Sidecar;
use crate::grpc::{Question, stream, unary};

const CHECKOUT: &str = "5b8efff798038103d269b633813fc60c";

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

const DAY: [i64; 2] = [1_767_225_600, 1_767_312_000];

/// The numbers of `jaeger.api_v3.TraceQueryParameters`.
const SERVICE: u32 = 1;
const ATTRIBUTES: u32 = 3;
const DURATION_MIN: u32 = 6;
const FILTER: u32 = 10;

/// For traces of one day.
fn of_the_day() -> Question {
    Question::default().time(4, DAY[0], 0).time(5, DAY[1], 0).int(8, 10)
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
    // With raw traces asked for.
    let asked = Question::default().text(1, CHECKOUT).int(4, 1);
    let answers: Vec<TracesData> = stream(&sidecar.router, path, asked).await.unwrap();
    assert_eq!(spans(&answers), 4);
    let asked = Question::default().text(1, "0123");
    let refused = stream::<_, TracesData>(&sidecar.router, path, asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let asked = Question::default().text(1, "nonsense");
    let refused = stream::<_, TracesData>(&sidecar.router, path, asked).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn traces_are_found_and_summed_up() {
    let sidecar = Sidecar::with_shop().await;
    let path = "/jaeger.api_v3.QueryService/FindTraces";
    let found = async |query: Question| {
        let asked = Question::default().with(1, &query);
        spans(&stream::<_, TracesData>(&sidecar.router, path, asked).await.unwrap())
    };
    assert_eq!(found(of_the_day().text(SERVICE, "payment")).await, 4);
    assert_eq!(found(of_the_day().pair(ATTRIBUTES, "error", "true")).await, 4);
    assert_eq!(found(of_the_day().text(SERVICE, "nobody")).await, 0);
    assert_eq!(found(of_the_day().text(SERVICE, "cart").time(DURATION_MIN, 1, 200_000_000)).await, 2);
    for refused in [Question::default(), of_the_day().with(FILTER, &Question::default())] {
        let asked = Question::default().with(1, &refused);
        let refused = stream::<_, TracesData>(&sidecar.router, path, asked).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }

    let path = "/jaeger.api_v3.QueryService/FindTraceSummaries";
    let asked = Question::default().with(1, &of_the_day().text(SERVICE, "payment"));
    let answers: Vec<Summaries> = stream(&sidecar.router, path, asked).await.unwrap();
    let summary = &answers[0].summaries[0];
    assert_eq!((summary.trace_id.as_str(), summary.root_service_name.as_str()), (CHECKOUT, "gateway"));
    assert_eq!((summary.span_count, summary.error_span_count, summary.orphan_span_count), (4, 3, 0));
    assert_eq!(summary.max_end_time_unix_nano - summary.min_start_time_unix_nano, 300_000_000);
}

#[tokio::test]
async fn services_operations_and_dependencies_are_told() {
    let sidecar = Sidecar::with_shop().await;
    let services: Texts =
        unary(&sidecar.router, "/jaeger.api_v3.QueryService/GetServices", Question::default()).await.unwrap();
    assert_eq!(services.texts, ["cart", "gateway", "payment", "worker"]);
    let path = "/jaeger.api_v3.QueryService/GetOperations";
    let asked = Question::default().text(1, "gateway").text(2, "client");
    let operations: Rows = unary(&sidecar.router, path, asked).await.unwrap();
    let row = &operations.rows[0];
    assert_eq!(
        (operations.rows.len(), row.first.as_str(), row.second.as_str()),
        (1, "POST /charge", "client")
    );
    let refused = unary::<_, Rows>(&sidecar.router, path, Question::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let path = "/jaeger.api_v3.QueryService/GetDependencies";
    let asked = Question::default().time(1, DAY[0], 0).time(2, DAY[1], 0);
    let links: Rows = unary(&sidecar.router, path, asked).await.unwrap();
    let link = &links.rows[0];
    assert_eq!((link.first.as_str(), link.second.as_str(), link.count), ("gateway", "payment", 1));
}
