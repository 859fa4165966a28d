//! The API's description: `openapi.json`, made of the handlers' own and of the types below.
//!
//! The types only describe: answers are written piece by piece and never exist as these. A test holds the
//! keys of real answers against them.
#![allow(dead_code, reason = "they only describe")]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, ResponseBuilder};
use utoipa::{IntoParams, Modify, OpenApi, ToSchema};

use super::problem::Problem;
use crate::coverage::Coverage;
use crate::render::RecordView as Record;
use crate::trace::Trace;
use crate::trace::errors::TraceErrors;
use crate::trace::summary::TraceSummary;
use crate::trace::timeline::Timeline;

#[derive(OpenApi)]
#[openapi(
    info(title = "Spandrel", description = "Spans and logs of every service, by trace.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security((), ("bearer" = [])),
    tags(
        (name = "trace", description = "Everything about one trace"),
        (name = "query", description = "Questions in the query language"),
        (name = "process", description = "This process"),
        (name = "tempo", description = "Tempo's API, for Grafana; also below `/tempo`"),
        (name = "loki", description = "Loki's API, for Grafana"),
        (name = "jaeger", description = "Jaeger's API, for Grafana and Jaeger's own UI; also below `/jaeger`"),
    )
)]
pub(super) struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// `openapi.json` as it is served.
#[derive(Debug, Clone)]
pub(super) struct Description(Arc<str>);

impl Description {
    pub(super) fn of(api: Document) -> Description {
        let mut api = api;
        for (path, item) in &mut api.paths.paths {
            if !matches!(path.as_str(), "/healthz" | "/readyz") {
                item.get.iter_mut().chain(&mut item.post).for_each(describe_refusals);
            }
        }
        Description(api.to_json().unwrap_or_default().into())
    }
}

/// Refusals that any call may meet, where it does not describe its own.
fn describe_refusals(call: &mut Operation) {
    const REFUSALS: [(&str, &str); 5] = [
        ("400", "The path, a parameter or the question is not understood"),
        ("401", "The bearer token is missing or wrong"),
        ("421", "Without a token on loopback: the request was meant for another host"),
        ("500", "The answer could not be put together"),
        ("default", "Any other refusal, such as 405 for other methods than GET and HEAD"),
    ];
    for (status, description) in REFUSALS {
        call.responses.responses.entry(status.to_owned()).or_insert_with(|| {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().description(description);
            response.content("application/problem+json", problem).build().into()
        });
    }
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "process",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn openapi(Extension(description): Extension<Description>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], description.0.to_string())
}

/// Parameters of every question.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Common {
    /// The question in the query language; without it, everything. Of one trace: which of its records are listed.
    #[param(example = "service:payment AND level:error")]
    q: Option<String>,
    /// From this time on: RFC 3339, seconds, milli-, micro- or nanoseconds since 1970, or relative.
    #[param(example = "-15m")]
    start: Option<String>,
    /// Before this time.
    end: Option<String>,
    /// `all` sidecars or this one, `local`.
    #[param(example = "all")]
    scope: Option<String>,
    /// `complete`: 503 rather than an answer from which something is missing.
    #[param(example = "complete")]
    require: Option<String>,
    /// `json` or `ndjson`; `otlp` for a trace.
    #[param(example = "json")]
    format: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Items of a page, 100 if not given.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CountParams {
    /// Up to four fields, apart by commas.
    #[param(example = "service,level")]
    by: Option<String>,
    /// The length of a step, a bare number in seconds; without it, a round one that makes up to 100 of them.
    #[param(example = "30s")]
    step: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct TraceAnswer {
    #[serde(flatten)]
    trace: Trace,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct ErrorsAnswer {
    #[serde(flatten)]
    errors: TraceErrors<'static>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct TimelineAnswer {
    #[serde(flatten)]
    timeline: Timeline,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct SearchAnswer {
    records: Vec<Record>,
    /// There is more; ask again with it as `cursor`.
    next_cursor: Option<String>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct TracesAnswer {
    traces: Vec<TraceSummary>,
    /// There is more; ask again with it as `cursor`.
    next_cursor: Option<String>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct HistogramAnswer {
    step_ns: u64,
    series: Vec<SeriesAnswer>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct SeriesAnswer {
    /// The fields counted by, with this series' values; null where records have none.
    by: BTreeMap<String, Option<String>>,
    /// Pairs of the start of a step and a count.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    points: Vec<(String, u64)>,
}

#[derive(ToSchema)]
pub(super) struct FieldsAnswer {
    fields: Vec<FieldAnswer>,
    next_cursor: Option<String>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct FieldAnswer {
    name: String,
    /// `string`, `int`, `double`, `bool`, `bytes`, `map`, `duration` or `time`.
    #[schema(rename = "type")]
    kind: String,
    /// `intrinsic`, or where the attribute is: `record`, `resource`, `scope`, `event`, `body`.
    scope: String,
}

#[derive(ToSchema)]
pub(super) struct ValuesAnswer {
    values: Vec<ValueAnswer>,
    next_cursor: Option<String>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct ValueAnswer {
    value: String,
    /// Records that have it.
    count: u64,
}

#[derive(ToSchema)]
pub(super) struct ServicesAnswer {
    services: Vec<ServiceAnswer>,
    /// There is more; ask again with it as `cursor`.
    next_cursor: Option<String>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct ServiceAnswer {
    /// `unknown_service` for the records that name none.
    name: String,
    spans: u64,
    logs: u64,
    /// Spans and logs of level error and above.
    errors: u64,
}

#[derive(ToSchema)]
pub(super) struct GraphAnswer {
    window: WindowAnswer,
    /// By name.
    nodes: Vec<NodeAnswer>,
    /// By the names of their ends.
    edges: Vec<EdgeAnswer>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

/// The time that rates are of; null where there are no spans.
#[derive(ToSchema)]
pub(super) struct WindowAnswer {
    #[schema(required)]
    start: Option<String>,
    #[schema(required)]
    end: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct NodeAnswer {
    name: String,
    /// `service`; `database` or `queue`, which send no spans and are known by what their callers say.
    kind: String,
    /// Spans of servers and consumers, and spans that begin a trace; of what sends no spans, the calls to it.
    requests: u64,
    errors: u64,
    p50_ns: u64,
    p95_ns: u64,
    p99_ns: u64,
}

#[derive(ToSchema)]
pub(super) struct EdgeAnswer {
    from: String,
    to: String,
    /// Spans of `to` whose parent is one of `from`.
    calls: u64,
    /// Those of level error.
    errors: u64,
    /// Durations, as the called side measured them.
    p50_ns: u64,
    p95_ns: u64,
    p99_ns: u64,
    /// Calls over the length of `window`.
    #[schema(required)]
    calls_per_second: Option<f64>,
}

#[derive(ToSchema)]
pub(super) struct PeersAnswer {
    peers: Vec<PeerAnswer>,
    warnings: Option<Vec<String>>,
    coverage: Coverage,
}

#[derive(ToSchema)]
pub(super) struct PeerAnswer {
    /// The query endpoint.
    peer: String,
    /// Who it is: stays with its data folder, whatever name and address it has.
    id: Option<String>,
    /// The service it stands next to, where known.
    #[schema(required)]
    service: Option<String>,
    /// Whether it is the sidecar that answers.
    local: bool,
    /// `up`, or why it did not answer, as in coverage. `itself` and `duplicate`: listed, and asked already.
    state: String,
    detail: Option<String>,
    version: Option<String>,
    services: Option<Vec<String>>,
    records: Option<u64>,
    /// The earliest event time held.
    start: Option<String>,
    /// The latest event time held.
    end: Option<String>,
    /// How long its last answer took.
    latency_ns: Option<u64>,
    /// When it last answered.
    last_answer: Option<String>,
    last_error: Option<String>,
    last_error_time: Option<String>,
}
