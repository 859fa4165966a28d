//! Good OTLP requests, over both protocols and in both encodings.

use http::StatusCode;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use spandrel_store::{Level, Receiver, RecordBody};
use tonic::codec::CompressionEncoding;

use crate::harness::{Harness, JSON, PROTOBUF, gzip, one_span, text, valid_span};

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

#[tokio::test]
async fn every_compression_of_http_is_taken() {
    use std::io::Write as _;
    let body = one_span(valid_span("compressed")).encode_to_vec();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&body).unwrap();
    raw.write_all(&body).unwrap();
    let bodies = [
        ("identity", body.clone()),
        ("gzip", gzip(&body)),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
        ("zstd", zstd::bulk::compress(&body, 3).unwrap()),
    ];
    let harness = Harness::start().await;
    for (encoding, body) in bodies {
        let answer = harness.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], body).await;
        assert_eq!(answer.status, StatusCode::OK, "{encoding}");
    }
    let labels = [("receiver", "otlp_http"), ("signal", "traces")];
    assert_eq!(harness.counter("spandrel_receiver_accepted_records_total", &labels), 5);
}

#[tokio::test]
async fn spans_and_logs_in_json_are_kept() {
    let harness = Harness::start().await;
    let spans = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","name":"GET","startTimeUnixNano":"1544712660000000000"}]}]}]}"#;
    let logs = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"Error",
        "body":{"stringValue":"boom"},"timeUnixNano":1544712660000000000}]}]}]}"#;
    for (path, body) in [("/v1/traces", spans), ("/v1/logs", logs)] {
        let answer = harness.post(path, &[JSON], body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, serde_json::json!({})));
    }
    let records = harness.records();
    assert_eq!(records.len(), 2);
    assert!(records.iter().any(|record| record.level == Some(Level::Error)));
}

#[tokio::test]
async fn logs_and_metrics_over_grpc_are_answered() {
    let harness = Harness::start().await;
    let address = format!("http://{}", harness.grpc);
    let log = LogRecord { time_unix_nano: 1_700_000_000_000_000_000, ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![log], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let mut logs = LogsServiceClient::connect(address.clone()).await.unwrap();
    logs.export(ExportLogsServiceRequest { resource_logs }).await.unwrap();
    let mut metrics = MetricsServiceClient::connect(address).await.unwrap();
    let answer = metrics.export(ExportMetricsServiceRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
    assert_eq!(harness.records().len(), 1);
}
