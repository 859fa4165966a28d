//! What Traces Drilldown and Logs Drilldown ask, to the letter, for each of their signals and filters.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use crate::fixture::Sidecar;
use crate::loki::{END, START, ask, lines, with_logs};
use crate::request::{get, get_with, path};
use crate::strict::{AnyValue, SearchResponse};

/// The primary signals, and the spans of the shop that each stands for.
const SIGNALS: [(&str, &str); 5] = [
    ("nestedSetParent<0", "a1 b1 c1"),
    ("true", "a1 a2 a3 a4 b1 b2 c1"),
    ("kind=server", "a1 a3 b1"),
    ("kind=consumer", "c1"),
    (r#"span.db.system.name!="""#, ""),
];

/// Spans of the shop that failed, and those that took more than 200 ms.
const FAILED: [&str; 3] = ["a1", "a2", "a3"];
const SLOW: [&str; 4] = ["a1", "a2", "a3", "b1"];

/// What a person added to the signal, and the services whose spans pass it.
const FILTERS: [(&str, &[&str]); 2] = [
    ("true", &["a", "b", "c"]),
    (r#"resource.service.name=~"gateway|payment" && resource.service.namespace!="x""#, &[]),
];

fn with_filter(spans: &str, traces: &[&str]) -> Vec<String> {
    let passes = |span: &&str| traces.iter().any(|trace| span.starts_with(trace));
    spans.split_whitespace().filter(passes).map(str::to_owned).collect()
}

fn among<'a>(spans: &'a [String], some: &[&str]) -> Vec<&'a String> {
    spans.iter().filter(|span| some.contains(&span.as_str())).collect()
}

async fn range(sidecar: &Sidecar, query: &str, step: &str) -> Vec<Json> {
    let params = [("q", query), ("start", "1767268800"), ("end", "1767269000"), ("step", step)];
    let got = get(&sidecar.router, &path("/api/metrics/query_range", &params)).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    got.json()["series"].as_array().unwrap().clone()
}

fn label<'a>(series: &'a Json, key: &str) -> Option<&'a Json> {
    series["labels"].as_array().unwrap().iter().find(|label| label["key"] == key).map(|label| &label["value"])
}

/// All samples of all series together.
fn sum<'a>(series: impl IntoIterator<Item = &'a Json>) -> f64 {
    let samples = series.into_iter().flat_map(|series| series["samples"].as_array().unwrap());
    samples.map(|sample| sample["value"].as_f64().unwrap()).sum()
}

async fn search(sidecar: &Sidecar, query: &str, limit: &str, spss: &str) -> SearchResponse {
    let params =
        [("q", query), ("limit", limit), ("spss", spss), ("start", "1767268800"), ("end", "1767269000")];
    let got = get(&sidecar.router, &path("/api/search", &params)).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    SearchResponse::read(&got.body)
}

/// The short ids of the spans found. The structure tab needs all spans of a trace in one set.
fn found(answer: &SearchResponse) -> Vec<String> {
    let sets = answer.traces.iter().map(|trace| {
        assert_eq!(trace.span_sets.len(), 1, "{trace:?}");
        &trace.span_sets[0]
    });
    let ids = sets.flat_map(|set| &set.spans).map(|span| span.span_id.trim_start_matches('0').to_owned());
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn rates_durations_and_breakdowns_count_the_spans_of_each_signal() {
    let sidecar = Sidecar::with_shop().await;
    for (signal, spans) in SIGNALS {
        let spans = with_filter(spans, FILTERS[0].1);
        let (count, p, f) = (spans.len() as f64, signal, FILTERS[0].0);
        let rate = range(&sidecar, &format!("{{{p} && {f}}} | rate() "), "100s").await;
        assert_eq!((sum(&rate) * 100.0).round(), count, "{signal}");
        let failing = range(&sidecar, &format!("{{{p} && {f} && status=error}} | rate() "), "100s").await;
        assert_eq!((sum(&failing) * 100.0).round(), among(&spans, &FAILED).len() as f64, "{signal}");
        let grouped =
            format!("{{{p} && {f} && resource.service.name != nil}} | rate() by(resource.service.name)");
        for query in [grouped.clone(), format!("{grouped} with(sample=true)")] {
            let by_service = range(&sidecar, &query, "100s").await;
            assert_eq!((sum(&by_service) * 100.0).round(), count, "{query}");
            assert!(by_service.iter().all(|series| label(series, "resource.service.name").is_some()));
        }
        let quantile =
            range(&sidecar, &format!("{{{p} && {f}}} | quantile_over_time(duration, 0.9) "), "200s").await;
        assert_eq!(quantile.len(), usize::from(!spans.is_empty()), "{signal}");
        assert!(quantile.iter().all(|series| label(series, "p") == Some(&json!({ "doubleValue": 0.9 }))));
        let histogram = format!("{{{p} && {f}}} | histogram_over_time(duration) with(sample=true)");
        let histogram = range(&sidecar, &histogram, "100s").await;
        assert_eq!(sum(&histogram), count, "{signal}");
        assert!(histogram.iter().all(|series| label(series, "__bucket").unwrap()["doubleValue"].is_number()));
    }
    // The start-up probe names no time.
    let probe = path("/api/metrics/query_range", &[("q", "{} | rate()")]);
    assert_eq!(get(&sidecar.router, &probe).await.status, StatusCode::OK);
}

#[tokio::test]
async fn comparisons_split_the_spans_of_each_signal() {
    let sidecar = Sidecar::with_shop().await;
    for (signal, spans) in SIGNALS {
        let spans = with_filter(spans, FILTERS[0].1);
        let selections: [(&str, &[&str]); 3] = [
            ("compare({status = error}, 10)", &FAILED),
            (
                "compare({duration >= 200ms && duration <= 2s}, 10, 1767268799000000000, 1767269000000000000)",
                &SLOW,
            ),
            (
                "compare({duration >= 0ms && duration <= 2s}, 10, 1719000000000000000, 1719003600000000000)",
                &[],
            ),
        ];
        for (compare, selected) in selections {
            let series = range(&sidecar, &format!("{{{signal} && true}} | {compare}"), "200s").await;
            let total = |side: &str| {
                let of_names = series.iter().filter(|series| {
                    label(series, "__meta_type") == Some(&json!({ "stringValue": side }))
                        && label(series, "name").is_some()
                });
                sum(of_names)
            };
            let selected = among(&spans, selected).len() as f64;
            assert_eq!(total("selection_total"), selected, "{signal}: {compare}");
            assert_eq!(total("baseline_total"), spans.len() as f64 - selected, "{signal}: {compare}");
            assert_eq!(total("selection"), selected, "{signal}: {compare}");
        }
    }
}

#[tokio::test]
async fn span_lists_and_exceptions_are_found() {
    let sidecar = Sidecar::with_shop().await;
    for (signal, spans) in SIGNALS {
        let spans = with_filter(spans, FILTERS[0].1);
        let listed =
            format!("{{{signal} && true && status = error}} | select(status, resource.service.name, name)");
        let answer = search(&sidecar, &listed, "200", "10").await;
        assert_eq!(found(&answer).iter().collect::<Vec<_>>(), among(&spans, &FAILED), "{signal}");
        let exceptions = format!(
            "{{{signal} && true && status = error}} | select(resource.service.name, \
             event.exception.message,event.exception.stacktrace,event.exception.type) with(most_recent=true)"
        );
        let answer = search(&sidecar, &exceptions, "400", "3").await;
        assert_eq!(found(&answer).iter().collect::<Vec<_>>(), among(&spans, &FAILED), "{signal}");
        let thrown = answer.traces.iter().flat_map(|trace| &trace.span_sets[0].spans);
        let messages: Vec<_> = thrown.filter_map(|span| span.attribute("exception.message")).collect();
        let expected = AnyValue::Text("connection pool exhausted".to_owned());
        assert_eq!(messages.len(), among(&spans, &["a3"]).len(), "{signal}");
        assert!(messages.iter().all(|message| **message == expected), "{messages:?}");
    }
}

#[tokio::test]
async fn the_structure_tab_finds_whole_trees_in_each_of_its_modes() {
    let sidecar = Sidecar::with_shop().await;
    const FIELDS: &str =
        "select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)";
    let modes = [
        ("{P && F && status = error}", "{ status = error }", ["a1 a2 a3", "a1 a2 a3", "a1 a2 a3", "", ""]),
        ("{P && F}", "{ kind = server }", ["a1 a3 b1 c1", "a1 a2 a3 a4 b1 b2 c1", "a1 a3 b1", "c1", ""]),
        (
            "{P && F && duration > 270ms}",
            "{ duration > 100ms }",
            ["a1 a2 a3 b1", "a1 a2 a3 b1", "a1 a2 a3 b1", "", ""],
        ),
    ];
    for (signal, below, expected) in modes {
        for ((p, _), wanted) in SIGNALS.into_iter().zip(expected) {
            let top = signal.replace('P', p).replace('F', "true");
            let query = format!("({top} &>> {below}) || ({top}) | {FIELDS}");
            let answer = search(&sidecar, &query, "200", "20").await;
            assert_eq!(found(&answer).join(" "), wanted, "{query}");
            for span in answer.traces.iter().flat_map(|trace| &trace.span_sets[0].spans) {
                for number in ["nestedSetParent", "nestedSetLeft", "nestedSetRight"] {
                    assert!(matches!(span.attribute(number), Some(AnyValue::Int(_))), "{query}: {span:?}");
                }
                assert!(matches!(span.attribute("service.name"), Some(AnyValue::Text(_))), "{span:?}");
                assert!(!span.name.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn a_persons_filters_narrow_a_signal() {
    let sidecar = Sidecar::with_shop().await;
    let filter = FILTERS[1].0;
    let cases = [
        (format!("{{true && {filter}}}"), ""),
        (r#"{true && resource.service.name=~"gateway|payment"}"#.to_owned(), "a1 a2 a3 a4"),
        (r#"{nestedSetParent<0 && resource.service.name="cart" && kind=server}"#.to_owned(), "b1"),
    ];
    for (query, wanted) in cases {
        assert_eq!(found(&search(&sidecar, &query, "20", "0").await).join(" "), wanted, "{query}");
    }
}

/// Labels and numbers of an instant question over the last hour, in order.
async fn numbers(sidecar: &Sidecar, query: &str) -> Vec<String> {
    let asked = path("/loki/api/v1/query", &[("direction", "backward"), ("query", query), ("time", END)]);
    let flags = [
        ("X-Loki-Response-Encoding-Flags", "categorize-labels"),
        ("X-Query-Tags", "Source=grafana-lokiexplore-app"),
    ];
    let got = get_with(&sidecar.router, &asked, &flags).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    let result = got.json()["data"]["result"].clone();
    let one = |series: &Json| format!("{} {}", series["metric"], series["value"][1].as_str().unwrap());
    let mut all: Vec<String> = result.as_array().unwrap().iter().map(one).collect();
    all.sort();
    all
}

#[tokio::test]
async fn the_logs_app_counts_by_levels_labels_and_fields() {
    let sidecar = with_logs().await;
    let cases: &[(&str, &[&str])] = &[
        (
            r#"sum by (detected_level) (count_over_time({ service_name="web" } [1h]))"#,
            &[
                r#"{"detected_level":"error"} 1"#,
                r#"{"detected_level":"info"} 2"#,
                r#"{"detected_level":"warn"} 1"#,
            ],
        ),
        (r#"sum(count_over_time({service_name="web"}  [1h0m0s]))"#, &["{} 4"]),
        (
            r#"sum(count_over_time({service_name="web" ,k8s_pod_name != ""}  [1h0m0s])) by (k8s_pod_name)"#,
            &[r#"{"k8s_pod_name":"web-1"} 4"#],
        ),
        (
            r#"sum by (method) (count_over_time({service_name="web"} | json | logfmt | drop __error__, __error_details__ | method!="" [1h]))"#,
            &[r#"{"method":"GET"} 1"#, r#"{"method":"POST"} 1"#],
        ),
        (
            r#"avg_over_time({service_name="web"} | json | unwrap duration(took) | __error__="" [1h]) by ()"#,
            &["{} 1.06"],
        ),
        (
            r#"avg_over_time({service_name="web"} | logfmt | unwrap bytes(size) | __error__="" [1h]) by ()"#,
            &["{} 3000"],
        ),
        (
            r#"avg_over_time({service_name="web"} | json | unwrap status | __error__="" [1h]) by (detected_level)"#,
            &[r#"{"detected_level":"error"} 500"#, r#"{"detected_level":"info"} 200"#],
        ),
        (
            r#"sum by (http_route) (count_over_time({service_name="web"} | keep http_route [1h]))"#,
            &[r#"{"http_route":"/pay"} 1"#, "{} 3"],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(numbers(&sidecar, query).await, *expected, "{query}");
    }
}

#[tokio::test]
async fn the_logs_app_finds_its_lines() {
    let sidecar = with_logs().await;
    let cases: &[(&str, &[&str])] = &[
        (
            r#"{service_name="web", k8s_pod_name="web-1"} | detected_level="error" or detected_level="info" | http_route="/pay"  |> "<_>POST<_>" |~ "(?i)post" != "noise" | json | logfmt | drop __error__, __error_details__ | method="POST" | took>1s"#,
            &[r#"{"method":"POST","st"#],
        ),
        (
            r#"{service_name="web"} |> "level=<_>" or "plain <_>""#,
            &["level=info msg=\"all ", "plain words, \u{1b}[31mre"],
        ),
        (r#"{service_name="web"} |~ "(?i).*ALL WELL.*""#, &["level=info msg=\"all "]),
        (r#"{service_name=~"web|cart", k8s_pod_name!="web-1"}"#, &[r#"{"message":"cart loa"#]),
    ];
    for (query, expected) in cases {
        let mut found = lines(&ask(&sidecar, query, &[]).await);
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(|line| line.chars().take(20).collect()).collect();
        expected.sort();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn volumes_are_told_for_times_and_labels_as_the_app_names_them() {
    let sidecar = with_logs().await;
    let ask = async |more: &[(&str, &str)]| {
        let mut params = vec![
            ("query", "{service_name=~`.+`}"),
            ("start", "2026-01-01T12:00:00.000Z"),
            ("end", "2026-01-01T12:03:20.000Z"),
            ("limit", "5000"),
        ];
        params.extend(more);
        let got = get(&sidecar.router, &path("/loki/api/v1/index/volume", &params)).await.json();
        let one = |series: &Json| series["metric"].to_string();
        got["data"]["result"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let by_service = ask(&[]).await;
    assert_eq!((by_service.len(), by_service[0].as_str()), (5, r#"{"service_name":"web"}"#));
    let by_pod = ask(&[("targetLabels", "k8s_pod_name")]).await;
    assert!(by_pod.contains(&r#"{"k8s_pod_name":"web-1"}"#.to_owned()), "{by_pod:?}");
    let names = ask(&[("aggregateBy", "labels"), ("targetLabels", "service_name,k8s_pod_name")]).await;
    assert_eq!(names.len(), 2, "{names:?}");
    // The same times in other notations.
    let within = [("start", START), ("end", END), ("query", r#"{service_name="web"}"#)];
    let got = get(&sidecar.router, &path("/loki/api/v1/index/volume", &within)).await.json();
    assert_eq!(got["data"]["result"].as_array().unwrap().len(), 1);
}
