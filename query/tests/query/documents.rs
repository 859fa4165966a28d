//! The guide's pages: every example is run, and does what the page says.

use serde_json::Value as Json;
use spandrel_config::Limits;
use spandrel_query::language::parse;
use spandrel_store::{Receiver, UnixNanos};

use crate::fixture::Sidecar;

const LANGUAGE: &str = include_str!("../../../docs/guide/query-language.md");
const API: &str = include_str!("../../../docs/guide/http-api.md");
const GRAFANA: &str = include_str!("../../../docs/guide/grafana.md");
const LOKI: &str = "/loki/api/v1/";

/// The fenced blocks of a page, each with its kind.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let (kind, after) = after.split_once('\n').unwrap();
        let (text, after) = after.split_once("\n```").unwrap();
        found.push((kind, text));
        rest = after;
    }
    found
}

#[tokio::test]
async fn every_question_of_the_guide_finds_something() {
    let sidecar = Sidecar::with_shop().await;
    let questions: Vec<&str> = blocks(LANGUAGE)
        .into_iter()
        .filter(|(kind, _)| *kind == "query")
        .flat_map(|(_, text)| text.lines())
        .collect();
    assert!(questions.len() > 30);
    for question in questions {
        let answered = sidecar.get(&format!("/api/v1/search?q={}", encoded(question))).await.json();
        let found = answered["records"].as_array().unwrap_or_else(|| panic!("{question}: {answered}"));
        assert!(!found.is_empty() && found.len() < 12, "{question} finds {}", found.len());
        assert_eq!(answered.get("warnings"), None, "{question}");
    }
}

#[test]
fn the_guide_names_every_source() {
    let row = LANGUAGE.lines().find(|line| line.starts_with("| `source` |")).unwrap();
    let named = row.rsplit_once(" | ").unwrap().1.trim_end_matches(" |").split(", ");
    let named: Vec<&str> = named.map(|name| name.trim_matches('`')).collect();
    assert_eq!(named.len(), Receiver::ALL.len(), "{row}");
    for receiver in Receiver::ALL {
        assert!(named.contains(&receiver.as_str()), "{row} lacks {}", receiver.as_str());
    }
}

#[test]
fn every_mistake_of_the_guide_is_told_as_it_says() {
    for (kind, text) in blocks(LANGUAGE) {
        if kind == "mistake" {
            let (question, told) = text.split_once('\n').unwrap();
            let error = parse(question, &Limits::default(), UnixNanos::now()).unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }
}

#[tokio::test]
async fn every_request_of_the_guide_is_answered_as_it_says() {
    let sidecar = Sidecar::with_shop().await;
    let blocks = blocks(API);
    let examples: Vec<_> = blocks.chunks(2).collect();
    assert!(examples.len() > 8);
    for example in examples {
        let [("http", request), ("json", told)] = example else { panic!("{example:?}") };
        let path = request.strip_prefix("GET ").unwrap();
        let answered = sidecar.get(path).await.json();
        let told: Json = serde_json::from_str(told).unwrap();
        let wrong = differences(&told, &answered, path);
        assert!(wrong.is_empty(), "{}\n{answered:#}", wrong.join("\n"));
    }
}

/// What Grafana's page says is not evaluated, each question with its answer.
#[tokio::test]
async fn what_the_guide_says_is_refused_is_refused_in_these_words() {
    let sidecar = Sidecar::with_shop().await;
    let (_, refused) = blocks(GRAFANA).into_iter().find(|(kind, _)| *kind == "refused").unwrap();
    let lines: Vec<&str> = refused.lines().collect();
    assert!(lines.len() >= 14 && lines.len().is_multiple_of(2));
    for pair in lines.chunks(2) {
        let call = match (
            pair[1].starts_with("invalid TraceQL"),
            pair[0].contains("| rate") || pair[0].contains("| compare"),
        ) {
            (true, true) => "/api/metrics/query_range?q=",
            (true, false) => "/api/search?q=",
            (false, _) => "/loki/api/v1/query_range?query=",
        };
        let got = sidecar.get(&format!("{call}{}", encoded(pair[0]))).await;
        assert_eq!((got.status.as_u16(), got.text.as_str()), (400, pair[1]), "{}", pair[0]);
    }
}

/// What a page has between backticks, without the question behind a path.
fn quoted(page: &str) -> Vec<&str> {
    let quoted = page.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.map(|text| text.split('?').next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn the_guide_names_every_call_that_is_described_and_no_other() {
    let description = Sidecar::empty().await.get("/api/v1/openapi.json").await.json();
    let described = description["paths"].as_object().unwrap();
    let named: Vec<&str> = quoted(API).into_iter().chain(quoted(GRAFANA)).collect();
    let is_named = |path: &&String| named.contains(&path.strip_prefix(LOKI).unwrap_or(path.as_str()));
    let unnamed: Vec<&String> = described.keys().filter(|path| !is_named(path)).collect();
    assert!(unnamed.is_empty(), "not in the guide: {unnamed:?}");
    let is_call = |text: &&str| ["/api/", LOKI, "/metrics"].iter().any(|part| text.starts_with(part));
    let unknown: Vec<&str> =
        named.into_iter().filter(is_call).filter(|path| !described.contains_key(*path)).collect();
    assert!(unknown.is_empty(), "not described: {unknown:?}");
}

/// Where an answer is other than told. Objects may have more keys; `…` stands for any value, and at the end
/// of a list for any more.
fn differences(told: &Json, found: &Json, at: &str) -> Vec<String> {
    match (told, found) {
        (Json::String(any), _) if any == "…" && !found.is_null() => Vec::new(),
        (Json::Object(told), Json::Object(found)) => told
            .iter()
            .flat_map(|(key, value)| {
                differences(value, found.get(key).unwrap_or(&Json::Null), &format!("{at}/{key}"))
            })
            .collect(),
        (Json::Array(told), Json::Array(found)) => {
            let (told, open) = match told.split_last() {
                Some((Json::String(last), told)) if last == "…" => (told, true),
                _ => (told.as_slice(), false),
            };
            if found.len() < told.len() || (!open && found.len() > told.len()) {
                return vec![format!("{at}: {} items, not {}", found.len(), told.len())];
            }
            let pairs = told.iter().zip(found).enumerate();
            pairs.flat_map(|(n, (told, found))| differences(told, found, &format!("{at}/{n}"))).collect()
        }
        (told, found) if told == found => Vec::new(),
        (told, found) => vec![format!("{at}: {found}, not {told}")],
    }
}

/// Text as a part of a query string.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
