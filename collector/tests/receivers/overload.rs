//! More than there is room for: refusals that say when to come back, slow clients, many connections.

use std::time::Duration;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{Harness, JSON, one_span, valid_span};

#[tokio::test]
async fn without_memory_http_is_refused_with_retry_after_and_recovers() {
    let harness = Harness::start().await;
    let all = harness.store.budget().try_acquire(harness.store.budget().bytes_max()).unwrap();
    let answer = harness.post_spans(&one_span(valid_span("no room"))).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "1");
    let status = answer.rpc_status();
    assert_eq!(status.code, 8);
    assert!(status.details[0].type_url.ends_with("google.rpc.RetryInfo"));
    let answer = harness.post("/v1/logs", &[JSON], "{\"resourceLogs\":[]}").await;
    assert_eq!(answer.json()["details"][0]["retryDelay"], "1s");
    let answer = harness.post("/v1/json-logs", &[JSON], "{\"msg\":\"no room\"}").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(harness.requests_refused("otlp_http", "overloaded"), 2);
    drop(all);
    harness.assert_serves().await;
}

#[tokio::test]
async fn without_memory_grpc_is_refused_with_retry_info_and_recovers() {
    let harness = Harness::start().await;
    let all = harness.store.budget().try_acquire(harness.store.budget().bytes_max()).unwrap();
    let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
    let status = client.export(one_span(valid_span("no room"))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    drop(all);
    client.export(one_span(valid_span("room again"))).await.unwrap();
}

#[tokio::test]
async fn a_slow_client_is_turned_away_and_holds_nothing() {
    let harness = Harness::with(|config| config.limits.request_timeout = Duration::from_millis(100)).await;
    let body = one_span(valid_span("slow")).encode_to_vec();
    let mut stream = TcpStream::connect(harness.http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: spandrel\r\ncontent-type: application/x-protobuf\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body[..10]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(harness.requests_refused("otlp_http", "too_slow"), 1);
    assert_eq!(harness.store.budget().bytes_used(), 0);
    harness.assert_serves().await;
}

#[tokio::test]
async fn a_thousand_idle_connections_are_borne() {
    let harness = Harness::start().await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(harness.http).await.unwrap());
        idle.push(TcpStream::connect(harness.grpc).await.unwrap());
    }
    harness.assert_serves().await;
    let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
    client.export(one_span(valid_span("among the idle"))).await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let harness = Harness::with(|config| config.limits.connections_max = 1).await;
    let first = TcpStream::connect(harness.http).await.unwrap();
    let request = one_span(valid_span("waits"));
    let waiting = harness.post_spans(&request);
    tokio::pin!(waiting);
    let too_early = tokio::time::timeout(Duration::from_millis(100), waiting.as_mut()).await;
    assert!(too_early.is_err());
    drop(first);
    assert_eq!(waiting.await.status, StatusCode::OK);
}
