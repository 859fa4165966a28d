//! Jaeger's API: the older one over HTTP that Grafana uses, and v3 over HTTP and gRPC that newer clients use.
//!
//! Spans are found by the store's own filter; whole traces are given.

mod dependencies;
mod envelope;
mod grpc;
mod model;
mod names;
mod search;
mod v3;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::api::App;
use crate::grafana::calls::{Calls, JSON, LIMIT, Param, Told};

pub(crate) use search::trace as trace_by_id;

const SERVICE: Param<'_> = ("service", "The name of a service");
const KIND: Param<'_> =
    ("spanKind", "`server`, `client`, `producer`, `consumer` or `internal`; any without it");
const SEARCH: &[Param<'_>] = &[
    SERVICE,
    ("operation", "The name of a span; `all` for any"),
    ("tags", "A JSON object of attributes and their values as text"),
    ("tag", "`key:value`, any number of times"),
    ("minDuration", "The shortest duration, such as `1.2s`"),
    ("maxDuration", "The longest duration"),
    ("start", "The earliest time in microseconds"),
    ("end", "The time to end before in microseconds"),
    LIMIT,
    ("traceID", "Traces by their ids instead, any number of times"),
];
const SEARCH_V3: &[Param<'_>] = &[
    ("query.serviceName", "The name of a service"),
    ("query.operationName", "The name of a span"),
    ("query.attributes", "A JSON object of attributes and their values as text"),
    ("query.startTimeMin", "The earliest time in RFC 3339; required"),
    ("query.startTimeMax", "The time to end before in RFC 3339; required"),
    ("query.durationMin", "The shortest duration, such as `1.2s`"),
    ("query.durationMax", "The longest duration"),
    ("query.searchDepth", "How many traces at the most"),
];
const DEPENDENCIES: &[Param<'_>] =
    &[("endTs", "The time to end before in milliseconds"), ("lookback", "Milliseconds before that")];
const DEPENDENCIES_V3: &[Param<'_>] =
    &[("startTime", "The earliest time; required"), ("endTime", "The time to end before; required")];
const NOT_FOUND: (&str, &str) = ("404", "No such trace, and nothing is missing from the answer");

/// Everything but the one path that Tempo's API has too.
pub(crate) fn calls() -> Calls {
    Calls::of("jaeger", JSON)
        .call("/api/services", get(names::services), Told::new("The names of services", &[]))
        .call(
            "/api/services/{service}/operations",
            get(names::operations_of_service),
            Told::new("The names of a service's spans", &[]),
        )
        .call(
            "/api/operations",
            get(names::operations),
            Told::new("The names and kinds of a service's spans", &[SERVICE, KIND]),
        )
        .call("/api/traces", get(search::search), Told::new("Traces with a matching span", SEARCH))
        .call(
            "/api/dependencies",
            get(dependencies::dependencies),
            Told::new("Which service calls which, and how often", DEPENDENCIES),
        )
        .call("/api/v3/services", get(v3::services), Told::new("The names of services", &[]))
        .call(
            "/api/v3/operations",
            get(v3::operations),
            Told::new("The names and kinds of a service's spans", &[SERVICE, KIND]),
        )
        .call(
            "/api/v3/traces",
            get(v3::search),
            Told::new("Traces with a matching span, as OTLP", SEARCH_V3)
                .refused_too(&[("404", "No trace is found")]),
        )
        .call(
            "/api/v3/traces/{id}",
            get(v3::trace),
            Told::new("A trace, as OTLP", &[]).refused_too(&[NOT_FOUND]),
        )
        .call(
            "/api/v3/trace-summaries",
            get(v3::summaries),
            Told::new("What a list shows of the traces with a matching span", SEARCH_V3),
        )
        .call(
            "/api/v3/dependencies",
            get(v3::dependencies),
            Told::new("Which service calls which, and how often", DEPENDENCIES_V3),
        )
        .call(
            "/api/metrics/{kind}",
            get(envelope::no_metrics),
            Told::new("Refused: numbers for the tab Monitor are in `/metrics/traces`", &[])
                .refused_too(&[("501", "Always")]),
        )
}

/// Version 3 over gRPC, which has it at the root.
pub(crate) fn grpc() -> Router<Arc<App>> {
    grpc::routes()
}

/// `/api/traces/{id}`, for where Tempo's API is not.
pub(crate) fn trace_route() -> Router<Arc<App>> {
    Router::new().route("/api/traces/{id}", get(trace_by_id))
}
