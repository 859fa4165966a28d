//! Bad input over HTTP: status, body, counter, and the next good request is served.

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::json;

use crate::harness::{Answer, Harness, JSON, PROTOBUF, gzip, gzip_bomb, one_span, spans, valid_span};

const INVALID_ARGUMENT: i32 = 3;

/// The refusal in the encoding of the request: its status, and the code inside.
async fn assert_refused(harness: &Harness, answer: &Answer, status: StatusCode, reason: &str) {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    let message = match answer.headers["content-type"].to_str().unwrap() {
        "application/json" => answer.json()["message"].as_str().unwrap().to_owned(),
        _ => answer.rpc_status().message,
    };
    assert!(!message.is_empty());
    assert!(!answer.headers.contains_key("retry-after"), "a client must not send this again");
    assert_eq!(harness.requests_refused("otlp_http", reason), 1);
    harness.assert_serves().await;
}

#[tokio::test]
async fn malformed_protobuf_is_a_400() {
    let harness = Harness::start().await;
    let answer = harness.post("/v1/traces", &[PROTOBUF], "definitely not protobuf").await;
    assert_eq!(answer.rpc_status().code, INVALID_ARGUMENT);
    assert_refused(&harness, &answer, StatusCode::BAD_REQUEST, "undecodable").await;
}

#[tokio::test]
async fn a_span_cut_short_is_a_400() {
    let harness = Harness::start().await;
    let mut body = one_span(valid_span("short")).encode_to_vec();
    body.truncate(body.len() - 3);
    let answer = harness.post("/v1/traces", &[PROTOBUF], body).await;
    assert_refused(&harness, &answer, StatusCode::BAD_REQUEST, "undecodable").await;
}

#[tokio::test]
async fn malformed_json_is_a_400_in_json() {
    let harness = Harness::start().await;
    let answer = harness.post("/v1/logs", &[JSON], "{\"resourceLogs\": [").await;
    assert_eq!(answer.json()["code"], INVALID_ARGUMENT);
    assert_refused(&harness, &answer, StatusCode::BAD_REQUEST, "undecodable").await;
}

#[tokio::test]
async fn malformed_compression_is_a_400() {
    let good = one_span(valid_span("compressed")).encode_to_vec();
    let compressed = gzip(&good);
    let bodies = [
        ("gzip", b"not gzip".to_vec()),
        ("gzip", compressed[..compressed.len() - 9].to_vec()),
        ("gzip", [&compressed[..], b"trailing"].concat()),
        ("deflate", vec![0xff; 20]),
        ("zstd", b"not zstd".to_vec()),
    ];
    for (encoding, body) in bodies {
        let harness = Harness::start().await;
        let answer = harness.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], body).await;
        assert_refused(&harness, &answer, StatusCode::BAD_REQUEST, "undecodable").await;
    }
}

#[tokio::test]
async fn a_wrong_content_type_is_a_415() {
    let cases = [
        (&[("content-type", "text/html; charset=utf-8")][..], "unsupported content type `text/html`; send "),
        (&[("content-type", "a\tb")], "unsupported content type `ab`; send "),
        (&[], "no content type; send application/x-protobuf or application/json"),
    ];
    for (headers, told) in cases {
        let harness = Harness::start().await;
        let answer = harness.post("/v1/traces", headers, one_span(valid_span("x")).encode_to_vec()).await;
        assert!(answer.json()["message"].as_str().unwrap().starts_with(told), "{:?}", answer.json());
        assert_refused(&harness, &answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type").await;
    }
}

#[tokio::test]
async fn a_web_page_cannot_write_into_the_store_of_whom_it_is_shown_to() {
    let harness = Harness::start().await;
    // What a browser sends for a page without asking first; pages of files and frames have the origin `null`.
    for origin in ["https://page.example", "null"] {
        let headers = [("content-type", "text/plain"), ("origin", origin)];
        let answer = harness.post("/v1/json-logs", &headers, "{\"msg\": \"written by a page\"}").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.json()["message"].as_str().unwrap().contains("Origin header"));
    }
    assert_eq!(harness.requests_refused("json_logs_http", "web_page"), 2);
    let headers = [PROTOBUF, ("origin", "http://localhost:3000")];
    let answer = harness.post("/v1/traces", &headers, one_span(valid_span("x")).encode_to_vec()).await;
    assert_refused(&harness, &answer, StatusCode::FORBIDDEN, "web_page").await;
}

#[tokio::test]
async fn an_unknown_content_encoding_is_a_415() {
    for encoding in ["br", "gzip, gzip"] {
        let harness = Harness::start().await;
        let answer = harness.post("/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], "x").await;
        assert_refused(&harness, &answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding").await;
    }
}

#[tokio::test]
async fn other_methods_and_paths_are_a_405_and_a_404() {
    let harness = Harness::start().await;
    let answer = harness.request("GET", "/v1/traces", &[], "".into()).await;
    assert_eq!(answer.headers["allow"], "POST");
    assert_refused(&harness, &answer, StatusCode::METHOD_NOT_ALLOWED, "wrong_method").await;
    let answer = harness.post("/v1/profiles", &[PROTOBUF], "x").await;
    assert_refused(&harness, &answer, StatusCode::NOT_FOUND, "unknown_path").await;
}

#[tokio::test]
async fn a_gzip_bomb_is_a_413() {
    let harness = Harness::start().await;
    let answer = harness.post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], gzip_bomb()).await;
    assert_eq!(harness.store.budget().bytes_used(), 0);
    assert_refused(&harness, &answer, StatusCode::PAYLOAD_TOO_LARGE, "too_large").await;
}

#[tokio::test]
async fn a_zstd_bomb_is_a_413() {
    let harness = Harness::start().await;
    let bomb = zstd::bulk::compress(&vec![0; 1 << 20], 3).unwrap().repeat(1 << 10);
    let answer = harness.post("/v1/logs", &[JSON, ("content-encoding", "zstd")], bomb).await;
    assert_refused(&harness, &answer, StatusCode::PAYLOAD_TOO_LARGE, "too_large").await;
}

#[tokio::test]
async fn a_body_of_64_mib_is_a_413_that_the_client_sees() {
    let harness = Harness::start().await;
    let answer = harness.post("/v1/traces", &[PROTOBUF], vec![0x0a; 64 << 20]).await;
    assert_refused(&harness, &answer, StatusCode::PAYLOAD_TOO_LARGE, "too_large").await;
}

#[tokio::test]
async fn a_body_of_64_mib_in_chunks_is_a_413_that_the_client_sees() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let harness = Harness::start().await;
    let mut stream = tokio::net::TcpStream::connect(harness.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: spandrel\r\ncontent-type: application/x-protobuf\r\n\
        transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"100000\r\n".to_vec(), vec![0x0a; 1 << 20], b"\r\n".to_vec()].concat();
    for _ in 0..64 {
        stream.write_all(&chunk).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    harness.assert_serves().await;
}

#[tokio::test]
async fn only_bad_ids_are_a_400() {
    let bad_trace_ids = [vec![], vec![0; 16], vec![1; 15], vec![1; 17]];
    let bad_span_ids = [vec![], vec![0; 8], vec![1; 7]];
    let harness = Harness::start().await;
    let mut bad: Vec<_> = Vec::new();
    bad.extend(bad_trace_ids.map(|trace_id| {
        let mut span = valid_span("bad trace id");
        span.trace_id = trace_id;
        span
    }));
    bad.extend(bad_span_ids.map(|span_id| {
        let mut span = valid_span("bad span id");
        span.span_id = span_id;
        span
    }));
    let answer = harness.post_spans(&spans(bad.clone())).await;
    assert_eq!(answer.rpc_status().code, INVALID_ARGUMENT);
    assert_refused(&harness, &answer, StatusCode::BAD_REQUEST, "nothing_valid").await;
    let refused = |reason: &str| {
        let labels = [("receiver", "otlp_http"), ("signal", "traces"), ("reason", reason)];
        harness.counter("spandrel_receiver_refused_records_total", &labels)
    };
    assert_eq!((refused("bad_trace_id"), refused("bad_span_id")), (4, 3));
}

#[tokio::test]
async fn some_bad_ids_are_a_partial_success() {
    let harness = Harness::start().await;
    let mut bad = valid_span("bad");
    bad.trace_id = vec![0; 16];
    let answer = harness.post_spans(&spans(vec![valid_span("good"), bad, valid_span("good too")])).await;
    assert_eq!(answer.status, StatusCode::OK);
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("trace id"), "{}", partial.error_message);
    assert_eq!(harness.records().len(), 2);
}

#[tokio::test]
async fn a_partial_success_in_json_has_its_number_as_text() {
    let harness = Harness::start().await;
    let good = json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"});
    let bad = json!({"traceId": "", "spanId": "eee19b7ec3c1b174"});
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [good, bad]}]}]}).to_string();
    let answer =
        harness.post("/v1/traces", &[("content-type", "application/json; charset=utf-8")], body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "1");
    assert_eq!(harness.records().len(), 1);
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let harness = Harness::start().await;
    let answer = harness.post("/v1/traces", &[PROTOBUF], "").await;
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b""[..]));
    let answer = harness.post("/v1/logs", &[JSON], "{}").await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({})));
}
