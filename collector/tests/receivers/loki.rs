//! Loki's push API: what its clients are answered, and what is kept.

use http::StatusCode;
use spandrel_store::{Level, Receiver};

use crate::harness::{Case, Harness, JSON, PROTOBUF, gzip, gzip_bomb};

const PATH: &str = "/loki/api/v1/push";
const PUSH: &str = r#"{"streams":[{"stream":{"job":"orders"},"values":[["1700000000000000000","level=error msg=\"sold out\""]]}]}"#;

/// `PushRequest { streams: [{ labels: {job="orders"}, entries: [{ timestamp: 1700000000 s, line: … }] }] }`
fn push_in_protobuf(line: &str) -> Vec<u8> {
    let field = |tag: u8, bytes: &[u8]| {
        let mut field = vec![tag << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut field);
        [&field[..], bytes].concat()
    };
    let mut time = vec![1 << 3];
    prost::encoding::encode_varint(1_700_000_000, &mut time);
    let entry = [field(1, &time), field(2, line.as_bytes())].concat();
    field(1, &[field(1, br#"{job="orders"}"#), field(2, &entry)].concat())
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

#[tokio::test]
async fn json_is_kept_and_answered_without_a_body() {
    let harness = Harness::start().await;
    for (path, headers, body) in [
        (PATH, &[JSON][..], PUSH.as_bytes().to_vec()),
        ("/api/prom/push", &[("content-type", "application/json; charset=utf-8")], PUSH.as_bytes().to_vec()),
        (PATH, &[JSON, ("content-encoding", "gzip"), ("x-scope-orgid", "tenant")], gzip(PUSH.as_bytes())),
    ] {
        let answer = harness.post(path, headers, body).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0), "{:?}", answer.body);
    }
    let records = harness.records();
    assert_eq!(records.len(), 3);
    assert_eq!((records[0].service(), records[0].level), ("orders", Some(Level::Error)));
    assert_eq!(records[0].receiver, Receiver::LokiPush);
    assert_eq!(records[0].time().0, 1_700_000_000_000_000_000);
    let labels = [("receiver", "loki_push"), ("signal", "logs")];
    assert_eq!(harness.counter("spandrel_receiver_accepted_records_total", &labels), 3);
}

#[tokio::test]
async fn protocol_buffers_come_in_snappys_format_whatever_the_headers_say() {
    let harness = Harness::start().await;
    let body = snappy(&push_in_protobuf("level=warn msg=low"));
    for headers in [&[PROTOBUF][..], &[], &[PROTOBUF, ("content-encoding", "snappy")]] {
        assert_eq!(harness.post(PATH, headers, body.clone()).await.status, StatusCode::NO_CONTENT);
    }
    let headers = [PROTOBUF, ("content-encoding", "gzip")];
    assert_eq!(harness.post(PATH, &headers, gzip(&body)).await.status, StatusCode::NO_CONTENT);
    let records = harness.records();
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|record| record.level == Some(Level::Warn)));
}

#[tokio::test]
async fn what_can_never_be_taken_is_refused_with_a_line_of_text() {
    let harness = Harness::start().await;
    // A length of 4 GiB in front of nothing.
    let snappy_bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let cases: [Case<'_>; 8] = [
        (&[JSON], b"{\"streams\":".to_vec(), 400, "undecodable"),
        (&[JSON], b"{\"streams\":[]}".to_vec(), 400, "nothing_valid"),
        (&[PROTOBUF], push_in_protobuf("not in snappy's format"), 400, "undecodable"),
        (&[PROTOBUF], snappy(b"not protobuf"), 400, "undecodable"),
        (&[PROTOBUF], snappy_bomb.to_vec(), 413, "too_large"),
        (&[JSON, ("content-encoding", "gzip")], gzip_bomb(), 413, "too_large"),
        (&[("content-type", "text/html")], PUSH.into(), 415, "content_type"),
        (&[JSON, ("origin", "http://evil.example")], PUSH.into(), 403, "web_page"),
    ];
    for (headers, body, status, reason) in cases {
        let before = harness.requests_refused("loki_push", reason);
        let answer = harness.post(PATH, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{reason}: {:?}", answer.body);
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
        assert!(answer.body.ends_with(b"\n") && !answer.headers.contains_key("retry-after"));
        assert_eq!(harness.requests_refused("loki_push", reason), before + 1);
    }
    assert_eq!(harness.request("GET", PATH, &[], "".into()).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(harness.store.snapshot().record_count(), 0);
    harness.assert_serves().await;
}

#[tokio::test]
async fn without_memory_a_push_is_refused_as_a_whole_and_taken_later() {
    let harness = Harness::start().await;
    let all = harness.store.budget().try_acquire(harness.store.budget().bytes_max()).unwrap();
    let answer = harness.post(PATH, &[JSON], PUSH).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "1");
    drop(all);
    assert_eq!(harness.post(PATH, &[JSON], PUSH).await.status, StatusCode::NO_CONTENT);
    assert_eq!(harness.records().len(), 1);
}
