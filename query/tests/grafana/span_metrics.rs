//! `/metrics/traces` as Prometheus scrapes it, with the names and labels that Grafana's service graph asks for.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use spandrel_config::{Limits, Security};

use crate::fixture::{Sidecar, shop};
use crate::request::{get, get_with};

/// A sample: name, labels, and the rest of the line.
fn sample(line: &str) -> (&str, BTreeSet<&str>, &str) {
    let (name, rest) = line.split_once('{').unwrap();
    let (labels, rest) = rest.split_once("} ").unwrap();
    (name, labels.split(',').map(|label| label.split_once('=').unwrap().0).collect(), rest)
}

#[tokio::test]
async fn the_service_graph_finds_its_names_and_labels() {
    let sidecar = Sidecar::with_shop().await;
    let got = get(&sidecar.router, "/metrics/traces").await;
    assert_eq!(got.content_type(), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = got.text();
    assert!(text.ends_with("# EOF\n"));
    let labels_of = |wanted: &str| -> BTreeSet<&str> {
        let line = text.lines().find(|line| line.starts_with(&format!("{wanted}{{")));
        sample(line.unwrap_or_else(|| panic!("{wanted}: {text}"))).1
    };
    let edge = BTreeSet::from([
        "client",
        "server",
        "connection_type",
        "client_service_namespace",
        "server_service_namespace",
    ]);
    for name in [
        "traces_service_graph_request_total",
        "traces_service_graph_request_failed_total",
        "traces_service_graph_request_server_seconds_sum",
        "traces_service_graph_request_client_seconds_sum",
    ] {
        assert_eq!(labels_of(name), edge, "{name}");
    }
    let operation = BTreeSet::from(["service", "span_name", "span_kind", "status_code"]);
    assert_eq!(labels_of("traces_spanmetrics_calls_total"), operation);
    assert!(labels_of("traces_spanmetrics_latency_bucket").contains("le"));
    assert!(text.contains(
        "traces_service_graph_request_total{client=\"gateway\",server=\"payment\",connection_type=\"\",client_service_namespace=\"\",server_service_namespace=\"\"} 1\n"
    ), "{text}");
    assert!(text.contains(
        "traces_spanmetrics_calls_total{service=\"gateway\",span_name=\"GET /checkout\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_ERROR\"} 1\n"
    ), "{text}");
    let exemplar = text.lines().find(|line| line.contains("GET /checkout") && line.contains(" # {")).unwrap();
    assert!(exemplar.contains("trace_id=\"5b8efff798038103d269b633813fc60c\""), "{exemplar}");
    // Every span counts, once.
    let calls = text.lines().filter(|line| line.starts_with("traces_spanmetrics_calls_total{"));
    let total: u64 = calls.map(|line| sample(line).2.parse::<u64>().unwrap()).sum();
    let spans =
        shop().iter().filter(|record| matches!(record.body, spandrel_store::RecordBody::Span(_))).count();
    assert_eq!(total, spans as u64);
}

#[tokio::test]
async fn names_of_operations_are_for_those_who_may_ask() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a-long-enough-secret-of-the-test").unwrap();
    let security = Security { token_file: Some(token), ..Security::default() };
    let sidecar = Sidecar::with(Limits::default(), &security).await;
    assert_eq!(get(&sidecar.router, "/metrics/traces").await.status, StatusCode::UNAUTHORIZED);
    let bearer = [("authorization", "Bearer a-long-enough-secret-of-the-test")];
    assert_eq!(get_with(&sidecar.router, "/metrics/traces", &bearer).await.status, StatusCode::OK);
}
