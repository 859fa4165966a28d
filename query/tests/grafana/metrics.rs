//! TraceQL's metrics, as Traces Drilldown and alerting ask for them.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::fixture::Sidecar;
use crate::request::{get, path};
use crate::strict::{KeyValue, Metrics};

/// An instant answer as Grafana reads it: no other keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Instant {
    series: Vec<InstantSeries>,
    metrics: Metrics,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
struct InstantSeries {
    labels: Vec<KeyValue>,
    #[serde(default)]
    value: f64,
    #[serde(default)]
    prom_labels: String,
}

async fn range(sidecar: &Sidecar, query: &str, step: &str) -> Json {
    let params = [("q", query), ("start", "1767268800"), ("end", "1767269000"), ("step", step)];
    get(&sidecar.router, &path("/api/metrics/query_range", &params)).await.json()
}

/// Labels and samples, in text.
fn series(answer: &Json) -> Vec<String> {
    let one = |series: &Json| {
        let labels = series["labels"].as_array().unwrap().iter().map(|label| {
            let value = label["value"].as_object().unwrap().values().next().unwrap();
            format!("{}={}", label["key"].as_str().unwrap(), value.to_string().replace('"', ""))
        });
        let samples = series["samples"].as_array().unwrap().iter().map(|sample| {
            let millis: u64 = sample["timestampMs"].as_str().unwrap().parse().unwrap();
            format!("{}:{}", millis / 1000 - 1_767_268_800, sample["value"])
        });
        format!("{} {}", labels.collect::<Vec<_>>().join(","), samples.collect::<Vec<_>>().join(" "))
    };
    answer["series"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn the_functions_that_grafana_writes_count_spans() {
    let sidecar = Sidecar::with_shop().await;
    let cases: &[(&str, &[&str])] = &[
        ("{nestedSetParent<0 && true} | rate() ", &["__name__=rate 0:0.02 100:0.01"]),
        ("{nestedSetParent<0 && true && status=error} | rate() ", &["__name__=rate 0:0.01 100:0.0"]),
        ("{} | count_over_time()", &["__name__=count_over_time 0:6.0 100:1.0"]),
        (
            "{nestedSetParent<0 && true && resource.service.name != nil} | rate() by(resource.service.name) with(sample=true)",
            &[
                "resource.service.name=cart 0:0.01 100:0.0",
                "resource.service.name=gateway 0:0.01 100:0.0",
                "resource.service.name=worker 0:0.0 100:0.01",
            ],
        ),
        (
            "{kind=server} | max_over_time(duration) by (name)",
            &["name=GET /cart 0:1.5", "name=GET /checkout 0:0.3", "name=charge 0:0.26"],
        ),
        ("{} | min_over_time(span.http.response.status_code)", &["__name__=min_over_time 0:200.0"]),
        ("{} | avg_over_time(span.http.response.status_code)", &["__name__=avg_over_time 0:350.0"]),
        ("{name=\"GET /cart\"} | histogram_over_time(duration) with(sample=true)", &["__bucket=2.0 0:1.0"]),
        ("{} | count_over_time() by (status) | topk(1)", &["status=error 0:3.0", "status=unset 100:1.0"]),
        ("{} | count_over_time() > 2", &["__name__=count_over_time 0:6.0"]),
        ("{ parent = nil } | count_over_time()", &["__name__=count_over_time 0:2.0 100:1.0"]),
        ("({} | count_over_time()) * 10 - 1", &["__name__=count_over_time 0:59.0 100:9.0"]),
        ("2 * ({} | count_over_time()) > 3", &["__name__=count_over_time 0:12.0"]),
        (
            "({status = error} | count_over_time()) / ({} | count_over_time())",
            &["__name__=(count_over_time / count_over_time) 0:0.5 100:0.0"],
        ),
        (
            "({} | count_over_time() by (status)) / ({} | count_over_time()) * 6",
            &["status=error 0:3.0 100:0.0", "status=ok 0:2.0 100:0.0", "status=unset 0:1.0 100:6.0"],
        ),
        (
            "(({} | count_over_time() by (status)) - 1 | topk(1)) + ({} >> {} | count_over_time())",
            &["status=error 0:6.0", "status=unset 100:0.0"],
        ),
        ("{} >> {} | count_over_time()", &["__name__=count_over_time 0:4.0 100:0.0"]),
        ("{status=ok} | count_over_time() by (span.nothing)", &["span.nothing=nil 0:2.0 100:0.0"]),
    ];
    let mut wrong = Vec::new();
    for (query, expected) in cases {
        let found = series(&range(&sidecar, query, "100s").await);
        if found != *expected {
            wrong.push(format!("{query}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn quantiles_lie_within_their_bucket() {
    let sidecar = Sidecar::with_shop().await;
    let answer =
        range(&sidecar, "{name=\"GET /cart\"} | quantile_over_time(duration, 0.9, .5) ", "200s").await;
    let all = answer["series"].as_array().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["labels"], json!([{ "key": "p", "value": { "doubleValue": 0.5 } }]));
    for series in all {
        let value = series["samples"][0]["value"].as_f64().unwrap();
        assert!((1.0..=2.0).contains(&value), "{value}");
    }
}

#[tokio::test]
async fn a_selection_is_compared_with_the_rest() {
    let sidecar = Sidecar::with_shop().await;
    let found = series(&range(&sidecar, "{true} | compare({status = error}, 10)", "1h").await);
    for expected in [
        "__meta_type=selection,resource.service.name=gateway 0:2.0",
        "__meta_type=selection,resource.service.name=payment 0:1.0",
        "__meta_type=baseline,resource.service.name=payment 0:1.0",
        "__meta_type=selection_total,resource.service.name=nil 0:3.0",
        "__meta_type=baseline_total,resource.service.name=nil 0:4.0",
        "__meta_type=selection,status=error 0:3.0",
    ] {
        assert!(found.iter().any(|series| series == expected), "{expected}: {found:#?}");
    }
    let query =
        "{} | compare({duration >= 0ms && duration <= 2s}, 10, 1719000000000000000, 1719003600000000000)";
    let found = series(&range(&sidecar, query, "1h").await);
    assert!(!found.iter().any(|series| series.contains("=selection")), "{found:#?}");
}

#[tokio::test]
async fn exemplars_lead_to_traces() {
    let sidecar = Sidecar::with_shop().await;
    let answer = range(&sidecar, "{} | rate()", "100s").await;
    let exemplar = &answer["series"][0]["exemplars"][0];
    assert_eq!(exemplar["labels"][0]["key"], "trace:id");
    assert!(exemplar["value"].as_f64().unwrap() != 0.0 && exemplar["timestampMs"].is_string());
    assert_eq!(answer["status"], "COMPLETE");
}

#[tokio::test]
async fn an_instant_answer_has_no_key_that_grafana_does_not_know() {
    let sidecar = Sidecar::with_shop().await;
    // Grafana 11 calls the question `query`.
    for name in ["q", "query"] {
        let params = [
            (name, "{} | count_over_time() by (resource.service.name)"),
            ("start", "1767268800"),
            ("end", "1767269000"),
        ];
        let got = get(&sidecar.router, &path("/api/metrics/query", &params)).await;
        let answer: Instant = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(answer.series.iter().map(|series| series.value).collect::<Vec<_>>(), [2.0, 2.0, 2.0, 1.0]);
    }
}

#[tokio::test]
async fn a_wrong_question_is_a_400() {
    let sidecar = Sidecar::with_shop().await;
    for (query, words) in [
        ("{} | rate", "parse error at line 1"),
        ("{}", "a metrics function"),
        ("({} | rate()) % ({} | rate())", "`%` or `^` between queries is not supported"),
        ("{} | compare({true}) by(name)", "`compare` with `by` is not supported"),
    ] {
        let got = get(
            &sidecar.router,
            &path("/api/metrics/query_range", &[("q", query), ("start", "1"), ("end", "2")]),
        )
        .await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        assert!(got.text().contains(words), "{}", got.text());
    }
    let probe = path("/api/metrics/query_range", &[("q", "{} | rate()")]);
    assert_eq!(get(&sidecar.router, &probe).await.status, StatusCode::OK);
}
