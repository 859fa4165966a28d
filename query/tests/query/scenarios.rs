//! Requests and what must be in their answers, as data.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::fixture::{Sidecar, pick};

#[derive(Deserialize)]
struct Scenario {
    /// Path and query; spaces and quotes stand for themselves.
    get: String,
    #[serde(default = "ok")]
    status: u16,
    /// JSON pointers, in which `*` stands for every element, and what must be there.
    expect: Map<String, Json>,
}

fn ok() -> u16 {
    200
}

#[tokio::test]
async fn every_request_is_answered_as_described() {
    let sidecar = Sidecar::with_shop().await;
    let scenarios: Vec<Scenario> = serde_json::from_str(include_str!("data/scenarios.json")).unwrap();
    let mut wrong = Vec::new();
    for scenario in scenarios {
        let answered = sidecar.get(&in_a_uri(&scenario.get)).await;
        if answered.status.as_u16() != scenario.status {
            wrong.push(format!("{}: {} {}", scenario.get, answered.status, answered.text));
            continue;
        }
        let json = answered.json();
        let of_errors = scenario.status >= 400;
        let content_type = if of_errors { "application/problem+json" } else { "application/json" };
        assert_eq!(answered.content_type, content_type, "{}", scenario.get);
        for (pointer, expected) in scenario.expect {
            let found = pick(&json, &pointer);
            if found != expected {
                wrong.push(format!("{}: {pointer} is\n    {found}, not\n    {expected}", scenario.get));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a URI cannot hold as it is, encoded.
fn in_a_uri(text: &str) -> String {
    let encode = |c: char| match c {
        ' ' | '"' | '{' | '}' | '<' | '>' | '\\' | '|' | '[' | ']' => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(encode).collect()
}

#[tokio::test]
async fn ndjson_has_an_item_per_line_and_the_coverage_in_the_last() {
    let sidecar = Sidecar::with_shop().await;
    let answered = sidecar.get("/api/v1/search?q=service:cart&format=ndjson").await;
    assert_eq!(answered.content_type, "application/x-ndjson");
    let lines = answered.lines();
    assert_eq!(lines.len(), 4);
    assert!(lines[..3].iter().all(|line| line["service"] == "cart"));
    assert_eq!(lines[3]["coverage"]["complete"], true);

    let nothing = sidecar.get("/api/v1/search?q=nosuchword&format=ndjson").await.lines();
    assert_eq!(nothing.len(), 1);
    assert_eq!(nothing[0]["coverage"]["asked"], 1);

    let trace = sidecar.get("/api/v1/traces/aaaaaaaabbbbbbbbccccccccdddddddd?format=ndjson").await.lines();
    assert_eq!(trace.len(), 4);
    assert_eq!(trace[3]["services"], serde_json::json!(["cart"]));
}

#[tokio::test]
async fn records_that_name_no_service_are_listed_and_found_as_those_of_an_unknown_one() {
    let sidecar = Sidecar::with_shop().await;
    let mut unnamed = crate::fixture::shop();
    unnamed.truncate(1);
    unnamed[0].resource = std::sync::Arc::default();
    let spandrel_store::RecordBody::Span(span) = &mut unnamed[0].body else { panic!("the first is a span") };
    span.span_id = vec![7; 8];
    sidecar.keep(unnamed).await;
    let listed = sidecar.get("/api/v1/services").await.json();
    assert_eq!(pick(&listed, "/services/*/name").as_array().unwrap().len(), 5);
    let unknown = serde_json::json!({"name": "unknown_service", "spans": 1, "logs": 0, "errors": 1});
    assert_eq!(listed["services"][3], unknown);
    let found = sidecar.get("/api/v1/search?q=service:unknown_service").await.json();
    assert_eq!(pick(&found, "/records/*/span_id"), serde_json::json!(["0707070707070707"]));
    assert_eq!(found["records"][0]["service"], "");
}

#[tokio::test]
async fn a_record_with_an_absurd_time_does_not_stretch_the_steps() {
    let sidecar = Sidecar::with_shop().await;
    let before = sidecar.get("/api/v1/histogram").await.json();
    const SECOND_NS: u64 = 1_000_000_000;
    for (n, at_s) in [1, 7_258_118_400].into_iter().enumerate() {
        let mut odd = crate::fixture::shop();
        odd.truncate(1);
        let spandrel_store::RecordBody::Span(span) = &mut odd[0].body else { panic!("the first is a span") };
        span.span_id = vec![n as u8 + 1; 8];
        (span.start_time_unix_nano, span.end_time_unix_nano) = (at_s * SECOND_NS, at_s * SECOND_NS);
        sidecar.keep(odd).await;
    }
    let after = sidecar.get("/api/v1/histogram").await.json();
    assert_eq!((&after["step_ns"], &after["series"]), (&before["step_ns"], &before["series"]));
    assert!(after["warnings"][0].as_str().unwrap().starts_with("not counted: 2 with a time"), "{after}");

    let from = sidecar.get("/api/v1/histogram?start=2026-01-01").await.json();
    assert!(from["warnings"][0].as_str().unwrap().starts_with("not counted: 1 with a time"), "{from}");
    // Those asked for are counted, and where nothing else matches, so is what is odd.
    let asked = sidecar.get("/api/v1/histogram?start=2199-01-01&end=2201-01-01").await.json();
    assert_eq!((&asked["series"][0]["points"][0][1], &asked["warnings"]), (&Json::from(1), &Json::Null));
    let alone = sidecar.get("/api/v1/histogram?q=span_id:0101010101010101").await.json();
    assert_eq!((&alone["series"][0]["points"][0][1], &alone["warnings"]), (&Json::from(1), &Json::Null));
}

#[tokio::test]
async fn a_part_of_a_trace_comes_as_otlp_too() {
    let sidecar = Sidecar::with_shop().await;
    let part = "/api/v1/traces/5b8efff798038103d269b633813fc60c?format=otlp&q=kind:log";
    let part = sidecar.get(part).await.json();
    assert_eq!(pick(&part, "/resourceSpans"), serde_json::json!([]));
    assert_ne!(pick(&part, "/resourceLogs"), serde_json::json!([]));
}

#[tokio::test]
async fn a_trace_comes_back_as_otlp_as_it_was_sent() {
    let sidecar = Sidecar::with_shop().await;
    let answered = sidecar.get("/api/v1/traces/5b8efff798038103d269b633813fc60c?format=otlp").await;
    let sent: Json = serde_json::from_str(include_str!("data/records.json")).unwrap();
    let spans = |json: &Json| {
        let all = pick(json, "/resourceSpans/*/scopeSpans/*/spans");
        let flat = all.as_array().unwrap().iter().flat_map(|scopes| scopes.as_array().unwrap());
        let spans = flat.flat_map(|spans| spans.as_array().unwrap());
        let wanted = spans.filter(|span| span["traceId"] == "5b8efff798038103d269b633813fc60c");
        let mut ids: Vec<(String, String)> =
            wanted.map(|span| (span["spanId"].to_string(), span["name"].to_string())).collect();
        ids.sort();
        ids
    };
    assert_eq!(spans(&answered.json()), spans(&sent));
    assert_eq!(spans(&sent).len(), 4);
    let elsewhere = sidecar.get("/api/v1/search?format=otlp").await;
    assert_eq!(elsewhere.status, 400);
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces_and_whole() {
    let sidecar = Sidecar::empty().await;
    for _ in 0..100 {
        sidecar.keep(crate::fixture::shop()).await;
    }
    // Spans are kept once; the five logs are records of their own each time.
    let answered = sidecar.get("/api/v1/search?limit=10000").await;
    assert!(answered.text.len() > 300_000);
    assert_eq!(answered.json()["records"].as_array().unwrap().len(), 7 + 500);
    let lines = sidecar.get("/api/v1/search?limit=10000&format=ndjson").await.lines();
    assert_eq!(lines.len(), 7 + 500 + 1);
}
