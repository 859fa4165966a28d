//! The guide's pages: every example is run, and does what the page says.

use serde_json::Value as Json;
use spandrel_config::Limits;
use spandrel_query::language::parse;
use spandrel_store::UnixNanos;

use crate::fixture::Sidecar;

const LANGUAGE: &str = include_str!("../../../docs/guide/query-language.md");
const API: &str = include_str!("../../../docs/guide/http-api.md");

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
