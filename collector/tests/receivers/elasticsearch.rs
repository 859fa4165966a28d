//! Elasticsearch's bulk API: what its clients are answered, and what is kept.

use http::StatusCode;
use serde_json::json;
use spandrel_store::{Level, Receiver};

use crate::harness::{Answer, Case, Harness, JSON, gzip, gzip_bomb};

const NDJSON: (&str, &str) = ("content-type", "application/vnd.elasticsearch+x-ndjson; compatible-with=8");
const ONE: &str =
    "{\"create\":{\"_index\":\"logs\",\"_id\":\"a\"}}\n{\"log.level\":\"error\",\"message\":\"sold out\"}\n";

fn assert_product(answer: &Answer) {
    assert_eq!(answer.headers["x-elastic-product"], "Elasticsearch");
    assert_eq!(answer.headers["content-type"], "application/json");
}

#[tokio::test]
async fn items_are_kept_and_answered_one_by_one() {
    let harness = Harness::start().await;
    let body = format!("{ONE}{{\"index\":{{}}}}\nno object\n{{\"delete\":{{\"_id\":\"b\"}}}}\n");
    let answer = harness.post("/of-the-path/_bulk", &[NDJSON], body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_product(&answer);
    let answer = answer.json();
    assert_eq!(answer["errors"], true);
    let items = answer["items"].as_array().unwrap();
    let statuses: Vec<_> = items.iter().flat_map(|item| item.as_object().unwrap()).collect();
    assert_eq!(statuses[0].0, "create");
    assert_eq!((&statuses[0].1["status"], &statuses[0].1["_id"]), (&json!(201), &json!("a")));
    assert_eq!(statuses[1].1["_index"], "of-the-path");
    assert_eq!(statuses[1].1["error"]["type"], "document_parsing_exception");
    assert_eq!((statuses[2].0.as_str(), &statuses[2].1["status"]), ("delete", &json!(400)));
    let record = harness.records().remove(0);
    assert_eq!((record.receiver, record.level), (Receiver::ElasticsearchBulk, Some(Level::Error)));
    assert_eq!(record.original.as_deref(), Some(ONE.lines().nth(1).unwrap().as_bytes()));
    let labels = [("receiver", "elasticsearch_bulk"), ("reason", "undecodable")];
    assert_eq!(harness.counter("spandrel_receiver_refused_records_total", &labels), 2);
}

#[tokio::test]
async fn more_than_a_part_is_all_kept_compressed_too_and_told_as_briefly_as_asked() {
    let harness = Harness::start().await;
    let body: String = (0..5_000).map(|n| format!("{{\"index\":{{}}}}\n{{\"n\":{n}}}\n")).collect();
    let headers = [NDJSON, ("content-encoding", "gzip")];
    let path = "/_bulk?filter_path=errors,items.*.error,items.*.status";
    let answer = harness.post(path, &headers, gzip(body.as_bytes())).await.json();
    assert_eq!(answer["errors"], false);
    assert_eq!(answer["items"].as_array().unwrap().len(), 5_000);
    assert_eq!(answer["items"][4_999], json!({"index": {"status": 201}}));
    assert_eq!(harness.store.snapshot().record_count(), 5_000);
}

#[tokio::test]
async fn a_client_finds_out_who_it_talks_to() {
    let harness = Harness::start().await;
    for (path, part, value) in [
        ("/", "/version/number", json!("8.19.0")),
        ("/_cluster/health?wait_for_status=yellow", "/status", json!("green")),
        ("/_license", "/license/status", json!("active")),
        ("/_xpack", "/features/ilm/available", json!(true)),
    ] {
        let answer = harness.request("GET", path, &[], "".into()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_product(&answer);
        assert_eq!(answer.json().pointer(part), Some(&value), "{path}");
    }
    assert_eq!(
        harness.request("HEAD", "/", &[], "".into()).await.headers["x-elastic-product"],
        "Elasticsearch"
    );
    for path in ["/_index_template/logs", "/_ilm/policy/logs", "/_data_stream/logs", "/_template/logs"] {
        assert_eq!(harness.request("GET", path, &[], "".into()).await.status, StatusCode::NOT_FOUND);
        assert_eq!(harness.request("HEAD", path, &[], "".into()).await.status, StatusCode::NOT_FOUND);
        let answer = harness.request("PUT", path, &[JSON], "{\"template\":{}}".into()).await;
        assert_product(&answer);
        assert_eq!(answer.json(), json!({"acknowledged": true}));
    }
}

#[tokio::test]
async fn what_can_never_be_taken_is_refused_as_elasticsearch_does() {
    let harness = Harness::start().await;
    let cases: [Case<'_>; 6] = [
        (&[NDJSON], Vec::new(), 400, "nothing_valid"),
        (&[NDJSON], b"{\"message\":\"no action\"}\n".to_vec(), 400, "undecodable"),
        (&[NDJSON, ("content-encoding", "gzip")], b"not gzip".to_vec(), 400, "undecodable"),
        (&[NDJSON, ("content-encoding", "gzip")], gzip_bomb(), 413, "too_large"),
        (&[("content-type", "application/xml")], ONE.into(), 415, "content_type"),
        (&[NDJSON, ("origin", "http://evil.example")], ONE.into(), 403, "web_page"),
    ];
    for (headers, body, status, reason) in cases {
        let before = harness.requests_refused("elasticsearch_bulk", reason);
        let answer = harness.post("/_bulk", headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{reason}: {:?}", answer.body);
        assert_product(&answer);
        assert_eq!(answer.json()["status"], status);
        assert!(answer.json()["error"]["root_cause"][0]["reason"].is_string());
        assert_eq!(harness.requests_refused("elasticsearch_bulk", reason), before + 1);
    }
    let answer = harness.request("GET", "/_bulk", &[], "".into()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(harness.store.snapshot().record_count(), 0);
    harness.assert_serves().await;
}

#[tokio::test]
async fn without_memory_it_is_told_to_come_back() {
    let harness = Harness::start().await;
    let all = harness.store.budget().try_acquire(harness.store.budget().bytes_max()).unwrap();
    let answer = harness.post("/_bulk", &[NDJSON], ONE).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.json()["error"]["type"], "es_rejected_execution_exception");
    drop(all);
    assert_eq!(harness.post("/_bulk", &[NDJSON], ONE).await.json()["errors"], false);
}
