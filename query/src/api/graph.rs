//! `/api/v1/graph`: who calls whom.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};
use spandrel_store::UnixNanos;

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::describe::{Common, GraphAnswer};
use super::problem::Problem;
use crate::engine::About;
use crate::graph::{CallCounts, Counts, ServiceGraph, ServiceNode};
use crate::render::time::Rfc3339;

/// Services and the calls between them, with rates, errors and latency. `q` says which spans count as calls.
#[utoipa::path(get, path = "/api/v1/graph", tag = "query", params(Common), responses(
    (status = 200, description = "The service graph, joined over all sidecars", body = GraphAnswer),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn graph(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let (answer, graph) = Answer::to(&asked, app.engine.graph(&asked.about).await?);
    let window = window(&asked.about, &graph);
    let seconds = window.map_or(0.0, |(start, end)| end.0.saturating_sub(start.0) as f64 / 1e9);
    let start = window.map(|(start, _)| Rfc3339(start).to_string());
    let end = window.map(|(_, end)| Rfc3339(end).to_string());
    answer
        .with("window", json!({ "start": start, "end": end }))
        .list("nodes", graph.nodes.into_iter().map(node))
        .list("edges", graph.calls.into_iter().map(move |call| edge(&call, seconds)))
        .respond(asked.format)
}

/// The time that rates are of: what was asked for, open ends put where the spans end. `None` where there is nothing.
fn window(about: &About, graph: &ServiceGraph) -> Option<(UnixNanos, UnixNanos)> {
    let (least, greatest) = graph.extent?;
    let start = if about.range.start == UnixNanos::MIN { least } else { about.range.start };
    let end = if about.range.end == UnixNanos::MAX { greatest } else { about.range.end };
    Some((start, end))
}

fn node(node: ServiceNode) -> Json {
    let mut json = json!({ "name": node.name.as_ref(), "kind": node.kind.as_str() });
    add(&mut json, "requests", &node.served);
    json
}

fn edge(call: &CallCounts, seconds: f64) -> Json {
    let mut json = json!({ "from": call.from.as_ref(), "to": call.to.as_ref() });
    add(&mut json, "calls", &call.counts);
    // A moment has no rate.
    let rate = (seconds > 0.0).then(|| call.counts.count as f64 / seconds);
    json["calls_per_second"] = rate.into();
    json
}

fn add(to: &mut Json, counted: &str, counts: &Counts) {
    let quantile = |share| counts.durations.quantile_ns(share);
    let counts = [
        (counted, counts.count),
        ("errors", counts.errors),
        ("p50_ns", quantile(0.5)),
        ("p95_ns", quantile(0.95)),
        ("p99_ns", quantile(0.99)),
    ];
    let counts: Map<String, Json> =
        counts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    if let Some(json) = to.as_object_mut() {
        json.extend(counts);
    }
}
