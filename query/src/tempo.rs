//! Tempo's HTTP API, as Grafana's Tempo data source and Traces Drilldown use it.
//!
//! Answers are Tempo's messages in protobuf or in its JSON, with no key that Grafana's strict reader does not
//! know. TraceQL is read in [`crate::language::traceql`] and evaluated in [`eval`].

mod calculation;
pub mod eval;
mod legacy;
mod metrics;
mod proto;
mod search;
mod series;
mod streaming;
mod tags;
mod trace;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::api::App;
use crate::grafana::calls::{Calls, END, LIMIT, PROTOBUF_OR_JSON, Param, START, STEP, TEXT, Told};

pub use proto::{Status, Trace, TraceByIdMetrics, TraceByIdResponse};
pub(crate) use search::as_text;
pub(crate) use trace::{accepts_protobuf, v1 as trace_by_id_v1};

const Q: Param<'_> = ("q", "TraceQL");
const TAGS_Q: Param<'_> = ("q", "TraceQL, whole or not: its whole conditions say which spans count");
const SCOPE: Param<'_> =
    ("scope", "`span`, `resource`, `event`, `instrumentation` or `intrinsic`; all without it");
const SINCE: Param<'_> = ("since", "How far back from the end, without a start");
const NOT_FOUND: (&str, &str) = ("404", "No such trace, and nothing is missing from the answer");

const TRACE: Told = Told::new("A trace: protobuf for whoever accepts it, else JSON", &[])
    .answered_in(PROTOBUF_OR_JSON)
    .refused_too(&[NOT_FOUND]);
const SEARCH: &[Param<'_>] = &[
    Q,
    START,
    END,
    LIMIT,
    ("spss", "Spans of each set: 3 without it, 0 for all"),
    ("tags", "In the place of `q`: `key=value` pairs"),
    ("minDuration", "With `tags`: the shortest duration"),
    ("maxDuration", "With `tags`: the longest duration"),
];
const RANGE: &[Param<'_>] =
    &[Q, ("query", "The same as `q`"), START, END, SINCE, STEP, ("exemplars", "Traces that stand for spans")];
const INSTANT: &[Param<'_>] = &[Q, ("query", "The same as `q`"), START, END, SINCE];

/// Everything but the one path that Jaeger's API has too.
pub(crate) fn calls() -> Calls {
    let values = "The values of a tag, with their types";
    Calls::of("tempo", TEXT)
        .call("/api/echo", get(async || "echo"), Told::new("`echo`", &[]).answered_in(TEXT))
        .call("/api/status/buildinfo", get(buildinfo), Told::new("The version that is spoken", &[]))
        .call("/api/v2/traces/{id}", get(trace::v2), TRACE)
        .call(
            "/api/metrics/query_range",
            get(metrics::query_range),
            Told::new("Numbers over time out of spans", RANGE),
        )
        .call("/api/metrics/query", get(metrics::query), Told::new("One number for each series", INSTANT))
        .call(
            "/api/search",
            get(search::search),
            Told::new("Traces that TraceQL finds, the newest first", SEARCH),
        )
        .call("/api/search/tags", get(tags::tags_v1), Told::new("The names of all tags", &[SCOPE, LIMIT]))
        .call_under(
            "/api/search/tag/{*rest}",
            "/api/search/tag/{tag}/values",
            get(tags::values_v1),
            Told::new("The values of a tag", &[TAGS_Q, START, END, LIMIT]),
        )
        .call(
            "/api/v2/search/tags",
            get(tags::tags_v2),
            Told::new("The names of tags by scope", &[SCOPE, LIMIT]),
        )
        .call_under(
            "/api/v2/search/tag/{*rest}",
            "/api/v2/search/tag/{tag}/values",
            get(tags::values_v2),
            Told::new(values, &[TAGS_Q, START, END, LIMIT]),
        )
}

/// The streaming service, which gRPC has at the root.
pub(crate) fn grpc() -> Router<Arc<App>> {
    streaming::routes()
}

/// `/api/traces/{id}`, for where Jaeger's API is not.
pub(crate) fn trace_v1() -> Router<Arc<App>> {
    Router::new().route("/api/traces/{id}", get(trace_by_id_v1))
}

/// A version that makes Grafana 11 offer what is there: streaming of searches since 2.2, of metrics since 2.7.
async fn buildinfo() -> Json<serde_json::Value> {
    Json(json!({
        "version": "2.8.0",
        "revision": env!("CARGO_PKG_VERSION"),
        "branch": "spandrel",
        "buildDate": "",
        "buildUser": "",
        "goVersion": "",
    }))
}
