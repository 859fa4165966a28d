//! LogQL over generated lines, held against a slow and obvious evaluation of the same questions, on one sidecar
//! and over two.

mod binary;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use axum::Router;
use axum::http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value as Json;
use spandrel_store::{Level, NewRecord};

use self::oracle::{Line, Numbers, Stage};
use crate::request::{get_with, path};
use crate::shared::Shared;

const FLAGS: &[(&str, &str)] = &[("X-Loki-Response-Encoding-Flags", "categorize-labels")];
const EPOCH: u64 = 1_767_268_800;

fn record(line: &Line) -> NewRecord {
    let attributes: Vec<(&str, &str)> = line.attributes.iter().map(|(key, value)| (*key, *value)).collect();
    crate::loki::log(line.service, line.second, Level::Info, &line.text, &attributes)
}

async fn ask(router: &Router, query: &str, end: u64) -> Json {
    let (start, end) = (EPOCH.to_string(), (EPOCH + end).to_string());
    let params = [("query", query), ("start", &start), ("end", &end), ("step", "3"), ("limit", "5000")];
    let got = get_with(router, &path("/loki/api/v1/query_range", &params), FLAGS).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    got.json()
}

type Labelled = BTreeSet<(u64, String, BTreeMap<String, String>)>;

/// Times, lines, and the labels that are neither of the stream nor of OpenTelemetry's own.
async fn lines(router: &Router, query: &str) -> Labelled {
    let answer = ask(router, query, 100).await;
    let mut found = BTreeSet::new();
    for stream in answer["data"]["result"].as_array().unwrap() {
        for value in stream["values"].as_array().unwrap() {
            let second = value[0].as_str().unwrap().parse::<u64>().unwrap() / 1_000_000_000 - EPOCH;
            let mut labels = BTreeMap::new();
            for part in [&stream["stream"], &value[2]["structuredMetadata"], &value[2]["parsed"]] {
                for (name, value) in part.as_object().into_iter().flatten() {
                    labels.insert(name.clone(), value.as_str().unwrap().to_owned());
                }
            }
            labels.retain(|name, _| oracle::is_shown(name));
            found.insert((second, value[1].as_str().unwrap().to_owned(), labels));
        }
    }
    found
}

/// By the labels that are grouped by, numbers at seconds.
async fn numbers(router: &Router, query: &str) -> Numbers {
    let answer = ask(router, query, 30).await;
    let mut found = Numbers::new();
    for series in answer["data"]["result"].as_array().unwrap() {
        let labels: BTreeMap<String, String> = serde_json::from_value(series["metric"].clone()).unwrap();
        let points = series["values"].as_array().unwrap().iter().map(|point| {
            let number: f64 = point[1].as_str().unwrap().parse().unwrap();
            (point[0].as_u64().unwrap() - EPOCH, format!("{number:.6}"))
        });
        found.insert(labels, points.collect());
    }
    found
}

/// By their labels, numbers at seconds; nothing where the question is refused.
async fn calculated(router: &Router, query: &str) -> Option<Numbers> {
    let (start, end) = (EPOCH.to_string(), (EPOCH + 30).to_string());
    let params = [("query", query), ("start", &start), ("end", &end), ("step", "3")];
    let got = get_with(router, &path("/loki/api/v1/query_range", &params), FLAGS).await;
    match got.status {
        StatusCode::OK => Some(numbers(router, query).await),
        _ => {
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{query}: {}", got.text());
            assert!(got.text().contains("match"), "{query}: {}", got.text());
            None
        }
    }
}

/// Asks ten generated questions about generated lines, one sidecar that holds them all and two that share them.
fn hold<Q: fmt::Debug>(
    questions: impl Strategy<Value = Q>,
    check: impl AsyncFn(&Router, &[Line], &Q) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 20, ..Config::default() });
    let cases = (oracle::lines(), prop::collection::vec(questions, 10));
    let outcome = runner.run(&cases, |(generated, questions)| {
        runtime.block_on(async {
            let of = |half: u64| generated.iter().filter(move |line| line.second % 2 == half).map(record);
            let all = generated.iter().map(record).collect();
            let shared = Shared::of(all, of(0).collect(), of(1).collect()).await;
            for question in &questions {
                check(&shared.one.router, &generated, question).await?;
                check(&shared.both, &generated, question).await.map_err(Shared::federated)?;
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_question_finds_what_the_slow_way_finds() {
    hold(oracle::question(), async |router, generated, question| {
        let text = question.log();
        let wanted: Labelled = question.lines(generated).into_iter().collect();
        prop_assert_eq!(lines(router, &text).await, wanted, "{}", text);
        let text = question.metric();
        prop_assert_eq!(numbers(router, &text).await, question.numbers(generated, 3, 30), "{}", text);
        Ok(())
    });
}

#[test]
fn operators_calculate_what_the_slow_way_calculates() {
    hold(binary::expr(), async |router, generated, question| {
        let text = question.to_string();
        let wanted = question.numbers(generated, 3, 30).ok().map(|steps| {
            let mut numbers = Numbers::new();
            for (at, samples) in steps {
                for (labels, number) in samples {
                    numbers.entry(labels).or_default().push((at, format!("{number:.6}")));
                }
            }
            numbers
        });
        prop_assert_eq!(calculated(router, &text).await, wanted, "{}", text);
        Ok(())
    });
}

#[test]
fn a_stage_is_written_as_logql_has_it() {
    let stage = Stage::Contains { negated: true, text: "a" };
    assert_eq!(stage.to_string(), "!= `a`");
}
