//! The end: the service's last flush arrives, what is in flight is finished, nothing is accepted after.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Harness, one_span, valid_span};

#[tokio::test]
async fn receivers_stay_open_for_the_last_flush() {
    let harness = Harness::with(|config| config.shutdown.linger = Duration::from_secs(60)).await;
    let mut client = TraceServiceClient::connect(format!("http://{}", harness.grpc)).await.unwrap();
    client.export(one_span(valid_span("before"))).await.unwrap();
    harness.shutdown.cancel();
    harness.assert_serves().await;
    client.export(one_span(valid_span("the last flush"))).await.unwrap();
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", harness.grpc)).unwrap();
    let mut health = HealthClient::new(channel.connect().await.unwrap());
    let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(answer.status, ServingStatus::NotServing as i32);
    assert_eq!(harness.records().len(), 3);
}

#[tokio::test]
async fn it_ends_when_all_is_idle() {
    let harness = Harness::with(|config| config.shutdown.linger = Duration::from_millis(200)).await;
    harness.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(30), harness.running).await.unwrap().unwrap();
    assert!(TcpStream::connect(harness.http).await.is_err());
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let harness = Harness::start().await;
    let body = one_span(valid_span("in flight")).encode_to_vec();
    let mut stream = TcpStream::connect(harness.http).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: spandrel\r\ncontent-type: application/x-protobuf\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body, so the request is in flight.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    harness.shutdown.cancel();
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    harness.running.await.unwrap();
    assert_eq!(harness.store.snapshot().record_count(), 1);
}
