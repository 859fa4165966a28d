//! Tempo: health, traces, search, tags.

use std::sync::Arc;

use axum::http::StatusCode;
use prost::Message;
use serde_json::json;
use spandrel_config::{ByteSize, Limits};
use spandrel_query::tempo::{Status, Trace, TraceByIdResponse};

use crate::fixture::{Sidecar, router_over};
use crate::gone::Gone;
use crate::request::{get, get_with, path};
use crate::strict::{AnyValue, SearchResponse};

const CHECKOUT: &str = "5b8efff798038103d269b633813fc60c";
const PROTOBUF: &[(&str, &str)] = &[("accept", "application/protobuf")];

#[tokio::test]
async fn save_and_test_passes_in_every_version() {
    let sidecar = Sidecar::with_shop().await;
    for prefix in ["", "/tempo"] {
        let echo = get(&sidecar.router, &format!("{prefix}/api/echo")).await;
        assert_eq!((echo.status, echo.text()), (StatusCode::OK, "echo"));
        let info = get(&sidecar.router, &format!("{prefix}/api/status/buildinfo")).await.json();
        for key in ["version", "revision", "branch", "buildDate", "buildUser", "goVersion"] {
            assert!(info[key].is_string(), "{key}");
        }
    }
}

#[tokio::test]
async fn a_trace_is_protobuf_in_which_everything_that_grafana_reads_is_there() {
    let sidecar = Sidecar::with_shop().await;
    // Whatever case, and what newer versions add.
    let asked = [
        "5B8EFFF798038103D269B633813FC60C?span_pruning=false",
        "5b8efff798038103d269b633813fc60c?start=1&end=2",
    ];
    for asked in asked {
        let got = get_with(&sidecar.router, &format!("/api/v2/traces/{asked}"), PROTOBUF).await;
        assert_eq!((got.status, got.content_type()), (StatusCode::OK, "application/protobuf"));
        let answer = TraceByIdResponse::decode(got.body.as_slice()).unwrap();
        assert_eq!((answer.status(), answer.message.as_str()), (Status::Complete, ""));
        all_there(answer.trace.unwrap(), 4);
    }
    for v1 in ["/api/traces/", "/tempo/api/traces/"] {
        let got = get_with(&sidecar.router, &format!("{v1}{CHECKOUT}"), PROTOBUF).await;
        all_there(Trace::decode(got.body.as_slice()).unwrap(), 4);
    }
}

/// As Grafana's converter reads it: it looks into none of these before it uses them.
fn all_there(trace: Trace, count: usize) {
    let mut spans = 0;
    for resource in trace.resource_spans {
        assert!(!resource.resource.unwrap().attributes.is_empty());
        for scope in resource.scope_spans {
            assert!(scope.scope.is_some());
            for span in scope.spans {
                assert!(span.status.is_some());
                assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
                assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
                spans += 1;
            }
        }
    }
    assert_eq!(spans, count);
}

#[tokio::test]
async fn a_short_id_finds_the_padded_one() {
    let sidecar = Sidecar::with_shop().await;
    let got = get_with(&sidecar.router, "/api/v2/traces/f067aa0ba902b7", PROTOBUF).await;
    all_there(TraceByIdResponse::decode(got.body.as_slice()).unwrap().trace.unwrap(), 1);
}

#[tokio::test]
async fn a_trace_that_is_nowhere_is_not_found_and_a_wrong_id_is_refused() {
    let sidecar = Sidecar::with_shop().await;
    for version in ["/api/v2/traces/", "/tempo/api/traces/"] {
        let got =
            get_with(&sidecar.router, &format!("{version}0123456789abcdef0123456789abcdef"), PROTOBUF).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND);
        let got = get_with(&sidecar.router, &format!("{version}nonsense"), PROTOBUF).await;
        assert_eq!((got.status, got.content_type()), (StatusCode::BAD_REQUEST, "text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn what_is_missing_of_a_trace_is_told_as_partial() {
    let sidecar = Sidecar::with_shop().await;
    let here = spandrel_query::source::LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 8);
    let gone = Gone { name: "payment:7317".to_owned() };
    let router = router_over(vec![Arc::new(here), Arc::new(gone)], Limits::default());
    for (id, spans) in [(CHECKOUT, 4), ("0123456789abcdef0123456789abcdef", 0)] {
        let got = get_with(&router, &format!("/api/v2/traces/{id}"), PROTOBUF).await;
        let answer = TraceByIdResponse::decode(got.body.as_slice()).unwrap();
        assert_eq!(answer.status(), Status::Partial);
        assert!(answer.message.contains("payment:7317"), "{}", answer.message);
        all_there(answer.trace.unwrap(), spans);
    }
    let got = get(&router, &format!("/api/v2/traces/{CHECKOUT}")).await.json();
    assert_eq!(got["status"], "PARTIAL");
    assert_eq!(got["trace"]["resourceSpans"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn nobody_to_answer_is_no_empty_answer() {
    let gone = Gone { name: "payment:7317".to_owned() };
    let router = router_over(vec![Arc::new(gone)], Limits::default());
    let search = path("/api/search", &[("q", "{}")]);
    for asked in [search.as_str(), "/api/v2/search/tags", "/api/v2/search/tag/name/values"] {
        let got = get(&router, asked).await;
        assert_eq!(got.status, StatusCode::GATEWAY_TIMEOUT, "{asked}");
        assert!(got.text().contains("payment:7317"));
    }
}

async fn search(sidecar: &Sidecar, query: &str) -> SearchResponse {
    let got =
        get(&sidecar.router, &path("/api/search", &[("q", query), ("limit", "20"), ("spss", "0")])).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    SearchResponse::read(&got.body)
}

fn spans_found(answer: &SearchResponse) -> Vec<String> {
    let sets = answer.traces.iter().flat_map(|trace| &trace.span_sets);
    let spans = sets.flat_map(|set| &set.spans).map(|span| span.span_id.trim_start_matches('0').to_owned());
    spans.collect()
}

/// What Grafana's form and its apps write, and the spans of the shop that each finds, newest trace first.
#[tokio::test]
async fn the_questions_that_grafana_writes_find_their_spans() {
    let sidecar = Sidecar::with_shop().await;
    let cases = [
        ("{}", "c1 b1 b2 a1 a2 a3 a4"),
        (r#"{resource.service.name="payment"}"#, "a3 a4"),
        (
            r#"{resource.service.name="payment" && name="charge" && status=error && duration>100ms && duration<1s}"#,
            "a3",
        ),
        (r#"{(resource.service.name="cart" || resource.service.name="worker")}"#, "c1 b1 b2"),
        (r#"{resource.service.name!="payment" && resource.service.name!="cart"}"#, "c1 a1 a2"),
        (r#"{resource.service.name=~"cart|worker"}"#, "c1 b1 b2"),
        (r#"{resource.service.name=~"c.*t"}"#, "b1 b2"),
        ("{span.http.response.status_code=500 && kind=server}", "a1"),
        ("{span.cached=true}", "b2"),
        (r#"{.http.route="/orders"}"#, "b1"),
        ("{traceDuration>1s}", "b1 b2"),
        (r#"{event.name="exception"}"#, "a3"),
        (r#"{event:name="exception"}"#, "a3"),
        (r#"{instrumentation:name="shop.instrumentation"} "#, "c1 b1 b2 a1 a2 a3 a4"),
        (r#"{link:traceID="5b8efff798038103d269b633813fc60c"}"#, ""),
        (r#"{span.db.name="x" || span.db.system="postgresql" || span.peer.service="x"}"#, "a4"),
        ("{nestedSetParent<0 && true}", "c1 b1 a1"),
        (
            "{nestedSetParent<0 && true && status = error} | select(resource.service.name, event.exception.message,event.exception.stacktrace,event.exception.type) with(most_recent=true)",
            "a1",
        ),
        (
            "({nestedSetParent<0 && true && status = error} &>> { status = error }) || ({nestedSetParent<0 && true && status = error}) | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
            "a1 a2 a3",
        ),
        (
            "({nestedSetParent<0 && true} &>> { kind = server }) || ({nestedSetParent<0 && true}) | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
            "c1 b1 a1 a3",
        ),
        ("{kind=client} >> {kind=client}", "a4"),
        ("{} > {name=\"load\"}", "b2"),
        ("{.db.system != nil}", "a4"),
        ("{} | count() > 2 | {kind=client}", "a2 a4"),
    ];
    for (query, finds) in cases {
        assert_eq!(spans_found(&search(&sidecar, query).await).join(" "), finds, "{query}");
    }
}

#[tokio::test]
async fn a_found_trace_says_what_the_form_shows() {
    let sidecar = Sidecar::with_shop().await;
    let answer = search(
        &sidecar,
        r#"{status=error && duration>100ms && .http.route != ""} | select(span.http.response.status_code)"#,
    )
    .await;
    let [trace] = answer.traces.as_slice() else { panic!("{answer:?}") };
    assert_eq!(trace.trace_id, CHECKOUT);
    assert_eq!(
        (trace.root_service_name.as_str(), trace.root_trace_name.as_str()),
        ("gateway", "GET /checkout")
    );
    assert_eq!((trace.start_time_unix_nano.as_str(), trace.duration_ms), ("1767268800000000000", 300));
    assert_eq!(
        (trace.service_stats["payment"].span_count, trace.service_stats["payment"].error_count),
        (2, 1)
    );
    let [set] = trace.span_sets.as_slice() else { panic!("{trace:?}") };
    assert_eq!(set.matched, 1);
    let span = &set.spans[0];
    assert_eq!((span.name.as_str(), span.duration_nanos.as_str()), ("GET /checkout", "300000000"));
    assert_eq!(span.attribute("status"), Some(&AnyValue::Text("error".to_owned())));
    assert_eq!(span.attribute("duration"), Some(&AnyValue::Text("300ms".to_owned())));
    assert_eq!(span.attribute("http.route"), Some(&AnyValue::Text("/orders/{id}".to_owned())));
    assert_eq!(span.attribute("http.response.status_code"), Some(&AnyValue::Int("500".to_owned())));
}

#[tokio::test]
async fn the_structure_tab_gets_numbers_to_build_trees_from() {
    let sidecar = Sidecar::with_shop().await;
    let query =
        "{} | select(status, resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)";
    let answer = search(&sidecar, query).await;
    let trace = answer.traces.iter().find(|trace| trace.trace_id == CHECKOUT).unwrap();
    let number = |span: usize, key: &str| match trace.span_sets[0].spans[span].attribute(key) {
        Some(AnyValue::Int(number)) => number.parse::<i64>().unwrap(),
        other => panic!("{key}: {other:?}"),
    };
    let numbers = |span| {
        (number(span, "nestedSetParent"), number(span, "nestedSetLeft"), number(span, "nestedSetRight"))
    };
    assert_eq!(
        [numbers(0), numbers(1), numbers(2), numbers(3)],
        [(-1, 1, 8), (1, 2, 7), (2, 3, 6), (3, 4, 5)]
    );
}

#[tokio::test]
async fn time_limits_and_counts_are_kept() {
    let sidecar = Sidecar::with_shop().await;
    let ask = async |params: &[(&str, &str)]| {
        let got = get(&sidecar.router, &path("/api/search", params)).await;
        spans_found(&SearchResponse::read(&got.body)).join(" ")
    };
    assert_eq!(ask(&[("q", "{}"), ("start", "1767268860"), ("end", "1767268860")]).await, "b1 b2");
    assert_eq!(
        ask(&[("q", "{}"), ("start", "1767268801"), ("end", "1767268900"), ("spss", "1")]).await,
        "b1"
    );
    assert_eq!(ask(&[("q", "{}"), ("limit", "1")]).await, "c1");
    assert_eq!(ask(&[("q", "")]).await, "c1 b1 b2 a1 a2 a3");
    assert_eq!(
        ask(&[("tags", "http.response.status_code=500 service.name=gateway"), ("minDuration", "100ms")])
            .await,
        "a1"
    );
    assert_eq!(ask(&[("tags", "error=true name=charge")]).await, "a3");
    assert_eq!(ask(&[("maxDuration", "1ms"), ("unknown", "parameter")]).await, "c1");
}

#[tokio::test]
async fn a_wrong_question_is_refused_in_words_that_grafana_shows() {
    let sidecar = Sidecar::with_shop().await;
    let cases = [
        (vec![("q", "{ status = }")], "invalid TraceQL query: parse error at line 1, col 12: syntax error"),
        (vec![("q", "{ parent }")], "the intrinsic `parent`, but beside `nil`, is not supported"),
        (vec![("q", "{} | rate()")], "/api/metrics/query_range"),
        (vec![("q", "{}"), ("limit", "0")], "invalid limit"),
        (vec![("q", "{}"), ("start", "soon")], "invalid start"),
    ];
    for (params, words) in cases {
        let got = get(&sidecar.router, &path("/api/search", &params)).await;
        assert_eq!((got.status, got.content_type()), (StatusCode::BAD_REQUEST, "text/plain; charset=utf-8"));
        assert!(got.text().contains(words), "{}", got.text());
    }
}

#[tokio::test]
async fn an_answer_that_would_be_too_large_is_refused_with_what_to_ask_for() {
    let sidecar = Sidecar::with_shop().await;
    let here = spandrel_query::source::LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 8);
    let limits = Limits { answer_bytes_max: ByteSize(1_000), ..Limits::default() };
    let router = router_over(vec![Arc::new(here)], limits);
    let refused = get(&router, &path("/api/search", &[("q", "{}"), ("spss", "0")])).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text());
    assert!(refused.text().contains("`spss`"), "{}", refused.text());
    let one = get(&router, &path("/api/search", &[("q", "{}"), ("limit", "1"), ("spss", "1")])).await;
    assert_eq!(one.status, 200, "{}", one.text());
}

#[tokio::test]
async fn nothing_found_is_an_empty_list() {
    let sidecar = Sidecar::empty().await;
    let got = get(
        &sidecar.router,
        &path("/api/search", &[("q", "{}"), ("start", "1767268800"), ("end", "1767268900")]),
    )
    .await;
    assert_eq!(got.json()["traces"], json!([]));
}

#[tokio::test]
async fn tags_are_listed_by_scope() {
    let sidecar = Sidecar::with_shop().await;
    let tags =
        get(&sidecar.router, "/api/v2/search/tags?limit=5000&start=1767268800&end=1767269000").await.json();
    let scope = |name: &str| {
        let scopes = tags["scopes"].as_array().unwrap();
        scopes.iter().find(|scope| scope["name"] == name).unwrap()["tags"].as_array().unwrap().clone()
    };
    assert!(scope("resource").contains(&json!("service.name")));
    assert!(scope("span").contains(&json!("http.route")));
    assert!(scope("event").contains(&json!("exception.type")));
    assert_eq!(scope("instrumentation"), [json!("lang")]);
    for intrinsic in
        ["duration", "kind", "name", "status", "rootServiceName", "traceDuration", "event:name", "span:id"]
    {
        assert!(scope("intrinsic").contains(&json!(intrinsic)), "{intrinsic}");
    }
    let one = get(&sidecar.router, "/api/v2/search/tags?scope=resource").await.json();
    assert_eq!(one["scopes"].as_array().unwrap().len(), 1);
    let names = get(&sidecar.router, "/api/search/tags").await.json();
    assert!(names["tagNames"].as_array().unwrap().contains(&json!("service.name")));
}

#[tokio::test]
async fn values_come_with_their_types() {
    let sidecar = Sidecar::with_shop().await;
    let values = async |asked: &str| {
        let got = get(&sidecar.router, asked).await.json();
        let values = got["tagValues"].as_array().unwrap().iter();
        let mut values: Vec<String> = values
            .map(|value| format!("{}:{}", value["type"].as_str().unwrap(), value["value"].as_str().unwrap()))
            .collect();
        values.sort();
        values.join(" ")
    };
    let tag = |tag: &str| format!("/api/v2/search/tag/{tag}/values?limit=5000&tag=x");
    let services = "string:cart string:gateway string:payment string:worker";
    assert_eq!(values(&tag("resource.service.name")).await, services);
    assert_eq!(values(&tag("status")).await, "keyword:error keyword:ok keyword:unset");
    assert!(values(&tag("kind")).await.contains("keyword:server"));
    assert_eq!(values(&tag("span.http.response.status_code")).await, "int:200 int:500");
    assert_eq!(values(&tag("span.cached")).await, "bool:true");
    assert_eq!(values(&tag(".db.system")).await, "string:postgresql");
    assert_eq!(values(&tag("event.exception.type")).await.matches("string:").count(), 1);
    assert_eq!(values(&tag("instrumentation:name")).await, "string:shop.instrumentation");
    assert_eq!(values(&tag("duration")).await, "");
    assert_eq!(values(&tag("resource.undefined")).await, "");
    assert!(values(&tag("name")).await.contains("string:GET /checkout"));
    // A tag with a slash, as segments of the path and encoded twice.
    assert_eq!(values(&tag("span.a/b")).await, "");
    assert_eq!(values("/api/v2/search/tag/resource%252Eservice%252Ename/values").await, services);
    let narrowed = path("/api/v2/search/tag/name/values", &[("q", r#"{resource.service.name="cart" && }"#)]);
    assert_eq!(values(&narrowed).await, "string:GET /cart string:load");
    let in_time = path(
        "/api/v2/search/tag/resource.service.name/values",
        &[("start", "1767268860"), ("end", "1767268870")],
    );
    assert_eq!(values(&in_time).await, "string:cart");
    let v1 = get(&sidecar.router, "/api/search/tag/service.name/values").await.json();
    assert_eq!(v1["tagValues"].as_array().unwrap().len(), 4);
}
