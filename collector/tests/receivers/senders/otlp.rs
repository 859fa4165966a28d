//! Outputs of Fluent Bit and Vector for OpenTelemetry.

use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::harness::{framed, one_span, valid_span};

fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![tag << 3 | 2];
    prost::encoding::encode_varint(bytes.len() as u64, &mut field);
    [&field[..], bytes].concat()
}

fn fixed64(tag: u8, number: u64) -> Vec<u8> {
    [&[tag << 3 | 1][..], &number.to_le_bytes()].concat()
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// `resource_logs { resource {} scope_logs { scope {} log_records { … } } }`: resource and scope are there, and empty where
/// the records came from no OpenTelemetry.
fn fluent_bits_request(log_record: &[u8]) -> Vec<u8> {
    let scope_logs = [field(1, b""), field(2, log_record)].concat();
    field(1, &[field(1, b""), field(2, &scope_logs)].concat())
}

/// A record `{"log": "sold out", "SeverityText": "error", "TraceId": …, "SpanId": …}` in the order in which protobuf-c
/// packs fields.
fn fluent_bits_log_record() -> Vec<u8> {
    [
        fixed64(1, NANOS),
        field(3, b"error"),
        field(5, &field(1, b"sold out")),
        field(9, &hex(TRACE)),
        field(10, &hex(SPAN)),
    ]
    .concat()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

/// Fluent Bit's `opentelemetry`, over HTTP/1.1 as by default, then with `compress gzip` and `zstd`:
/// `plugins/out_opentelemetry/opentelemetry.c` (`opentelemetry_legacy_post`) and `opentelemetry_logs.c` (`otel_process_logs`).
#[tokio::test]
async fn fluent_bits_opentelemetry_output() {
    let plain = fluent_bits_request(&fluent_bits_log_record());
    for (body, encoding) in [
        (plain.clone(), None),
        (gzip(&plain), Some("Content-Encoding: gzip")),
        (zstd(&plain), Some("Content-Encoding: zstd")),
    ] {
        let harness = Harness::start().await;
        let head = ["POST /v1/logs", "Content-Type: application/x-protobuf", "User-Agent: Fluent-Bit"];
        let head: Vec<&str> = head.into_iter().chain(encoding).collect();
        // 200 to 205 is a success; 429, 502, 503 and 504 are sent again.
        assert_eq!(send(&harness, &head, &body).await.status, 200, "{encoding:?}");
        assert_understood(&harness, Receiver::OtlpHttp);
    }
}

/// A record in which none of `logs_body_key` is goes as a whole, as a map.
#[tokio::test]
async fn a_whole_record_of_fluent_bits_is_a_body() {
    let harness = Harness::start().await;
    let pair = |key: &str, value: &str| {
        field(1, &[field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat())
    };
    let map = field(6, &[pair("level", "error"), pair("msg", "sold out")].concat());
    let body = fluent_bits_request(&[fixed64(1, NANOS), field(5, &map)].concat());
    let head = ["POST /v1/logs", "Content-Type: application/x-protobuf", "User-Agent: Fluent-Bit"];
    assert_eq!(send(&harness, &head, &body).await.status, 200);
    let record = harness.records().remove(0);
    // The map's own message is the record's.
    assert_eq!(spandrel_store::record::log_message(record.log().unwrap()), "sold out");
}

/// The traces of a chunk, each of them a request, are written behind one another (`process_traces`): together they are one.
#[tokio::test]
async fn fluent_bits_traces_are_requests_behind_one_another() {
    let harness = Harness::start().await;
    let requests = [one_span(valid_span("first")), one_span(valid_span("second"))];
    let body = requests.map(|request| request.encode_to_vec()).concat();
    let head = ["POST /v1/traces", "Content-Type: application/x-protobuf", "User-Agent: Fluent-Bit"];
    assert_eq!(send(&harness, &head, &body).await.status, 200);
    assert_eq!(harness.records().len(), 2);
}

/// With `http2 force`, then with `grpc on` too: what was agreed on is known beforehand, the message is not compressed, and
/// nothing says that trailers are understood (`opentelemetry_post`).
#[tokio::test]
async fn fluent_bits_opentelemetry_output_over_http_2() {
    let request = fluent_bits_request(&fluent_bits_log_record());
    let export = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    for is_grpc in [false, true] {
        let harness = Harness::start().await;
        let (address, path, content_type, body) = if is_grpc {
            (harness.grpc, export, "application/grpc", framed(false, &request))
        } else {
            (harness.http, "/v1/logs", "application/x-protobuf", request.clone())
        };
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::post(format!("http://{address}{path}"))
            .header("content-type", content_type)
            .header("user-agent", "Fluent-Bit")
            .body(Full::new(bytes::Bytes::from(body)))
            .unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let trailers = response.into_body().collect().await.unwrap().trailers().cloned();
        let status = trailers.and_then(|trailers| trailers.get("grpc-status").cloned());
        assert_eq!(status.is_some(), is_grpc);
        assert!(status.is_none_or(|status| status == "0"));
        connection.abort();
        assert_understood(&harness, if is_grpc { Receiver::OtlpGrpc } else { Receiver::OtlpHttp });
    }
}

/// Vector's `opentelemetry` over HTTP: `src/sinks/opentelemetry/mod.rs`, which is the `http` sink, with `encoding.codec = "otlp"`
/// and `compression = "gzip"`, then as its page has it, `"json"` with one event to a request and the content type among the
/// headers. Where more than one go together that is no OTLP, as Vector warns: it is refused, and not sent again.
#[tokio::test]
async fn vectors_opentelemetry_sink_over_http() {
    let harness = Harness::start().await;
    let body = gzip(&fluent_bits_request(&fluent_bits_log_record()));
    let agent = "user-agent: Vector/0.51.0 (x86_64-unknown-linux-gnu 1234567 2025-11-04)";
    let own = ["POST /v1/logs", agent, "accept-encoding: identity"];
    let head = [&own[..], &["content-type: application/x-protobuf", "content-encoding: gzip"]].concat();
    assert_eq!(send(&harness, &head, &body).await.status, 200);
    assert_understood(&harness, Receiver::OtlpHttp);

    let event = format!(
        "{{\"resourceLogs\":[{{\"resource\":{{\"attributes\":[]}},\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{{\"stringValue\":\
         \"sold out\"}},\"severityText\":\"error\",\"spanId\":\"{SPAN}\",\"timeUnixNano\":\"{NANOS}\",\"traceId\":\"{TRACE}\"}}]}}]}}]}}"
    );
    let harness = Harness::start().await;
    let head = [&own[..], &["content-type: application/json"]].concat();
    assert_eq!(send(&harness, &head, format!("{event}\n").as_bytes()).await.status, 200);
    assert_understood(&harness, Receiver::OtlpHttp);
    let answer = send(&harness, &head, format!("{event}\n{event}\n").as_bytes()).await;
    assert_eq!(answer.status, 400);
}

/// Vector's `opentelemetry` over gRPC: the health check, then tonic's own client, with `compression = "gzip"` too
/// (`src/sinks/opentelemetry/grpc.rs`).
#[tokio::test]
async fn vectors_opentelemetry_sink_over_grpc() {
    for compression in [None, Some(CompressionEncoding::Gzip)] {
        let harness = Harness::start().await;
        let address = format!("http://{}", harness.grpc);
        let channel =
            tonic::transport::Endpoint::from_shared(address.clone()).unwrap().connect().await.unwrap();
        let mut health = HealthClient::new(channel);
        let check = health.check(HealthCheckRequest { service: String::new() }).await.unwrap();
        assert_eq!(check.into_inner().status, ServingStatus::Serving as i32);
        let mut client = LogsServiceClient::connect(address).await.unwrap();
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let request = fluent_bits_request(&fluent_bits_log_record());
        let request = ExportLogsServiceRequest::decode(&request[..]).unwrap();
        client.export(request).await.unwrap();
        assert_understood(&harness, Receiver::OtlpGrpc);
    }
}
