//! A sidecar's query side over a store in a temporary folder.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use serde_json::Value as Json;
use spandrel_config::{Limits, Security, Storage};
use spandrel_query::api::{App, Guard, router};
use spandrel_query::credentials::Credentials;
use spandrel_query::engine::Engine;
use spandrel_query::source::{LocalSource, Roster, Source};
use spandrel_query::span_metrics::SpanMetrics;
use spandrel_store::record::SpanExt;
use spandrel_store::{
    Batch, Flags, Level, NewRecord, Receiver, RecordBody, ResourceContext, ScopeContext, Store, UnixNanos,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Twelve records of a small shop: three traces, some logs, one failure.
const RECORDS: &str = include_str!("data/records.json");

pub struct Sidecar {
    pub store: Store,
    pub router: Router,
    pub shutdown: CancellationToken,
    _folder: TempDir,
}

pub struct Answered {
    pub status: StatusCode,
    pub content_type: String,
    pub text: String,
}

impl Sidecar {
    pub async fn empty() -> Sidecar {
        Sidecar::with(Limits::default(), &Security::default()).await
    }

    pub async fn with_shop() -> Sidecar {
        let sidecar = Sidecar::empty().await;
        sidecar.keep(shop()).await;
        sidecar
    }

    pub async fn with(limits: Limits, security: &Security) -> Sidecar {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage { directory: folder.path().to_owned(), ..Storage::default() };
        let registry = prometheus::Registry::new();
        let store = {
            let (limits, registry) = (limits.clone(), registry.clone());
            tokio::task::spawn_blocking(move || Store::open(&storage, &limits, &registry)).await
        };
        let store = store.unwrap().unwrap();
        let shutdown = CancellationToken::new();
        let span_metrics = SpanMetrics::watching(&store, &limits);
        let local = LocalSource::new(store.clone(), "here:7317".to_owned(), limits.queries_max);
        let local = local.telling_of(span_metrics.clone());
        let engine = Engine::new(vec![Arc::new(local)], limits);
        let guard = Guard::new(security, Arc::new(Credentials::load(security).unwrap()), true);
        let app = App::new(engine, guard, &registry, shutdown.clone()).unwrap().telling(span_metrics);
        Sidecar { store, router: router(Arc::new(app)), shutdown, _folder: folder }
    }

    pub async fn keep(&self, records: Vec<NewRecord>) {
        let records = records.into_iter().map(NewRecord::into).collect();
        let batch = Batch {
            receiver: Receiver::OtlpHttp,
            received: UnixNanos::now(),
            records,
            checkpoints: Vec::new(),
            permit: None,
        };
        self.store.append(batch).await.unwrap();
    }

    pub async fn get(&self, path: &str) -> Answered {
        get(&self.router, path).await
    }
}

/// A router over sources of the test's own.
pub fn router_over(sources: Vec<Arc<dyn Source>>, limits: Limits) -> Router {
    router_of(Engine::new(sources, limits))
}

/// The same over sources that change.
pub fn router_over_roster(roster: Arc<ArcSwap<Roster>>) -> Router {
    router_of(Engine::over(roster, Limits::default()))
}

fn router_of(engine: Engine) -> Router {
    let registry = prometheus::Registry::new();
    let guard = Guard::new(&Security::default(), Arc::default(), true);
    let app = App::new(engine, guard, &registry, CancellationToken::new());
    router(Arc::new(app.unwrap()))
}

pub async fn respond(router: &Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

pub async fn get(router: &Router, path: &str) -> Answered {
    let response = respond(router, Request::get(path).body(Body::empty()).unwrap()).await;
    read(response).await
}

pub async fn read(response: Response) -> Answered {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).map(|v| v.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    Answered { status, content_type: content_type.unwrap_or_default(), text }
}

impl Answered {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn lines(&self) -> Vec<Json> {
        self.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The value at a JSON pointer in which `*` stands for every element of an array.
pub fn pick(json: &Json, pointer: &str) -> Json {
    match pointer.split_once("/*") {
        None => json.pointer(pointer).cloned().unwrap_or(Json::from("(absent)")),
        Some((before, after)) => match json.pointer(before).and_then(Json::as_array) {
            Some(items) => items.iter().map(|item| pick(item, after)).collect(),
            None => Json::from("(absent)"),
        },
    }
}

pub fn shop() -> Vec<NewRecord> {
    records(RECORDS)
}

/// OTLP/JSON with spans, logs or both.
fn records(json: &str) -> Vec<NewRecord> {
    let json: Json = serde_json::from_str(json).unwrap();
    let traces: TracesData =
        serde_json::from_value(serde_json::json!({ "resourceSpans": json["resourceSpans"] })).unwrap();
    let logs: LogsData =
        serde_json::from_value(serde_json::json!({ "resourceLogs": json["resourceLogs"] })).unwrap();
    let mut records = Vec::new();
    for of_resource in traces.resource_spans {
        let resource = resource(of_resource.resource);
        for of_scope in of_resource.scope_spans {
            let scope = scope(of_scope.scope);
            records.extend(of_scope.spans.into_iter().map(|span| {
                let level = span.is_error().then_some(Level::Error);
                record(&resource, &scope, RecordBody::Span(Box::new(span)), level)
            }));
        }
    }
    for of_resource in logs.resource_logs {
        let resource = resource(of_resource.resource);
        for of_scope in of_resource.scope_logs {
            let scope = scope(of_scope.scope);
            records.extend(of_scope.log_records.into_iter().map(|log| {
                let level = Level::from_severity_number(log.severity_number);
                record(&resource, &scope, RecordBody::Log(Box::new(log)), level)
            }));
        }
    }
    records
}

fn resource(resource: Option<opentelemetry_proto::tonic::resource::v1::Resource>) -> Arc<ResourceContext> {
    Arc::new(ResourceContext { resource, schema_url: String::new() })
}

fn scope(scope: Option<opentelemetry_proto::tonic::common::v1::InstrumentationScope>) -> Arc<ScopeContext> {
    Arc::new(ScopeContext { scope, schema_url: String::new() })
}

fn record(
    resource: &Arc<ResourceContext>,
    scope: &Arc<ScopeContext>,
    body: RecordBody,
    level: Option<Level>,
) -> NewRecord {
    let (resource, scope) = (resource.clone(), scope.clone());
    NewRecord { resource, scope, body, level, flags: Flags::NONE, original: None }
}
