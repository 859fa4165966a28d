//! Every operation that the builder of Grafana's Loki data source offers, with the numbers and lines that it gives.

use serde_json::Value as Json;

use crate::fixture::Sidecar;
use crate::loki::{END, ask, lines, log, with_logs};
use crate::request::{get, path};
use spandrel_store::Level;

/// The answer to an instant question, in text: labels and numbers, in order.
async fn numbers(sidecar: &Sidecar, query: &str) -> Vec<String> {
    let asked = path("/loki/api/v1/query", &[("query", query), ("time", END)]);
    let got = get(&sidecar.router, &asked).await;
    assert_eq!(got.status, 200, "{query}: {}", got.text());
    let answer = got.json();
    let one = |series: &Json| {
        let number: f64 = series["value"][1].as_str().unwrap().parse().unwrap();
        format!("{} {}", series["metric"], (number * 1e6).round() / 1e6)
    };
    let mut all: Vec<String> = answer["data"]["result"].as_array().unwrap().iter().map(one).collect();
    all.sort();
    all
}

/// 200 one second and 500 two seconds after the start.
const STATUS: &str = r#"{service_name="web"} | json | __error__="" | unwrap status"#;

#[tokio::test]
async fn every_function_over_a_range_gives_its_number() {
    let sidecar = with_logs().await;
    let by_nothing = [
        ("avg_over_time", "350"),
        ("max_over_time", "500"),
        ("min_over_time", "200"),
        ("first_over_time", "200"),
        ("last_over_time", "500"),
        ("stdvar_over_time", "22500"),
        ("stddev_over_time", "150"),
    ];
    for (function, number) in by_nothing {
        let query = format!("{function}({STATUS} [1h]) by ()");
        assert_eq!(numbers(&sidecar, &query).await, [format!("{{}} {number}")], "{query}");
    }
    let sum = |function: &str, log: &str| format!("sum({function}({log} [1h]))");
    let bytes: usize = [
        r#"{"method":"GET","status":200,"took":"120ms","user":{"id":7}}"#,
        r#"{"method":"POST","status":500,"took":"2s","user":{"id":8}}"#,
        "level=info msg=\"all well\" size=3KB addr=10.1.2.3",
        "plain words, \u{1b}[31mred\u{1b}[0m",
    ]
    .map(str::len)
    .iter()
    .sum();
    let rounded = |number: f64| ((number * 1e6).round() / 1e6).to_string();
    let web = r#"{service_name="web"}"#;
    let one_series = format!("{STATUS} | keep service_name");
    let cases = [
        (sum("sum_over_time", STATUS), "700".to_owned()),
        (sum("rate", STATUS), rounded(700.0 / 3600.0)),
        // Two numbers a second apart, drawn out by half a second on either side.
        (
            sum(
                "rate_counter",
                &one_series.replace(
                    "| unwrap status | keep service_name",
                    "| keep service_name, status | unwrap status",
                ),
            ),
            rounded(600.0 / 3600.0),
        ),
        (sum("count_over_time", web), "4".to_owned()),
        (sum("rate", web), rounded(4.0 / 3600.0)),
        (sum("bytes_over_time", web), bytes.to_string()),
        (sum("bytes_rate", web), rounded(bytes as f64 / 3600.0)),
        (format!("quantile_over_time(0.9, {STATUS} [1h]) by ()"), "470".to_owned()),
        (
            format!(
                "max_over_time({} [1h]) without (method)",
                STATUS.replace("| unwrap status", "| keep method, status | unwrap status")
            ),
            "500".to_owned(),
        ),
    ];
    for (query, number) in cases {
        assert_eq!(numbers(&sidecar, &query).await, [format!("{{}} {number}")], "{query}");
    }
    assert_eq!(
        numbers(&sidecar, r#"absent_over_time({service_name="nobody"}[1h])"#).await,
        [r#"{"service_name":"nobody"} 1"#]
    );
}

#[tokio::test]
async fn every_aggregation_and_operator_gives_its_numbers() {
    let sidecar = with_logs().await;
    // info 2, error 1, warn 1.
    const LEVELS: &str = r#"sum by (detected_level) (count_over_time({service_name="web"}[1h]))"#;
    let (error, info, warn) =
        (r#"{"detected_level":"error"}"#, r#"{"detected_level":"info"}"#, r#"{"detected_level":"warn"}"#);
    let cases: Vec<(String, Vec<String>)> = vec![
        (format!("min({LEVELS})"), vec!["{} 1".to_owned()]),
        (format!("max({LEVELS})"), vec!["{} 2".to_owned()]),
        (format!("sum({LEVELS})"), vec!["{} 4".to_owned()]),
        (format!("avg({LEVELS})"), vec!["{} 1.333333".to_owned()]),
        (format!("count({LEVELS})"), vec!["{} 3".to_owned()]),
        (format!("stdvar({LEVELS})"), vec!["{} 0.222222".to_owned()]),
        (format!("stddev({LEVELS})"), vec!["{} 0.471405".to_owned()]),
        (format!("topk(1, {LEVELS})"), vec![format!("{info} 2")]),
        (format!("bottomk(2, {LEVELS})"), vec![format!("{error} 1"), format!("{warn} 1")]),
        (format!("sum without (detected_level) ({LEVELS})"), vec!["{} 4".to_owned()]),
        (
            format!("{LEVELS} * 2 ^ 2 % 3"),
            vec![format!("{error} 1"), format!("{info} 2"), format!("{warn} 1")],
        ),
        (format!("{LEVELS} - 1"), vec![format!("{error} 0"), format!("{info} 1"), format!("{warn} 0")]),
        (format!("{LEVELS} >= 2"), vec![format!("{info} 2")]),
        (format!("{LEVELS} == bool 1"), vec![format!("{error} 1"), format!("{info} 0"), format!("{warn} 1")]),
        (format!("{LEVELS} and {LEVELS} > 1"), vec![format!("{info} 2")]),
        (format!("{LEVELS} unless {LEVELS} > 1"), vec![format!("{error} 1"), format!("{warn} 1")]),
        (
            format!("{LEVELS} / on () group_left () sum({LEVELS})"),
            vec![format!("{error} 0.25"), format!("{info} 0.5"), format!("{warn} 0.25")],
        ),
        (
            format!("{LEVELS} + ignoring (x) {LEVELS}"),
            vec![format!("{error} 2"), format!("{info} 4"), format!("{warn} 2")],
        ),
        (LEVELS.replace("[1h]", "[1h] offset 1h"), Vec::new()),
        ("vector(3)".to_owned(), vec!["{} 3".to_owned()]),
        (
            format!("label_replace({LEVELS} > 1, \"level\", \"<$1>\", \"detected_level\", \"(.*)\")"),
            vec![r#"{"detected_level":"info","level":"<info>"} 2"#.to_owned()],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(numbers(&sidecar, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn every_stage_passes_the_lines_that_it_should() {
    let sidecar = with_logs().await;
    let packed = r#"{"pod":"p","_entry":"the line"}"#;
    sidecar.keep(vec![log("packed", 5, Level::Info, packed, &[])]).await;
    let (get_line, post) = (r#"{"method":"GET","sta"#, r#"{"method":"POST","st"#);
    let (fmt, plain) = ("level=info msg=\"all ", "plain words, \u{1b}[31mre");
    let cases: &[(&str, &[&str])] = &[
        (r#"{service_name="web"} |= `POST`"#, &[post]),
        (r#"{service_name="web"} |= `POST` or `plain`"#, &[post, plain]),
        (r#"{service_name="web"} != `method`"#, &[fmt, plain]),
        (r#"{service_name="web"} |~ `P[OQ]ST`"#, &[post]),
        (r#"{service_name="web"} !~ `method|plain`"#, &[fmt]),
        (r#"{service_name="web"} |~ `(?i)post`"#, &[post]),
        (r#"{service_name="web"} |= ip(`10.0.0.0/8`)"#, &[fmt]),
        (r#"{service_name="web"} != ip(`10.0.0.0/8`)"#, &[get_line, post, plain]),
        (r#"{service_name="web"} |> `plain <_>`"#, &[plain]),
        (r#"{service_name="web"} !> `<_>method<_>`"#, &[fmt, plain]),
        (r#"{service_name="web"} | json a="user.id" | a = `7`"#, &[get_line]),
        (r#"{service_name="web"} | logfmt --strict --keep-empty msg, bytes="size" | bytes="3KB""#, &[fmt]),
        (r#"{service_name="web"} | logfmt | addr = ip(`10.1.2.3`)"#, &[fmt]),
        (r#"{service_name="web"} | regexp `(?P<word>\w+) words` | word=`plain`"#, &[plain]),
        (r#"{service_name="web"} | pattern `<first>, <_>` | first=`plain words`"#, &[plain]),
        (r#"{service_name="packed"} | unpack | pod=`p`"#, &["the line"]),
        (r#"{service_name="web"} | json | status > 200 | __error__=``"#, &[post]),
        (r#"{service_name="web"} | json | status = 200 | __error__=``"#, &[get_line]),
        // What is no JSON has an error, and a comparison of numbers passes it on.
        (r#"{service_name="web"} | json | status = 200"#, &[get_line, fmt, plain]),
        (r#"{service_name="web"} | json | method=`GET` or method=`POST`"#, &[get_line, post]),
        (r#"{service_name="web"} | json | __error__=``"#, &[get_line, post]),
        (r#"{service_name="web"} | json | method=`GET` | line_format `{{.took}}`"#, &["120ms"]),
        (r#"{service_name="web"} | json | label_format verb=method | verb=`GET`"#, &[get_line]),
        (r#"{service_name="web"} |= `plain` | decolorize"#, &["plain words, red"]),
        (r#"{service_name="web"} | json | drop method | method=`GET`"#, &[]),
        (r#"{service_name="web"} | json | keep method | method=`GET`"#, &[get_line]),
    ];
    let mut wrong = Vec::new();
    for (query, expected) in cases {
        let mut found = lines(&ask(&sidecar, query, &[]).await);
        let mut expected: Vec<String> = expected.iter().map(|line| line.chars().take(20).collect()).collect();
        found.sort();
        expected.sort();
        if found != expected {
            wrong.push(format!("{query}: {found:?} and not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_lines_around_a_line_come_in_both_directions() {
    let sidecar = with_logs().await;
    let around = [
        (
            "forward",
            "1767268802000000000",
            "1767276002000000000",
            vec!["1767268802000000000", "1767268803000000000"],
        ),
        ("backward", "1767261602000000000", "1767268802000000000", vec!["1767268801000000000"]),
    ];
    for (direction, start, end, expected) in around {
        let params = [
            ("query", r#"{k8s_pod_name="web-1", service_name="web"}"#),
            ("direction", direction),
            ("limit", "10"),
            ("start", start),
            ("end", end),
        ];
        let got = get(&sidecar.router, &path("/loki/api/v1/query_range", &params)).await.json();
        let streams = got["data"]["result"].as_array().unwrap().iter();
        let mut times: Vec<String> = streams
            .flat_map(|stream| stream["values"].as_array().unwrap())
            .map(|value| value[0].as_str().unwrap().to_owned())
            .collect();
        times.sort();
        times.dedup();
        assert_eq!(times, expected, "{direction}");
    }
}
