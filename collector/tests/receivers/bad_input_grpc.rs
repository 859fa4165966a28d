//! Bad input over gRPC: no status that makes a client resend what can never be taken, and the next good
//! request is served.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{
    Called, Harness, TRACE_EXPORT, framed, gzip, gzip_bomb, one_span, spans, text, valid_span,
};

async fn assert_refused(harness: &Harness, called: &Called, code: Code, reason: &str) {
    assert_eq!(called.status.code(), code, "{}", called.status.message());
    assert!(!called.status.message().is_empty());
    assert!(called.status.details().is_empty(), "a client must not send this again");
    assert!(called.message.is_empty());
    assert_eq!(harness.requests_refused("otlp_grpc", reason), 1);
    let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
    client.export(one_span(valid_span("afterwards"))).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_decoded_is_invalid_argument() {
    let bodies = [
        framed(false, b"definitely not protobuf"),
        framed(true, b"not gzip"),
        framed(true, &gzip(b"definitely not protobuf")),
        vec![7, 0, 0, 0, 0],
        vec![0, 0, 0, 0, 9, 1],
        vec![0, 0],
        Vec::new(),
        [framed(false, b""), framed(false, b"")].concat(),
    ];
    for body in bodies {
        let harness = Harness::start().await;
        let called = harness.call(TRACE_EXPORT, &[("grpc-encoding", "gzip")], body).await;
        assert_refused(&harness, &called, Code::InvalidArgument, "undecodable").await;
    }
}

#[tokio::test]
async fn what_is_too_large_is_invalid_argument() {
    let bodies = [
        framed(false, &vec![0x0a; 64 << 20]),
        framed(false, &vec![0x0a; (20 << 20) + 1]),
        framed(true, &gzip_bomb()),
    ];
    for body in bodies {
        let harness = Harness::start().await;
        let called = harness.call(TRACE_EXPORT, &[("grpc-encoding", "gzip")], body).await;
        assert_refused(&harness, &called, Code::InvalidArgument, "too_large").await;
    }
}

#[tokio::test]
async fn a_request_of_a_real_client_that_is_too_large_is_invalid_argument() {
    let harness = Harness::start().await;
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let mut span = valid_span("large");
        span.attributes.push(text("large", &"x".repeat(64 << 20)));
        let status = client.export(one_span(span)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{}", status.message());
        client.export(one_span(valid_span("afterwards"))).await.unwrap();
    }
}

#[tokio::test]
async fn an_unknown_compression_is_unimplemented_and_names_the_known_ones() {
    let harness = Harness::start().await;
    let called = harness.call(TRACE_EXPORT, &[("grpc-encoding", "snappy")], framed(true, b"x")).await;
    assert_eq!(called.headers["grpc-accept-encoding"], "identity,deflate,gzip,zstd");
    assert_refused(&harness, &called, Code::Unimplemented, "content_encoding").await;
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let harness = Harness::start().await;
    let path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    let called = harness.call(path, &[], framed(false, b"")).await;
    assert_eq!(called.status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn only_bad_ids_are_invalid_argument_and_some_a_partial_success() {
    let harness = Harness::start().await;
    let mut bad = valid_span("bad");
    bad.span_id = vec![1; 7];
    let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
    let status = client.export(one_span(bad.clone())).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let answer = client.export(spans(vec![bad, valid_span("good")])).await.unwrap().into_inner();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("span id"));
    assert_eq!(harness.records().len(), 1);
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let harness = Harness::start().await;
    let request = ExportTraceServiceRequest::default().encode_to_vec();
    let called = harness.call(TRACE_EXPORT, &[], framed(false, &request)).await;
    assert_eq!(called.status.code(), Code::Ok);
    let message = &called.message[5..];
    assert_eq!(ExportTraceServiceResponse::decode(message), Ok(ExportTraceServiceResponse::default()));
}

#[tokio::test]
async fn health_is_served_for_the_server_and_each_service() {
    let harness = Harness::start().await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", harness.grpc)).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    for service in ["", "opentelemetry.proto.collector.logs.v1.LogsService"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = client.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, ServingStatus::Serving as i32);
    }
}
