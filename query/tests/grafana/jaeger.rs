//! Jaeger: health, services, operations, traces, dependencies, v3.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use crate::fixture::Sidecar;
use crate::request::{get, path};

const CHECKOUT: &str = "5b8efff798038103d269b633813fc60c";

#[tokio::test]
async fn services_and_operations_are_listed() {
    let sidecar = Sidecar::with_shop().await;
    for prefix in ["", "/jaeger"] {
        let got = get(&sidecar.router, &format!("{prefix}/api/services")).await.json();
        let services = json!(["cart", "gateway", "payment", "worker"]);
        assert_eq!(got, json!({ "data": services, "total": 4, "limit": 0, "offset": 0, "errors": null }));
    }
    let got = get(&sidecar.router, "/api/services/gateway/operations").await.json();
    assert_eq!(got["data"], json!(["GET /checkout", "POST /charge"]));
    assert_eq!(get(&sidecar.router, "/api/services/a%2Fb/operations").await.json()["data"], json!([]));
    let got = get(&sidecar.router, "/api/operations?service=gateway&spanKind=client").await.json();
    assert_eq!(got["data"], json!([{ "name": "POST /charge", "spanKind": "client" }]));
    let empty = Sidecar::empty().await;
    assert_eq!(get(&empty.router, "/api/services").await.json()["data"], json!([]));
}

fn tag<'a>(of: &'a Json, key: &str) -> &'a Json {
    let found = of["tags"].as_array().unwrap().iter().find(|tag| tag["key"] == key);
    found.unwrap_or_else(|| panic!("{key}: {of}"))
}

#[tokio::test]
async fn a_trace_is_as_the_trace_view_reads_it() {
    let sidecar = Sidecar::with_shop().await;
    let asked = [format!("/api/traces/{CHECKOUT}"), format!("/jaeger/api/traces/{CHECKOUT}?start=1&end=2")];
    for asked in asked {
        let got = get(&sidecar.router, &asked).await.json();
        let trace = &got["data"][0];
        assert_eq!(trace["traceID"], CHECKOUT);
        let spans = trace["spans"].as_array().unwrap();
        assert_eq!(spans.len(), 4);
        let root = &spans[0];
        assert_eq!(
            (&root["operationName"], &root["spanID"]),
            (&json!("GET /checkout"), &json!("00000000000000a1"))
        );
        assert_eq!(
            (root["startTime"].as_u64(), root["duration"].as_u64()),
            (Some(1_767_268_800_000_000), Some(300_000))
        );
        assert_eq!(root["references"], json!([]));
        assert_eq!(
            spans[1]["references"],
            json!([{ "refType": "CHILD_OF", "traceID": CHECKOUT, "spanID": "00000000000000a1" }])
        );
        assert_eq!(tag(root, "span.kind")["value"], "server");
        assert_eq!(tag(root, "error"), &json!({ "key": "error", "type": "bool", "value": true }));
        assert_eq!(
            tag(root, "http.response.status_code"),
            &json!({ "key": "http.response.status_code", "type": "int64", "value": 500 })
        );
        let process = &trace["processes"][root["processID"].as_str().unwrap()];
        assert_eq!(process["serviceName"], "gateway");
        let logged = spans.iter().find(|span| !span["logs"].as_array().unwrap().is_empty()).unwrap();
        assert!(logged["logs"][0]["timestamp"].is_u64());
        assert_eq!(
            logged["logs"][0]["fields"][0],
            json!({ "key": "event", "type": "string", "value": "exception" })
        );
    }
}

#[tokio::test]
async fn a_trace_that_is_nowhere_is_told_in_the_envelope() {
    let sidecar = Sidecar::with_shop().await;
    let got = get(&sidecar.router, "/api/traces/0123456789abcdef").await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    let body: Json = serde_json::from_slice(&got.body).unwrap();
    assert_eq!((&body["data"], &body["errors"][0]["code"]), (&Json::Null, &json!(404)));
    assert_eq!(get(&sidecar.router, "/api/traces/nonsense").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn traces_are_searched_for() {
    let sidecar = Sidecar::with_shop().await;
    let found = async |params: &[(&str, &str)]| {
        let got = get(&sidecar.router, &path("/api/traces", params)).await.json();
        let traces = got["data"].as_array().unwrap().iter();
        let ids: Vec<String> = traces
            .map(|trace| {
                assert!(!trace["spans"].as_array().unwrap().is_empty());
                trace["traceID"].as_str().unwrap()[..4].to_owned()
            })
            .collect();
        ids.join(" ")
    };
    assert_eq!(found(&[("service", "payment"), ("limit", "20")]).await, "5b8e");
    assert_eq!(
        found(&[("service", "gateway"), ("operation", "POST /charge"), ("lookback", "custom")]).await,
        "5b8e"
    );
    assert_eq!(found(&[("service", "gateway"), ("operation", "all")]).await, "5b8e");
    assert_eq!(found(&[("tags", r#"{"error":"true"}"#)]).await, "5b8e");
    assert_eq!(found(&[("tags", r#"{"http.response.status_code":"200"}"#)]).await, "aaaa");
    assert_eq!(found(&[("tag", "span.kind:consumer")]).await, "0000");
    assert_eq!(found(&[("service", "cart"), ("minDuration", "1.2s")]).await, "aaaa");
    assert_eq!(found(&[("service", "cart"), ("minDuration", "2s")]).await, "");
    assert_eq!(found(&[("start", "1767268800000000"), ("end", "1767268860000000")]).await, "aaaa 5b8e");
    assert_eq!(found(&[("limit", "1")]).await, "0000");
    assert_eq!(found(&[("traceID", CHECKOUT)]).await, "5b8e");
    assert_eq!(found(&[("service", "nobody")]).await, "");
    let got = get(&sidecar.router, &path("/api/traces", &[("tags", "error=true")])).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_calls_whom_is_counted() {
    let sidecar = Sidecar::with_shop().await;
    let got = get(&sidecar.router, "/api/dependencies?endTs=1767269000000&lookback=3600000").await.json();
    assert_eq!(got["data"], json!([{ "parent": "gateway", "child": "payment", "callCount": 1 }]));
    let got = get(&sidecar.router, "/api/dependencies?endTs=1767168800000&lookback=1000").await.json();
    assert_eq!((&got["data"], &got["errors"]), (&json!([]), &Json::Null));
}

#[tokio::test]
async fn version_3_answers_in_otlp() {
    let sidecar = Sidecar::with_shop().await;
    let got = get(&sidecar.router, "/api/v3/services").await.json();
    assert_eq!(got["services"].as_array().unwrap().len(), 4);
    let got = get(&sidecar.router, "/api/v3/operations?service=worker").await.json();
    assert_eq!(got, json!({ "operations": [{ "name": "poll", "spanKind": "consumer" }] }));
    let got = get(&sidecar.router, &format!("/api/v3/traces/{CHECKOUT}")).await.json();
    let span = &got["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["traceId"], &span["kind"]), (&json!(CHECKOUT), &json!(2)));
    assert_eq!(span["startTimeUnixNano"], "1767268800000000000");
    let range =
        [("query.startTimeMin", "2026-01-01T00:00:00Z"), ("query.startTimeMax", "2026-01-02T00:00:00Z")];
    let mut asked = range.to_vec();
    asked.extend([("query.serviceName", "payment"), ("query.searchDepth", "5")]);
    let got = get(&sidecar.router, &path("/api/v3/traces", &asked)).await.json();
    assert_eq!(got["result"]["resourceSpans"].as_array().unwrap().len(), 2);
    let got = get(&sidecar.router, &path("/api/v3/trace-summaries", &asked)).await.json();
    let summary = &got["summaries"][0];
    assert_eq!(
        (&summary["rootServiceName"], &summary["spanCount"], &summary["errorSpanCount"]),
        (&json!("gateway"), &json!(4), &json!(3))
    );
    assert_eq!(
        get(&sidecar.router, "/api/v3/traces?query.serviceName=x").await.status,
        StatusCode::BAD_REQUEST
    );
    let got = get(&sidecar.router, "/api/v3/traces/0123").await;
    assert_eq!(got.status, StatusCode::NOT_FOUND);
    let body: Json = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(body, json!({ "error": { "httpCode": 404, "message": "No traces found" } }));
}
