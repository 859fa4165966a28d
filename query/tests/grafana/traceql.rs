//! TraceQL over generated traces, held against a slow and obvious evaluation of the same questions, on one
//! sidecar and over two that share the spans of a trace.

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
