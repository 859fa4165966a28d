//! JSON logs over HTTP.

use http::StatusCode;
use serde_json::json;
use spandrel_store::{Flags, Level, Receiver};

use crate::harness::{Harness, JSON, gzip};

const PATH: &str = "/v1/json-logs?service.name=payment&k8s.pod.name=payment%2D7d9f";
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

#[tokio::test]
async fn ndjson_is_kept_line_by_line_with_its_resource() {
    let harness = Harness::start().await;
    let error =
        r#"{"level":"error","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","msg":"declined","order":4711}"#;
    let body = format!("{error}\nnot json\r\n\n");
    let answer = harness.post(PATH, &[NDJSON], body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json(), json!({"accepted": 2, "rejected": 0, "reason": null}));
    let records = harness.records();
    let declined = records.iter().find(|record| record.level == Some(Level::Error)).unwrap();
    assert_eq!(declined.service(), "payment");
    assert_eq!(declined.receiver, Receiver::JsonLogsHttp);
    assert_eq!(declined.original.as_deref(), Some(error.as_bytes()));
    assert_eq!(declined.trace_id().unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(declined.resource.attributes()[1].key, "k8s.pod.name");
    let text = records.iter().find(|record| record.flags.contains(Flags::NOT_JSON)).unwrap();
    assert_eq!(text.original.as_deref(), Some(&b"not json"[..]));
}

#[tokio::test]
async fn an_array_and_an_object_are_taken_compressed_too() {
    let harness = Harness::start().await;
    let array = gzip(b"[{\"msg\": \"a\"}, \"text\", 3]");
    let answer = harness.post(PATH, &[JSON, ("content-encoding", "gzip")], array).await;
    assert_eq!(answer.json()["accepted"], 3);
    let answer = harness.post(PATH, &[("content-type", "text/plain")], "{\n  \"msg\": \"b\"\n}\n").await;
    assert_eq!(answer.json()["accepted"], 1);
    let originals: Vec<_> = harness.records().iter().filter_map(|record| record.original.clone()).collect();
    assert!(originals.iter().any(|original| original == "{\"msg\": \"a\"}"));
    assert!(originals.iter().any(|original| original == "{\n  \"msg\": \"b\"\n}"));
}

#[tokio::test]
async fn invalid_utf8_keeps_its_bytes() {
    let harness = Harness::start().await;
    let answer = harness.post(PATH, &[NDJSON], &b"{\"msg\":\"caf\xe9\"}\n"[..]).await;
    assert_eq!(answer.json()["accepted"], 1);
    let record = harness.records().remove(0);
    assert!(record.flags.contains(Flags::INVALID_UTF8));
    assert_eq!(record.original.as_deref(), Some(&b"{\"msg\":\"caf\xe9\"}"[..]));
}

#[tokio::test]
async fn more_lines_than_a_chunk_are_all_kept() {
    let harness = Harness::start().await;
    let body: String = (0..30_000).map(|n| format!("{{\"msg\":\"line {n}\"}}\n")).collect();
    let answer = harness.post(PATH, &[NDJSON], body).await;
    assert_eq!(answer.json(), json!({"accepted": 30_000, "rejected": 0, "reason": null}));
    assert_eq!(harness.store.snapshot().record_count(), 30_000);
}

#[tokio::test]
async fn a_line_may_name_its_service_where_the_request_does_not() {
    let harness = Harness::start().await;
    let body =
        "{\"service\":\"cart\",\"msg\":\"a\"}\n{\"service.name\":\"stock\",\"msg\":\"b\"}\n{\"msg\":\"c\"}";
    harness.post("/v1/json-logs", &[NDJSON], body).await;
    let mut services: Vec<_> = harness.records().iter().map(|record| record.service().to_owned()).collect();
    services.sort();
    assert_eq!(services, ["", "cart", "stock"]);
}

#[tokio::test]
async fn a_long_line_is_cut_and_counted() {
    let harness = Harness::start().await;
    let body = format!("{}\nnext", "x".repeat(2 << 20));
    assert_eq!(harness.post(PATH, &[NDJSON], body).await.json()["accepted"], 2);
    assert_eq!(harness.cut("lines"), 1);
}

#[tokio::test]
async fn a_long_string_in_json_is_cut_and_the_ids_behind_it_are_kept() {
    let harness = Harness::start().await;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = format!("{{\"msg\":\"{}\",\"level\":\"error\",\"trace_id\":\"{id}\"}}", "x".repeat(2 << 20));
    assert_eq!(harness.post(PATH, &[JSON], body).await.json()["accepted"], 1);
    assert_eq!((harness.cut("lines"), harness.cut("strings")), (0, 1));
    let record = &harness.records()[0];
    assert_eq!(record.trace_id().unwrap().to_string(), id);
    assert_eq!(record.level, Some(spandrel_store::Level::Error));
}

#[tokio::test]
async fn nothing_and_the_wrong_type_are_refused_in_json() {
    let harness = Harness::start().await;
    for body in ["", "\n \n", "[]"] {
        let answer = harness.post(PATH, &[JSON], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(answer.json()["code"], 3);
    }
    assert_eq!(harness.requests_refused("json_logs_http", "nothing_valid"), 3);
    let answer = harness.post(PATH, &[("content-type", "application/x-www-form-urlencoded")], "a=b").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = harness.request("GET", PATH, &[], "".into()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let answer = harness.post(PATH, &[JSON, ("content-encoding", "gzip")], crate::harness::gzip_bomb()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    harness.assert_serves().await;
}
