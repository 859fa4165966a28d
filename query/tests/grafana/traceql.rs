//! TraceQL over generated traces, held against a slow and obvious evaluation of the same questions, on one
//! sidecar and over two that share the spans of a trace.

mod metrics;
mod model;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::StatusCode;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use spandrel_config::Limits;
use spandrel_query::source::{LocalSource, Source};

use crate::fixture::{Sidecar, router_over};
use crate::request::{get, path};
use crate::strict::SearchResponse;

/// Trace and span numbers.
type Matched = BTreeMap<u64, BTreeSet<u64>>;

async fn ask(router: &axum::Router, query: &str) -> Matched {
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

async fn numbers(router: &axum::Router, query: &str) -> Numbers {
    let end = model::START + metrics::INTERVALS * metrics::INTERVAL_MS * 1_000_000;
    let (start, end) = (model::START.to_string(), end.to_string());
    let step = format!("{}ms", metrics::INTERVAL_MS);
    let params = [("q", query), ("start", &start), ("end", &end), ("step", &step)];
    let got = get(router, &path("/api/metrics/query_range", &params)).await;
    assert_eq!(got.status, StatusCode::OK, "{query}: {}", got.text());
    let mut found = Numbers::new();
    for series in got.json()["series"].as_array().unwrap() {
        let labels = series["labels"].as_array().unwrap().iter().filter(|label| label["key"] != "__name__");
        let labels = labels.map(|label| {
            let (kind, value) = label["value"].as_object().unwrap().iter().next().unwrap();
            let text = match (kind.as_str(), value) {
                ("stringValue", value) => value.as_str().unwrap().to_owned(),
                ("intValue", value) => format!("{} as int", value.as_str().unwrap()),
                ("doubleValue", value) if label["key"] == "__bucket" => {
                    format!("{:?}", value.as_f64().unwrap())
                }
                ("doubleValue", value) => format!("{:?} as double", value.as_f64().unwrap()),
                (_, value) => format!("{value} as bool"),
            };
            (label["key"].as_str().unwrap().to_owned(), text)
        });
        let points = series["samples"].as_array().unwrap().iter().map(|sample| {
            let millis: u64 = sample["timestampMs"].as_str().unwrap().parse().unwrap();
            let value = sample["value"].as_f64().unwrap_or(f64::NAN);
            ((millis - model::START / 1_000_000) / metrics::INTERVAL_MS, format!("{value:.6}"))
        });
        let known = found.insert(labels.collect(), points.collect());
        assert_eq!(known, None, "{query}: two series with the same labels");
    }
    found
}

#[test]
fn every_question_for_numbers_counts_what_the_slow_way_counts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let cases = (model::traces(), prop::collection::vec(metrics::numbers(), 12));
    let outcome = runner.run(&cases, |(traces, questions)| {
        runtime.block_on(async {
            let one = Sidecar::empty().await;
            one.keep(model::records(&traces, |_| true)).await;
            let (left, right) = (Sidecar::empty().await, Sidecar::empty().await);
            left.keep(model::records(&traces, |span| span % 3 != 0)).await;
            right.keep(model::records(&traces, |span| span % 2 == 0 || span % 3 == 0)).await;
            let source = |of: &Sidecar, name: &str| -> Arc<dyn Source> {
                Arc::new(LocalSource::new(of.store.clone(), name.to_owned(), 8))
            };
            let both =
                router_over(vec![source(&left, "left:1"), source(&right, "right:1")], Limits::default());
            for question in &questions {
                let text = question.to_string();
                let digits = |points: BTreeMap<u64, f64>| {
                    points.into_iter().map(|(at, value)| (at, format!("{value:.6}"))).collect()
                };
                let wanted: Numbers = question
                    .series(&traces)
                    .into_iter()
                    .map(|(labels, points)| (labels, digits(points)))
                    .collect();
                prop_assert_eq!(&numbers(&one.router, &text).await, &wanted, "{}", text);
                prop_assert_eq!(&numbers(&both, &text).await, &wanted, "federated: {}", text);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_question_finds_what_the_slow_way_finds() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let cases = (model::traces(), prop::collection::vec(oracle::query(), 12));
    let outcome = runner.run(&cases, |(traces, queries)| {
        runtime.block_on(async {
            let one = Sidecar::empty().await;
            one.keep(model::records(&traces, |_| true)).await;
            // Two that each hold some spans, and some that both hold.
            let (left, right) = (Sidecar::empty().await, Sidecar::empty().await);
            left.keep(model::records(&traces, |span| span % 3 != 0)).await;
            right.keep(model::records(&traces, |span| span % 2 == 0 || span % 3 == 0)).await;
            let source = |of: &Sidecar, name: &str| -> Arc<dyn Source> {
                Arc::new(LocalSource::new(of.store.clone(), name.to_owned(), 8))
            };
            let both =
                router_over(vec![source(&left, "left:1"), source(&right, "right:1")], Limits::default());
            for query in &queries {
                let (text, wanted) = (query.to_string(), expected(&traces, query));
                prop_assert_eq!(&ask(&one.router, &text).await, &wanted, "{}", text);
                prop_assert_eq!(&ask(&both, &text).await, &wanted, "federated: {}", text);
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
