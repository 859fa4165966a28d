//! Good OTLP requests, over both protocols and in both encodings.

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use spandrel_store::{Receiver, RecordBody};
use tonic::codec::CompressionEncoding;

use crate::harness::{Harness, PROTOBUF, one_span, text, valid_span};

#[tokio::test]
async fn a_span_in_protobuf_over_http_is_kept_as_it_was_sent() {
    let harness = Harness::start().await;
    let mut span = valid_span("GET /orders/{id}");
    span.attributes.push(text("order.id", "4711"));
    let answer = harness.post_spans(&one_span(span.clone())).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], PROTOBUF.1);
    assert_eq!(ExportTraceServiceResponse::decode(answer.body), Ok(ExportTraceServiceResponse::default()));
    let records = harness.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].body, RecordBody::Span(Box::new(span)));
    assert_eq!(records[0].service(), "orders");
    assert_eq!(records[0].resource.schema_url, "https://example.com/schema");
    assert_eq!(records[0].scope.scope.as_ref().unwrap().name, "tests");
    assert_eq!(records[0].receiver, Receiver::OtlpHttp);
    let labels = [("receiver", "otlp_http"), ("signal", "traces")];
    assert_eq!(harness.counter("spandrel_receiver_accepted_records_total", &labels), 1);
}

#[tokio::test]
async fn a_span_over_grpc_is_kept_plain_and_compressed() {
    let harness = Harness::start().await;
    for compression in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let response = client.export(one_span(valid_span("over grpc"))).await.unwrap();
        assert_eq!(response.into_inner(), ExportTraceServiceResponse::default());
    }
    assert_eq!(harness.records().len(), 3);
    assert!(harness.records().iter().all(|record| record.receiver == Receiver::OtlpGrpc));
}
