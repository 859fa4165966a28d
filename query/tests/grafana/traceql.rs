//! TraceQL over generated traces, held against a slow and obvious evaluation of the same questions, on one
//! sidecar and over two that share the spans of a trace.

mod comparison;
mod metrics;
mod model;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use axum::Router;
use axum::http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value as Json;

use crate::request::{get, path};
use crate::shared::Shared;
use crate::strict::SearchResponse;

/// Trace and span numbers.
type Matched = BTreeMap<u64, BTreeSet<u64>>;

async fn ask(router: &Router, query: &str) -> Matched {
    let got = get(router, &path("/api/search", &[("q", query), ("limit", "1000"), ("spss", "0")])).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    let answer = SearchResponse::read(&got.body);
    let number = |hex: &str| u64::from_str_radix(&hex[hex.len() - 16..], 16).unwrap();
    let spans = |trace: &crate::strict::Trace| {
        trace.span_sets.iter().flat_map(|set| &set.spans).map(|span| number(&span.span_id)).collect()
    };
    answer.traces.iter().map(|trace| (number(&trace.trace_id), spans(trace))).collect()
}

fn expected(traces: &[model::Trace], query: &oracle::Query) -> Matched {
    let matched = traces.iter().enumerate().map(|(index, trace)| {
        (
            index as u64 + 1,
            query.matched(trace).into_iter().map(|span| span as u64 + 1).collect::<BTreeSet<_>>(),
        )
    });
    matched.filter(|(_, spans)| !spans.is_empty()).collect()
}

/// By labels without names, numbers by interval, in six digits.
type Numbers = BTreeMap<BTreeMap<String, String>, BTreeMap<u64, String>>;

/// The series of an answer: labels without names and with their types, points by interval.
async fn series(router: &Router, query: &str) -> Vec<(BTreeMap<String, String>, BTreeMap<u64, f64>)> {
    let end = model::START + metrics::INTERVALS * metrics::INTERVAL_MS * 1_000_000;
    let (start, end) = (model::START.to_string(), end.to_string());
    let step = format!("{}ms", metrics::INTERVAL_MS);
    let params = [("q", query), ("start", &start), ("end", &end), ("step", &step)];
    let got = get(router, &path("/api/metrics/query_range", &params)).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    let of_one = |series: &Json| {
        let labels = series["labels"].as_array().unwrap().iter().filter(|label| label["key"] != "__name__");
        let points = series["samples"].as_array().unwrap().iter().map(|sample| {
            let millis: u64 = sample["timestampMs"].as_str().unwrap().parse().unwrap();
            let value = sample["value"].as_f64().unwrap_or(f64::NAN);
            ((millis - model::START / 1_000_000) / metrics::INTERVAL_MS, value)
        });
        (labels.map(label).collect(), points.collect())
    };
    got.json()["series"].as_array().unwrap().iter().map(of_one).collect()
}

fn label(label: &Json) -> (String, String) {
    let (kind, value) = label["value"].as_object().unwrap().iter().next().unwrap();
    let text = match (kind.as_str(), value) {
        ("stringValue", value) => value.as_str().unwrap().to_owned(),
        ("intValue", value) => format!("{} as int", value.as_str().unwrap()),
        ("doubleValue", value) if label["key"] == "__bucket" => format!("{:?}", value.as_f64().unwrap()),
        ("doubleValue", value) => format!("{:?} as double", value.as_f64().unwrap()),
        (_, value) => format!("{value} as bool"),
    };
    (label["key"].as_str().unwrap().to_owned(), text)
}

async fn numbers(router: &Router, query: &str) -> Numbers {
    let mut found = Numbers::new();
    for (labels, points) in series(router, query).await {
        let known = found.insert(labels, in_digits(points));
        assert_eq!(known, None, "{query}: two series with the same labels");
    }
    found
}

fn in_digits(points: BTreeMap<u64, f64>) -> BTreeMap<u64, String> {
    points.into_iter().map(|(at, value)| (at, format!("{value:.6}"))).collect()
}

async fn counts(router: &Router, query: &str) -> comparison::Counts {
    let mut found = comparison::Counts::new();
    for (mut labels, points) in series(router, query).await {
        let side = labels.remove("__meta_type").unwrap();
        let (attribute, value) = labels.pop_first().unwrap();
        let value = (!side.ends_with("_total")).then_some(value);
        let points = points.into_iter().map(|(at, count)| (at, count as u64)).collect();
        let known = found.insert((side.starts_with("selection"), attribute, value), points);
        assert!(known.is_none() && labels.is_empty(), "{query}: {labels:?}");
    }
    found
}

/// Asks twelve generated questions about generated traces, one sidecar that holds them all and two that share them.
fn hold<Q: fmt::Debug + fmt::Display>(
    questions: impl Strategy<Value = Q>,
    check: impl AsyncFn(&Router, &[model::Trace], &Q) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let cases = (model::traces(), prop::collection::vec(questions, 12));
    let outcome = runner.run(&cases, |(traces, questions)| {
        runtime.block_on(async {
            // Some spans are held by both of the two.
            let left = model::records(&traces, |span| span % 3 != 0);
            let right = model::records(&traces, |span| span % 2 == 0 || span % 3 == 0);
            let shared = Shared::of(model::records(&traces, |_| true), left, right).await;
            for question in &questions {
                check(&shared.one.router, &traces, question).await?;
                check(&shared.both, &traces, question).await.map_err(Shared::federated)?;
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_question_finds_what_the_slow_way_finds() {
    hold(oracle::query(), async |router, traces, query| {
        let text = query.to_string();
        prop_assert_eq!(ask(router, &text).await, expected(traces, query), "{}", text);
        Ok(())
    });
}

#[test]
fn every_question_for_numbers_counts_what_the_slow_way_counts() {
    hold(metrics::numbers(), async |router, traces, question| {
        let text = question.to_string();
        let slow = question.series(traces).into_iter();
        let wanted: Numbers = slow.map(|(labels, points)| (labels, in_digits(points))).collect();
        prop_assert_eq!(numbers(router, &text).await, wanted, "{}", text);
        Ok(())
    });
}

#[test]
fn every_comparison_counts_what_the_slow_way_counts() {
    hold(comparison::comparison(), async |router, traces, question| {
        let text = question.to_string();
        let fault = question.fault(traces, &counts(router, &text).await);
        prop_assert_eq!(fault, None, "{}", text);
        Ok(())
    });
}
