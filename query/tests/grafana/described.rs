//! Grafana's APIs as `openapi.json` describes them: every call is routed and answers in a way that is described.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value as Json;

use crate::fixture::{Sidecar, respond};
use crate::request::{get, path};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";
const WEB: &[(&str, &str)] = &[("query", r#"{service_name="payment"}"#)];
const DAY: &[(&str, &str)] =
    &[("query.startTimeMin", "2026-01-01T00:00:00Z"), ("query.startTimeMax", "2026-01-02T00:00:00Z")];

/// A described path, what stands for the name in it, parameters, and the answer's status.
type Call = (&'static str, &'static str, &'static [(&'static str, &'static str)], u16);

/// Every described path.
const CALLS: [Call; 41] = [
    ("/api/dependencies", "", &[("endTs", "1767269000000"), ("lookback", "3600000")], 200),
    ("/api/echo", "", &[], 200),
    ("/api/metrics/query", "", &[("q", "{} | rate()")], 200),
    ("/api/metrics/query_range", "", &[("q", "{} | rate()")], 200),
    ("/api/metrics/{kind}", "latencies", &[], 501),
    ("/api/operations", "", &[("service", "gateway")], 200),
    ("/api/search", "", &[("q", "{}")], 200),
    ("/api/search/tag/{tag}/values", "service.name", &[], 200),
    ("/api/search/tags", "", &[], 200),
    ("/api/services", "", &[], 200),
    ("/api/services/{service}/operations", "gateway", &[], 200),
    ("/api/status/buildinfo", "", &[], 200),
    ("/api/traces", "", &[("service", "gateway")], 200),
    ("/api/traces/{id}", TRACE, &[], 200),
    ("/api/v2/search/tag/{tag}/values", "resource.service.name", &[], 200),
    ("/api/v2/search/tags", "", &[], 200),
    ("/api/v2/traces/{id}", TRACE, &[], 200),
    (
        "/api/v3/dependencies",
        "",
        &[("startTime", "2026-01-01T00:00:00Z"), ("endTime", "2026-01-02T00:00:00Z")],
        200,
    ),
    ("/api/v3/operations", "", &[("service", "gateway")], 200),
    ("/api/v3/services", "", &[], 200),
    ("/api/v3/trace-summaries", "", DAY, 200),
    ("/api/v3/traces", "", DAY, 200),
    ("/api/v3/traces/{id}", TRACE, &[], 200),
    ("/loki/api/v1/detected_field/{name}/values", "level", WEB, 200),
    ("/loki/api/v1/detected_fields", "", WEB, 200),
    ("/loki/api/v1/detected_labels", "", &[], 200),
    ("/loki/api/v1/drilldown-limits", "", &[], 200),
    ("/loki/api/v1/format_query", "", WEB, 200),
    ("/loki/api/v1/index/stats", "", WEB, 200),
    ("/loki/api/v1/index/volume", "", WEB, 200),
    ("/loki/api/v1/index/volume_range", "", WEB, 200),
    ("/loki/api/v1/label", "", &[], 200),
    ("/loki/api/v1/label/{name}/values", "service_name", &[], 200),
    ("/loki/api/v1/labels", "", &[], 200),
    ("/loki/api/v1/patterns", "", WEB, 200),
    ("/loki/api/v1/query", "", &[("query", "vector(1)+vector(1)")], 200),
    ("/loki/api/v1/query_range", "", WEB, 200),
    ("/loki/api/v1/series", "", &[("match[]", r#"{service_name="payment"}"#)], 200),
    ("/loki/api/v1/status/buildinfo", "", &[], 200),
    // Only a websocket is answered.
    ("/loki/api/v1/tail", "", WEB, 400),
    ("/ready", "", &[], 200),
];

fn is_of_grafana(item: &Json) -> bool {
    ["tempo", "loki", "jaeger"].map(Json::from).contains(&item["get"]["tags"][0])
}

#[tokio::test]
async fn every_call_is_described_and_answers_as_it_is_described() {
    let sidecar = Sidecar::with_shop().await;
    let description = get(&sidecar.router, "/api/v1/openapi.json").await.json();
    let all = description["paths"].as_object().unwrap().iter();
    let described: Vec<&String> = all.filter(|(_, item)| is_of_grafana(item)).map(|(path, _)| path).collect();
    assert_eq!(described, CALLS.map(|(path, ..)| path));
    for (called, name, params, status) in CALLS {
        let item = &description["paths"][called];
        let (before, after) = called.split_once('{').unwrap_or((called, ""));
        let at = format!("{before}{name}{}", after.split_once('}').map_or("", |(_, after)| after));
        // Where the same calls stand besides.
        let besides = match item["get"]["tags"][0].as_str().unwrap() {
            "tempo" => format!("/tempo{at}"),
            "jaeger" => format!("/jaeger{at}"),
            _ if at == "/ready" => at.clone(),
            _ => format!("/loki/api/v1{at}"),
        };
        for at in [&at, &besides] {
            let got = get(&sidecar.router, &path(at, params)).await;
            assert_eq!(got.status.as_u16(), status, "{at}: {}", got.text());
            let bodies = item["get"]["responses"][&status.to_string()]["content"].as_object().unwrap();
            let kind = got.content_type().split(';').next().unwrap();
            assert!(bodies.contains_key(kind), "{at}: {kind} and not {bodies:?}");
        }
        let posted = Request::post(&at).body(Body::empty()).unwrap();
        let refused = respond(&sidecar.router, posted).await.status() == StatusCode::METHOD_NOT_ALLOWED;
        assert_eq!(refused, item["post"].is_null(), "{at}");
    }
}

#[tokio::test]
async fn refusals_come_in_the_kind_of_body_that_is_described() {
    let sidecar = Sidecar::with_shop().await;
    let description = get(&sidecar.router, "/api/v1/openapi.json").await.json();
    let cases = [
        ("/api/search", path("/api/search", &[("q", "{")])),
        ("/api/metrics/query_range", path("/api/metrics/query_range", &[("q", "{}")])),
        ("/api/v2/traces/{id}", "/api/v2/traces/nonsense".to_owned()),
        ("/loki/api/v1/query_range", path("/loki/api/v1/query_range", &[("query", "{")])),
        ("/loki/api/v1/series", path("/loki/api/v1/series", &[("match[]", "{")])),
        ("/api/traces", path("/api/traces", &[("tags", "no JSON")])),
        ("/api/v3/traces", "/api/v3/traces".to_owned()),
        ("/api/traces/{id}", "/api/traces/nonsense".to_owned()),
    ];
    for (called, asked) in cases {
        let got = get(&sidecar.router, &asked).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{asked}");
        let bodies = &description["paths"][called]["get"]["responses"]["400"]["content"];
        let kind = got.content_type().split(';').next().unwrap();
        assert!(bodies[kind].is_object(), "{asked}: {kind} and not {bodies}");
    }
    // Every parameter has its meaning, and whatever any call may be refused with is told.
    for (called, item) in
        description["paths"].as_object().unwrap().iter().filter(|(_, item)| is_of_grafana(item))
    {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{called}: {parameter}");
        }
        for status in ["400", "401", "421", "422", "429", "500", "504", "default"] {
            assert!(item["get"]["responses"][status].is_object(), "{called}: {status}");
        }
    }
}
