//! Loki: health, lines, numbers, labels, volumes, what is detected.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as OtlpValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Value as Json, json};
use spandrel_config::{ByteSize, Limits};
use spandrel_query::source::LocalSource;
use spandrel_store::{Flags, Level, NewRecord, RecordBody, ResourceContext, ScopeContext};

use crate::fixture::{Sidecar, respond, router_over};
use crate::gone::Gone;
use crate::request::{get, get_with, path};

const FLAGS: &[(&str, &str)] = &[("X-Loki-Response-Encoding-Flags", "categorize-labels")];
pub const START: &str = "1767268800000000000";
pub const END: &str = "1767269000000000000";

fn kv(key: &str, text: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(OtlpValue::StringValue(text.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// A log of a service, so many seconds after the start.
pub fn log(service: &str, seconds: u64, level: Level, line: &str, attributes: &[(&str, &str)]) -> NewRecord {
    let time_unix_nano = 1_767_268_800_000_000_000 + seconds * 1_000_000_000;
    let record = LogRecord {
        time_unix_nano,
        severity_number: (level as i32 - 1) * 4 + 1,
        body: Some(AnyValue { value: Some(OtlpValue::StringValue(line.to_owned())) }),
        attributes: attributes.iter().map(|(key, value)| kv(key, value)).collect(),
        ..LogRecord::default()
    };
    let attributes =
        vec![kv("service.name", service), kv("k8s.pod.name", &format!("{service}-1")), kv("host.name", "h")];
    let resource = Resource { attributes, ..Resource::default() };
    NewRecord {
        resource: Arc::new(ResourceContext { resource: Some(resource), schema_url: String::new() }),
        scope: Arc::new(ScopeContext::default()),
        body: RecordBody::Log(Box::new(record)),
        level: Some(level),
        flags: Flags::NONE,
        original: None,
    }
}

pub async fn with_logs() -> Sidecar {
    let sidecar = Sidecar::with_shop().await;
    sidecar
        .keep(vec![
            log(
                "web",
                1,
                Level::Info,
                r#"{"method":"GET","status":200,"took":"120ms","user":{"id":7}}"#,
                &[],
            ),
            log(
                "web",
                2,
                Level::Error,
                r#"{"method":"POST","status":500,"took":"2s","user":{"id":8}}"#,
                &[("http.route", "/pay")],
            ),
            log("web", 3, Level::Info, "level=info msg=\"all well\" size=3KB addr=10.1.2.3", &[]),
            log("web", 3, Level::Warn, "plain words, \u{1b}[31mred\u{1b}[0m", &[("note", "x")]),
        ])
        .await;
    sidecar
}

pub async fn ask(sidecar: &Sidecar, query: &str, more: &[(&str, &str)]) -> Json {
    let mut params = vec![("query", query), ("start", START), ("end", END), ("limit", "1000")];
    params.extend(more);
    get_with(&sidecar.router, &path("/loki/api/v1/query_range", &params), FLAGS).await.json()
}

/// The lines of an answer in the order of their times, as the direction says; cut for comparison.
pub fn lines(answer: &Json) -> Vec<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for stream in answer["data"]["result"].as_array().unwrap() {
        for value in stream["values"].as_array().unwrap() {
            lines.push((value[0].as_str().unwrap().to_owned(), value[1].as_str().unwrap().to_owned()));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line.chars().take(20).collect()).collect()
}

#[tokio::test]
async fn save_and_test_passes() {
    let sidecar = Sidecar::empty().await;
    let asked = path(
        "/loki/api/v1/query",
        &[("direction", "backward"), ("query", "vector(1)+vector(1)"), ("time", "4000000000")],
    );
    let got = get(&sidecar.router, &asked).await.json();
    assert_eq!(got["status"], "success");
    assert_eq!(got["data"]["resultType"], "vector");
    assert_eq!(got["data"]["result"], json!([{ "metric": {}, "value": [4, "2"] }]));
    assert_eq!(get(&sidecar.router, "/ready").await.status, StatusCode::OK);
    assert!(get(&sidecar.router, "/loki/api/v1/status/buildinfo").await.json()["version"].is_string());
}

#[tokio::test]
async fn lines_come_with_their_labels_by_where_they_are_from() {
    let sidecar = Sidecar::with_shop().await;
    let asked = path(
        "/loki/api/v1/query_range",
        &[
            ("query", r#"{service_name="payment"} | json | logfmt"#),
            ("direction", "backward"),
            ("limit", "1000"),
            ("start", START),
            ("end", END),
            ("step", "15000ms"),
        ],
    );
    let got = get_with(&sidecar.router, &asked, FLAGS).await;
    // Grafana reads the keys as they come.
    let (flags, result) =
        (got.text().find("encodingFlags").unwrap(), got.text().find("\"result\":").unwrap());
    assert!(got.text().find("resultType").unwrap() < flags && flags < result);
    let stream = got.text().find("\"stream\":").unwrap();
    assert!(stream < got.text().find("\"values\":").unwrap());
    let json = got.json();
    assert_eq!(json["data"]["encodingFlags"], json!(["categorize-labels"]));
    let [stream] = json["data"]["result"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(stream["stream"], json!({ "service_name": "payment" }));
    let first = &stream["values"][0];
    assert_eq!(first[0], "1767268800200000000");
    assert_eq!(first[1], "connection pool exhausted for order 4711");
    let metadata = &first[2]["structuredMetadata"];
    assert_eq!(metadata["trace_id"], "5b8efff798038103d269b633813fc60c");
    assert_eq!(metadata["span_id"], "00000000000000a3");
    assert_eq!(metadata["detected_level"], "error");
    assert_eq!(metadata["severity_number"], "17");
    assert_eq!(metadata["host_name"], "payment-1");
    assert_eq!(metadata["thread"], "main");
    assert_eq!(metadata["scope_name"], "shop.instrumentation");
    assert_eq!(first[2]["parsed"]["__error__"], "JSONParserErr");
    // Without the header: two parts, and all labels name the stream.
    let plain = get(&sidecar.router, &asked).await.json();
    assert_eq!(plain["data"].get("encodingFlags"), None);
    let streams = plain["data"]["result"].as_array().unwrap();
    assert_eq!(streams.len(), 2);
    assert_eq!(streams[0]["values"][0].as_array().unwrap().len(), 2);
    assert_eq!(streams[0]["stream"]["trace_id"], "5b8efff798038103d269b633813fc60c");
}

/// What Grafana writes, and the beginnings of the lines that it finds.
#[tokio::test]
async fn the_questions_that_grafana_writes_find_their_lines() {
    let sidecar = with_logs().await;
    let (get_line, post) = (r#"{"method":"GET","stat"#, r#"{"method":"POST","sta"#);
    let cut = |text: &str| text.chars().take(20).collect::<String>();
    let (fmt, plain) = (cut("level=info msg=\"all well\""), cut("plain words, \u{1b}[31mred"));
    let web: &[&str] = &[&cut(get_line), &cut(post), &fmt, &plain];
    let trace = r#"{service_name="payment"} | label_format log_line_contains_trace_id=`{{ contains "5b8efff798038103d269b633813fc60c" __line__  }}` | log_line_contains_trace_id="true" OR trace_id="5b8efff798038103d269b633813fc60c""#;
    let cases: &[(&str, &[&str])] = &[
        (r#"{service_name="web"}"#, web),
        (r#"{service_name=~"we.+", k8s_pod_name="web-1"}"#, web),
        (r#"{service_name=`web`  } | json | logfmt | drop __error__, __error_details__"#, web),
        (trace, &["retrying the charge", "connection pool exha"]),
        (
            r#"{service_name=~".+"} | trace_id="5B8EFFF798038103D269B633813FC60C" | span_id="a1""#,
            &["request (id 7) done,"],
        ),
        (r#"{service_name="web"} | detected_level="error" or detected_level="warn""#, &[web[1], web[3]]),
        (r#"{service_name="web"} |= `POST` or `plain`"#, &[web[1], web[3]]),
        (r#"{service_name="web"} |~ "(?i)PLAIN" != "noise""#, &[web[3]]),
        (r#"{service_name="web"} |> "<_>\"method\":\"<_>\",\"status\":<_>""#, &[web[0], web[1]]),
        (r#"{service_name="web"} !> "{<_>}""#, &[web[2], web[3]]),
        (r#"{service_name="web"} |= ip("10.0.0.0/8")"#, &[web[2]]),
        (r#"{service_name="web"} | logfmt | addr=ip("10.1.2.0-10.1.2.9")"#, &[web[2]]),
        (r#"{service_name="web"} | json | status >= 500"#, &[web[1], web[2], web[3]]),
        (r#"{service_name="web"} | json | status >= 500 | __error__="""#, &[web[1]]),
        (r#"{service_name="web"} | json | took > 1s | __error__="" | user_id="8""#, &[web[1]]),
        (r#"{service_name="web"} | json a="[\"user\"][\"id\"]" | a="7""#, &[web[0]]),
        (r#"{service_name="web"} | logfmt size | size > 2KB"#, &[web[2]]),
        (r#"{service_name="web"} | http_route="/pay""#, &[web[1]]),
        (r#"{service_name="web"} | logfmt | line_format "{{.msg}} {{.size}}" |= "well""#, &["all well 3KB"]),
        (
            r#"{service_name="web"} | regexp `(?P<word>\w+) words` | word="plain" | line_format "{{.word}}""#,
            &["plain"],
        ),
        (
            r#"{service_name="web"} | pattern "<first>, <rest>" | first="plain words" | decolorize | line_format "{{.first}}""#,
            &["plain words"],
        ),
        (r#"{service_name="web"} | note="x" | decolorize"#, &["plain words, red"]),
        (r#"{service_name="cart"}"#, &["{\"message\":\"cart loa"]),
        (r#"{job="x"}"#, &[]),
        (r#"{service_name="gateway"} |= "a" |= "b""#, &[]),
    ];
    let mut wrong = Vec::new();
    for (query, finds) in cases {
        let found = lines(&ask(&sidecar, query, &[]).await);
        let finds: Vec<String> = finds.iter().map(|line| cut(line)).collect();
        if found != finds {
            wrong.push(format!("{query}: {found:?} and not {finds:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn directions_and_limits_are_kept() {
    let sidecar = with_logs().await;
    let first = |answer: Json| answer["data"]["result"][0]["values"][0][0].as_str().unwrap().to_owned();
    let query = r#"{service_name="web"}"#;
    let ask = async |params: &[(&str, &str)]| {
        let mut all = vec![("query", query), ("start", START), ("end", END)];
        all.extend(params);
        get_with(&sidecar.router, &path("/loki/api/v1/query_range", &all), FLAGS).await.json()
    };
    let backward = ask(&[("direction", "backward"), ("limit", "1")]).await;
    assert_eq!(lines(&backward).len(), 1);
    assert_eq!(first(backward), "1767268803000000000");
    let forward = ask(&[("direction", "forward"), ("limit", "2")]).await;
    assert_eq!(lines(&forward).len(), 2);
    assert_eq!(first(forward), "1767268801000000000");
    // The end is not part of a range of lines, whatever notation it is in.
    let until = [("start", "2026-01-01T12:00:00.000Z"), ("end", "1767268803"), ("query", query)];
    let got = get(&sidecar.router, &path("/loki/api/v1/query_range", &until)).await.json();
    assert_eq!(lines(&got).len(), 2);
}

#[tokio::test]
async fn a_posted_form_is_read() {
    let sidecar = with_logs().await;
    let form = path("", &[("query", r#"{service_name="web"}"#), ("start", START), ("end", END)]);
    let request = Request::post("/loki/api/v1/query_range")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.trim_start_matches('?').to_owned()));
    let response = respond(&sidecar.router, request.unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(lines(&serde_json::from_slice(&body).unwrap()).len(), 4);
}

#[tokio::test]
async fn numbers_are_counted_by_labels_over_time() {
    let sidecar = with_logs().await;
    let range = [("start", "1767268800"), ("end", "1767268804"), ("step", "2000ms")];
    let matrix = async |query: &str| {
        let mut params = vec![("query", query)];
        params.extend(range);
        let got = get_with(&sidecar.router, &path("/loki/api/v1/query_range", &params), FLAGS).await.json();
        assert_eq!(got["data"]["resultType"], "matrix");
        let mut series: Vec<String> =
            got["data"]["result"].as_array().unwrap().iter().map(Json::to_string).collect();
        series.sort();
        series
    };
    assert_eq!(
        matrix(r#"sum by (level, detected_level) (count_over_time({service_name="web"} | json | drop __error__[2s]))"#).await,
        [
            r#"{"metric":{"detected_level":"error"},"values":[[1767268802,"1"]]}"#,
            r#"{"metric":{"detected_level":"info"},"values":[[1767268802,"1"],[1767268804,"1"]]}"#,
            r#"{"metric":{"detected_level":"warn"},"values":[[1767268804,"1"]]}"#,
        ]
    );
    assert_eq!(
        matrix(r#"sum(rate({service_name="web"}[4s])) * 4 > 1"#).await,
        [r#"{"metric":{},"values":[[1767268802,"2"],[1767268804,"4"]]}"#]
    );
    assert_eq!(
        matrix(r#"max_over_time({service_name="web"} | json | __error__="" | unwrap duration(took) | __error__="" [4s]) by ()"#).await,
        [r#"{"metric":{},"values":[[1767268802,"2"],[1767268804,"2"]]}"#]
    );
    assert_eq!(
        matrix(r#"sum by (method) (sum_over_time({service_name="web"} | json | __error__="" | unwrap status [10s]))"#).await,
        [
            r#"{"metric":{"method":"GET"},"values":[[1767268802,"200"],[1767268804,"200"]]}"#,
            r#"{"metric":{"method":"POST"},"values":[[1767268802,"500"],[1767268804,"500"]]}"#,
        ]
    );
    assert_eq!(
        matrix(r#"topk(1, sum by (detected_level) (count_over_time({service_name="web"}[10s])))"#)
            .await
            .len(),
        2
    );
    assert_eq!(
        matrix(r#"absent_over_time({service_name="nobody", k8s_pod_name!="x"}[1s])"#).await,
        [
            r#"{"metric":{"service_name":"nobody"},"values":[[1767268800,"1"],[1767268802,"1"],[1767268804,"1"]]}"#
        ]
    );
    assert_eq!(
        matrix(
            r#"label_replace(sum(count_over_time({service_name="web"}[10s])), "to", "x-$1", "gone", "(.*)")"#
        )
        .await,
        [r#"{"metric":{"to":"x-"},"values":[[1767268802,"2"],[1767268804,"4"]]}"#]
    );
    let instant = path(
        "/loki/api/v1/query",
        &[("query", r#"sum(count_over_time({service_name="web"}  [1h0m0s]))"#), ("time", END)],
    );
    let got = get(&sidecar.router, &instant).await.json();
    assert_eq!(got["data"]["result"], json!([{ "metric": {}, "value": [1767269000, "4"] }]));
    // At another time, of which nothing is asked.
    let fixed =
        r#"approx_topk(1, sum by (service_name) (count_over_time({service_name="web"}[1h] @ 1767269000)))"#;
    let instant = path("/loki/api/v1/query", &[("query", fixed), ("time", "1000")]);
    let got = get(&sidecar.router, &instant).await.json();
    assert_eq!(got["data"]["result"], json!([{ "metric": { "service_name": "web" }, "value": [1000, "4"] }]));
}

#[tokio::test]
async fn a_question_is_written_anew() {
    let sidecar = Sidecar::empty().await;
    let asked = path("/loki/api/v1/format_query", &[("query", r#"{a="b"}|json|x>5"#)]);
    let got = get(&sidecar.router, &asked).await.json();
    assert_eq!(got, json!({ "status": "success", "data": r#"{a="b"} | json | x>5"# }));
    let asked = path("/loki/api/v1/format_query", &[("query", "{a=")]);
    assert_eq!(get(&sidecar.router, &asked).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_wrong_question_is_refused_in_words_that_grafana_shows() {
    let sidecar = with_logs().await;
    let cases = [
        ("{service_name=}", "parse error at line 1, col 15: syntax error"),
        ("{}", "at least one regexp or equality matcher"),
        (r#"{a=~".*"}"#, "at least one regexp or equality matcher"),
        (r#"variants(rate({a="b"}[5m])) of ({a="b"}[5m])"#, "`variants` is not supported"),
        (r#"sum(count_over_time({service_name="web"} | json [5m]))"#, "pipeline error: 'JSONParserErr'"),
        (r#"{service_name="web"} | unwrap x"#, "`unwrap` needs a function"),
    ];
    for (query, words) in cases {
        let asked = path("/loki/api/v1/query_range", &[("query", query), ("start", START), ("end", END)]);
        let got = get(&sidecar.router, &asked).await;
        assert_eq!(
            (got.status, got.content_type()),
            (StatusCode::BAD_REQUEST, "text/plain; charset=utf-8"),
            "{query}"
        );
        assert!(got.text().contains(words), "{query}: {}", got.text());
    }
    let fine = path(
        "/loki/api/v1/query_range",
        &[("query", "vector(1)"), ("start", "1"), ("end", "100000"), ("step", "1")],
    );
    assert!(get(&sidecar.router, &fine).await.text().contains("11,000 points"));
}

#[tokio::test]
async fn labels_streams_and_volumes_are_told() {
    let sidecar = with_logs().await;
    let within = [("start", START), ("end", END)];
    let get_json = async |asked: &str, params: &[(&str, &str)]| {
        let mut all: Vec<(&str, &str)> = params.to_vec();
        all.extend(within);
        get(&sidecar.router, &path(&format!("/loki/api/v1/{asked}"), &all)).await.json()
    };
    let labels = json!({ "status": "success", "data": ["k8s_pod_name", "service_name"] });
    assert_eq!(get_json("labels", &[]).await, labels);
    assert_eq!(get_json("labels", &[("query", "{}")]).await, labels);
    let services = get_json("label/service_name/values", &[]).await;
    assert_eq!(services["data"], json!(["cart", "gateway", "payment", "web", "worker"]));
    let services = get_json("label/service_name/values", &[("query", r#"{k8s_pod_name=~"web.+"}"#)]).await;
    assert_eq!(services["data"], json!(["web"]));
    assert_eq!(get_json("label/__stream_shard__/values", &[]).await["data"], json!([]));
    let series = get_json("series", &[("match[]", r#"{service_name=~"web|cart"}"#)]).await;
    assert_eq!(
        series["data"],
        json!([{ "k8s_pod_name": "web-1", "service_name": "web" }, { "service_name": "cart" }])
    );
    let stats = get_json("index/stats", &[("query", r#"{service_name="web"}"#)]).await;
    assert_eq!((&stats["streams"], &stats["entries"]), (&json!(1), &json!(4)));
    assert!(stats["bytes"].as_u64().unwrap() > 100);
    for prefix in ["", "loki/api/v1/"] {
        let asked = format!("{prefix}index/volume");
        let volume = get_json(&asked, &[("query", "{service_name=~`.+`}"), ("limit", "5000")]).await;
        assert_eq!(volume["data"]["resultType"], "vector");
        let result = volume["data"]["result"].as_array().unwrap();
        assert_eq!(result.len(), 5);
        assert_eq!(result[0]["metric"], json!({ "service_name": "web" }));
        assert!(result[0]["value"][1].as_str().unwrap().parse::<u64>().unwrap() > 100);
    }
}

/// Streams with lines of one length, so that bytes are exact: four of `web` with 10 bytes, two of `cart` with 30.
async fn with_measured() -> Sidecar {
    let sidecar = Sidecar::empty().await;
    let line = |service: &str, second: u64, length: usize| {
        log(service, second, Level::Info, &"x".repeat(length), &[("note", "y")])
    };
    let web = [line("web", 1, 10), line("web", 1, 10), line("web", 11, 10), line("web", 25, 10)];
    sidecar.keep(web.into_iter().chain([line("cart", 2, 30), line("cart", 24, 30)]).collect()).await;
    sidecar
}

#[tokio::test]
async fn stats_and_volumes_count_streams_entries_and_bytes() {
    let sidecar = with_measured().await;
    let ask = async |call: &str, params: &[(&str, &str)]| {
        let mut all = vec![("start", START), ("end", END), ("query", "{service_name=~`.+`}")];
        all.extend(params);
        get(&sidecar.router, &path(&format!("/loki/api/v1/index/{call}"), &all)).await.json()
    };
    let stats = json!({ "streams": 2, "chunks": 2, "bytes": 100, "entries": 6 });
    assert_eq!(ask("stats", &[]).await, stats);
    let of = |service: &str, bytes: &str| json!({ "metric": { "service_name": service }, "value": [1_767_269_000, bytes] });
    let volume = json!({
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [of("cart", "60"), of("web", "40")],
            "stats": { "summary": { "totalLinesProcessed": 0 } },
        },
    });
    assert_eq!(ask("volume", &[("limit", "5000")]).await, volume);
}

#[tokio::test]
async fn volumes_over_time_are_bytes_by_step_the_largest_first() {
    let sidecar = with_measured().await;
    let ask = async |params: &[(&str, &str)]| {
        let mut all = vec![("end", "1767268830"), ("step", "10s")];
        if params.iter().all(|(name, _)| *name != "start") {
            all.push(("start", "1767268800"));
        }
        all.extend(params);
        let got = get(&sidecar.router, &path("/loki/api/v1/index/volume_range", &all)).await;
        assert_eq!(got.status, StatusCode::OK, "{params:?}: {}", got.text());
        got.json()
    };
    let at = |points: &[(u64, &str)]| {
        points.iter().map(|(second, bytes)| json!([1_767_268_800 + second, bytes])).collect::<Vec<_>>()
    };
    let of = |metric: Json, points: &[(u64, &str)]| json!({ "metric": metric, "values": at(points) });
    let success = |result: Json| {
        let stats = json!({ "summary": { "totalLinesProcessed": 0 } });
        json!({
            "status": "success",
            "data": { "resultType": "matrix", "result": result, "stats": stats },
        })
    };
    let web: &[(u64, &str)] = &[(0, "20"), (10, "10"), (20, "10")];
    let cart: &[(u64, &str)] = &[(0, "30"), (20, "30")];
    let all = ("query", "{service_name=~`.+`}");
    // By the labels that the selector names; steps without lines are absent.
    assert_eq!(
        ask(&[all]).await,
        success(json!([
            of(json!({ "service_name": "cart" }), cart),
            of(json!({ "service_name": "web" }), web)
        ]))
    );
    assert_eq!(
        ask(&[all, ("limit", "1")]).await,
        success(json!([of(json!({ "service_name": "cart" }), cart)]))
    );
    assert_eq!(
        ask(&[("query", r#"{service_name="web"}"#), ("targetLabels", "k8s_pod_name")]).await,
        success(json!([of(json!({ "k8s_pod_name": "web-1" }), web)]))
    );
    // By the names of labels alone, over all streams.
    let both: &[(u64, &str)] = &[(0, "50"), (10, "10"), (20, "40")];
    assert_eq!(
        ask(&[all, ("aggregateBy", "labels"), ("targetLabels", "service_name")]).await,
        success(json!([of(json!({ "service_name": "" }), both)]))
    );
    assert_eq!(ask(&[("query", r#"{service_name="nobody"}"#)]).await, success(json!([])));
    // Lines before the time do not count.
    let later = ask(&[all, ("start", "1767268810")]).await;
    assert_eq!(
        later,
        success(json!([
            of(json!({ "service_name": "cart" }), &[(20, "30")]),
            of(json!({ "service_name": "web" }), &[(10, "10"), (20, "10")]),
        ]))
    );
    let asked = path("/loki/api/v1/index/volume_range", &[("query", "{service_name=}"), ("step", "10s")]);
    assert_eq!(get(&sidecar.router, &asked).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn detected_labels_are_those_of_streams_with_the_number_of_their_values() {
    let sidecar = with_logs().await;
    let ask = async |params: &[(&str, &str)]| {
        let got = get(&sidecar.router, &path("/loki/api/v1/detected_labels", params)).await;
        assert_eq!(got.status, StatusCode::OK, "{params:?}: {}", got.text());
        got.json()
    };
    let of = |pods: u64, services: u64| {
        json!({ "detectedLabels": [
            { "label": "k8s_pod_name", "cardinality": pods },
            { "label": "service_name", "cardinality": services },
        ] })
    };
    let (start, end) = (("start", START), ("end", END));
    for asked in [vec![start, end], vec![("query", ""), start, end], vec![("query", "{}"), start, end]] {
        assert_eq!(ask(&asked).await, of(1, 5), "{asked:?}");
    }
    assert_eq!(ask(&[("query", r#"{service_name="web"}"#), start, end]).await, of(1, 1));
    let shop = json!({ "detectedLabels": [{ "label": "service_name", "cardinality": 4 }] });
    assert_eq!(ask(&[("query", r#"{service_name!="web"}"#), start, end]).await, shop);
    assert_eq!(ask(&[("query", r#"{a="b"}"#), start, end]).await, json!({ "detectedLabels": [] }));
    // Of the time asked for: then only `web` has lines.
    let sidecar = with_measured().await;
    let within = [("start", "2026-01-01T12:00:10.000Z"), ("end", "2026-01-01T12:00:20.000Z")];
    let got = get(&sidecar.router, &path("/loki/api/v1/detected_labels", &within)).await.json();
    assert_eq!(got, of(1, 1));
    let within = [("start", "2026-01-01T12:00:00.000Z"), ("end", "2026-01-01T12:00:30.000Z")];
    let got = get(&sidecar.router, &path("/loki/api/v1/detected_labels", &within)).await.json();
    assert_eq!(got, of(2, 2));
}

#[tokio::test]
async fn the_logs_app_is_told_what_it_may_ask_for() {
    let limits = Limits {
        list_max: 777,
        series_max: 55,
        query_timeout: std::time::Duration::from_secs(7),
        ..Limits::default()
    };
    let sidecar = Sidecar::with(limits, &spandrel_config::Security::default()).await;
    let got = get(&sidecar.router, "/loki/api/v1/drilldown-limits").await;
    assert_eq!(got.status, StatusCode::OK);
    let told = json!({
        "limits": {
            "discover_log_levels": true,
            "discover_service_name": ["service_name"],
            "log_level_fields": ["level", "severity", "severity_text", "detected_level"],
            "max_entries_limit_per_query": 777,
            "max_line_size_truncate": false,
            "max_query_bytes_read": "0B",
            "max_query_length": "0s",
            "max_query_lookback": "0s",
            "max_query_range": "0s",
            "max_query_series": 55,
            "metric_aggregation_enabled": false,
            "otlp_config": {},
            "pattern_persistence_enabled": false,
            "query_timeout": "7s",
            "retention_period": "0s",
            "volume_enabled": true,
            "volume_max_series": 55,
        },
        "pattern_ingester_enabled": true,
        "version": "3.5.0",
    });
    assert_eq!(got.json(), told);
    // What it says holds: more lines than it says are not given, whatever is asked for.
    let lines: Vec<NewRecord> = (0..800).map(|_| log("web", 1, Level::Info, "line", &[])).collect();
    sidecar.keep(lines).await;
    let answer = ask(&sidecar, r#"{service_name="web"}"#, &[("limit", "800")]).await;
    assert_eq!(self::lines(&answer).len(), 777);
}

#[tokio::test]
async fn fields_are_detected_with_their_types_and_parsers() {
    let sidecar = with_logs().await;
    let params = [("query", r#"{service_name="web"}"#), ("start", START), ("end", END), ("limit", "1000")];
    let got = get(&sidecar.router, &path("/loki/api/v1/detected_fields", &params)).await.json();
    let field = |label: &str| {
        let fields = got["fields"].as_array().unwrap();
        fields
            .iter()
            .find(|field| field["label"] == label)
            .unwrap_or_else(|| panic!("{label}: {got}"))
            .clone()
    };
    assert_eq!(
        field("status"),
        json!({ "label": "status", "type": "int", "cardinality": 2, "parsers": ["json"], "jsonPath": ["status"] })
    );
    assert_eq!(field("user_id")["jsonPath"], json!(["user", "id"]));
    assert_eq!((&field("took")["type"], &field("msg")["parsers"]), (&json!("duration"), &json!(["logfmt"])));
    assert_eq!(field("size")["type"], "bytes");
    assert_eq!(
        field("http_route"),
        json!({ "label": "http_route", "type": "string", "cardinality": 1, "parsers": null })
    );
    let values =
        get(&sidecar.router, &path("/loki/api/v1/detected_field/method/values", &params)).await.json();
    assert_eq!(values, json!({ "values": ["GET", "POST"], "limit": 1000 }));
}

#[tokio::test]
async fn a_line_that_came_as_one_is_that_line() {
    let sidecar = Sidecar::empty().await;
    let line = r#"{ "msg" : "kept",  "a":1 }"#;
    let mut record = log("web", 1, Level::Info, "kept", &[]);
    record.original = Some(line.as_bytes().to_vec().into());
    sidecar.keep(vec![record]).await;
    let got = ask(&sidecar, r#"{service_name="web"} | json | a="1""#, &[]).await;
    assert_eq!(got["data"]["result"][0]["values"][0][1], line);
}

#[tokio::test]
async fn what_is_missing_is_a_warning() {
    let sidecar = with_logs().await;
    let here = LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 8);
    let gone = Gone { name: "payment:7317".to_owned() };
    let router = router_over(vec![Arc::new(here), Arc::new(gone)], Limits::default());
    for query in [r#"{service_name="web"}"#, r#"sum(count_over_time({service_name="web"}[1h]))"#] {
        let asked = path("/loki/api/v1/query_range", &[("query", query), ("start", START), ("end", END)]);
        let got = get(&router, &asked).await.json();
        assert!(got["warnings"][0].as_str().unwrap().contains("payment:7317"), "{got}");
    }
}

#[tokio::test]
async fn patterns_are_what_lines_have_in_common() {
    let sidecar = Sidecar::empty().await;
    let line = |second: u64, text: &str| log("web", second, Level::Info, text, &[]);
    sidecar
        .keep(vec![
            line(1, "order 1 of bob was shipped to Rome"),
            line(2, "order 22 of eve was shipped to Oslo"),
            line(3, "order 333 of mallory was shipped to Bonn"),
            line(4, "took=120ms status=200 path=/a/1"),
            line(5, "took=7ms status=404 path=/a/2"),
            log("web", 6, Level::Error, "all is lost", &[]),
        ])
        .await;
    let within = [("start", START), ("end", END), ("step", "10s")];
    let mut params = vec![("query", r#"{service_name="web"}"#)];
    params.extend(within);
    let got = get(&sidecar.router, &path("/loki/api/v1/patterns", &params)).await.json();
    let expected = json!([
        { "pattern": "order <_> of <_> was shipped to <_>", "level": "info", "samples": [[1_767_268_800, 3]] },
        { "pattern": "took=<_> status=<_> path=<_>", "level": "info", "samples": [[1_767_268_800, 2]] },
        { "pattern": "all is lost", "level": "error", "samples": [[1_767_268_800, 1]] },
    ]);
    assert_eq!(got["data"], expected);
    // Each finds the lines that it was made of.
    for (pattern, count) in [("order <_> of <_> was shipped to <_>", 3), ("took=<_> status=<_> path=<_>", 2)]
    {
        let query = format!("{{service_name=\"web\"}} |> `{pattern}`");
        assert_eq!(lines(&ask(&sidecar, &query, &[]).await).len(), count, "{pattern}");
    }
}

#[tokio::test]
async fn lines_that_a_template_makes_large_are_bounded_together() {
    let sidecar = Sidecar::empty().await;
    sidecar.keep((0..100).map(|second| log("web", second, Level::Info, "x", &[])).collect()).await;
    let large = r#"{service_name="web"} | line_format "{{ repeat 1000000000 `a` }}""#;
    let mut answers = Vec::new();
    for (limit, direction) in [("10", "backward"), ("100", "backward"), ("10", "forward"), ("100", "forward")]
    {
        let asked =
            [("query", large), ("limit", limit), ("direction", direction), ("start", START), ("end", END)];
        answers.push(get(&sidecar.router, &path("/loki/api/v1/query_range", &asked)).await);
    }
    let statuses: Vec<u16> = answers.iter().map(|got| got.status.as_u16()).collect();
    assert_eq!(statuses, [200, 400, 200, 400]);
    assert!(answers[1].text().contains("more than 64MiB"), "{}", answers[1].text());
    assert_eq!(lines(&answers[0].json()).len(), 10);
}

#[tokio::test]
async fn labels_that_a_template_makes_large_are_bounded_for_each_line_and_together() {
    let sidecar = Sidecar::empty().await;
    let named = |second: u64| log("web", second, Level::Info, &format!("{second}"), &[]);
    sidecar.keep((0..100).map(named).collect()).await;
    let ask = async |query: &str, limit: &str| {
        let asked = [("query", query), ("limit", limit), ("start", START), ("end", END), ("step", "60s")];
        get(&sidecar.router, &path("/loki/api/v1/query_range", &asked)).await
    };
    let one = r#"{service_name="web"} | label_format a="{{ __line__ }}{{ repeat 1000000 `a` }}""#;
    assert_eq!(ask(one, "10").await.status, 200);
    let refused = ask(one, "100").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("limits.answer_bytes_max"), "{}", refused.text());

    // Of many labels of one line, those that are too much are left out, and what went wrong is said.
    let more: Vec<String> =
        ('a'..='j').map(|label| format!("{label}=\"{{{{ repeat 1000000 `a` }}}}\"")).collect();
    let many = format!("{{service_name=\"web\"}} | label_format {}", more.join(","));
    let answer = ask(&many, "1").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.len() < 3_000_000 && text.contains("TooManyLabelsErr"), "{} bytes", text.len());
    // So is what the names of outer keys make of inner ones.
    let inner: Vec<String> = (0..100).map(|number| format!("\"{number}\":1")).collect();
    let nested = format!("{{\"{}\":{{{}}}}}", "k".repeat(100_000), inner.join(","));
    sidecar.keep(vec![log("nested", 1, Level::Info, &nested, &[])]).await;
    let answer = ask(r#"{service_name="nested"} | json"#, "1").await;
    let text = answer.text();
    assert!(text.len() < 3_000_000 && text.contains("TooManyLabelsErr"), "{} bytes", text.len());

    // Series are named by labels.
    let series = format!("count_over_time({one} [1h])");
    let refused = ask(&series, "1").await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("limits.answer_bytes_max"), "{}", refused.text());
    let replaced = format!(
        "label_replace(count_over_time({{service_name=\"web\"}} | label_format a=\"{{{{ repeat 100000 `a` }}}}\" \
         [1h]), \"b\", \"{}\", \"a\", \"(.*)\")",
        "$1".repeat(1_000)
    );
    let refused = ask(&replaced, "1").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("label_replace"), "{}", refused.text());
}

#[tokio::test]
async fn all_lines_are_looked_at_though_pages_end_early() {
    let sidecar = Sidecar::empty().await;
    sidecar.keep((0..100).map(|second| log("web", second, Level::Info, "x", &[])).collect()).await;
    let local = LocalSource::new(sidecar.store.clone(), "here:7317".to_owned(), 8);
    let local = local.with_pages_of(ByteSize::kib(4));
    let router = router_over(vec![Arc::new(local)], Limits::default());
    let asked = [("query", r#"{service_name="web"} |= "x""#), ("start", START), ("end", END)];
    let answer = get(&router, &path("/loki/api/v1/query_range", &asked)).await.json();
    assert_eq!(lines(&answer).len(), 100);
}
