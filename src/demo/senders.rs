//! The shop's real exporters: for each service a tracer and a logger of the OpenTelemetry SDK over OTLP/gRPC,
//! with a resource of its own; for some of them JSON lines over HTTP instead of the logger.
//!
//! Nothing counts as sent before it is acknowledged: every flush's result is looked at, and flushes come
//! before the SDK's queues could overflow.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{
    Event, Link, Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::{LogExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::trace::{BatchSpanProcessor, IdGenerator, Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use super::json_lines;
use super::shop::Service;
use super::story::{Level, Plan, PlannedException, PlannedLog, PlannedSpan};
use crate::client::{Address, Client};

const SCOPE: &str = "shop";
const QUEUE_RECORDS_MAX: usize = 4_096;
const EXPORT_RECORDS_MAX: usize = 512;
/// Far within the queue, at a handful of spans per service and request.
const REQUESTS_PER_FLUSH: usize = 100;
/// The SDK's own timer would export without anyone looking at the result.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

pub struct Senders {
    services: HashMap<Service, Exporters>,
    json_logs: Client,
    runtime: Handle,
    /// Lines waiting to be posted, by service.
    lines: HashMap<Service, String>,
    since_flush: usize,
}

struct Exporters {
    tracers: SdkTracerProvider,
    loggers: SdkLoggerProvider,
    ids: PlannedIds,
}

/// The ids of the span to be started next, so that they are the plan's.
#[derive(Debug, Clone)]
struct PlannedIds(Arc<Mutex<(TraceId, SpanId)>>);

impl Senders {
    /// Those of some services; what the others would send is left out. Must be called within the runtime, which the
    /// exporters' channels live on.
    pub fn new(
        services: &[Service],
        endpoint: &str,
        json_logs: Address,
        runtime: Handle,
    ) -> anyhow::Result<Senders> {
        let services: anyhow::Result<HashMap<Service, Exporters>> = services
            .iter()
            .map(|service| Ok((*service, Exporters::new(*service, endpoint).context("set up an exporter")?)))
            .collect();
        let json_logs = Client::new(json_logs, None);
        Ok(Senders { services: services?, json_logs, runtime, lines: HashMap::new(), since_flush: 0 })
    }

    /// Plays a plan as if its request had come in at `started`. Blocks.
    pub fn play(&mut self, plan: &Plan, started: SystemTime) -> anyhow::Result<()> {
        for span in &plan.spans {
            if let Some(exporters) = self.services.get(&span.service) {
                exporters.span(span, plan, started);
            }
        }
        for log in &plan.logs {
            let service = plan.spans[log.span].service;
            let Some(exporters) = self.services.get(&service) else { continue };
            match json_lines::line(service.logging(), log, plan, started) {
                Some(line) => self.lines.entry(service).or_default().extend([line.as_str(), "\n"]),
                None => exporters.log(log, plan, started),
            }
        }
        self.since_flush += 1;
        if self.since_flush == REQUESTS_PER_FLUSH { self.flush() } else { Ok(()) }
    }

    /// Returns once everything played is acknowledged. Blocks.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.since_flush = 0;
        for service in Service::ALL {
            let Some(exporters) = self.services.get(&service) else { continue };
            let refused = |signal: &str| format!("{signal} of {} were not acknowledged", service.name());
            exporters.tracers.force_flush().with_context(|| refused("spans"))?;
            exporters.loggers.force_flush().with_context(|| refused("logs"))?;
            if let Some(lines) = self.lines.remove(&service) {
                self.post(service, lines).with_context(|| refused("JSON logs"))?;
            }
        }
        Ok(())
    }

    fn post(&self, service: Service, lines: String) -> anyhow::Result<()> {
        let resource = service.resource();
        let resource: Vec<(&str, String)> =
            resource.iter().map(|pair| (pair.key.as_str(), pair.value.to_string())).collect();
        let parameters: Vec<(&str, &str)> =
            resource.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let posted = self.json_logs.post("/v1/json-logs", &parameters, "application/x-ndjson", lines);
        let answer = self.runtime.block_on(posted)?;
        if answer.status != http::StatusCode::OK {
            return answer.refuse();
        }
        #[derive(serde::Deserialize)]
        struct Accepted {
            #[serde(default)]
            rejected: u64,
        }
        match serde_json::from_slice::<Accepted>(&answer.body)?.rejected {
            0 => Ok(()),
            rejected => bail!("{rejected} lines were rejected"),
        }
    }
}

impl Exporters {
    fn new(service: Service, endpoint: &str) -> anyhow::Result<Exporters> {
        let resource = Resource::builder().with_attributes(service.resource()).build();
        let ids = PlannedIds(Arc::new(Mutex::new((TraceId::INVALID, SpanId::INVALID))));
        let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        // Said in full, so that no OTEL_ variable of the environment lets a span be dropped.
        let config = opentelemetry_sdk::trace::BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_RECORDS_MAX)
            .with_max_export_batch_size(EXPORT_RECORDS_MAX)
            .with_scheduled_delay(NEVER)
            .build();
        let tracers = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(ids.clone())
            .with_span_processor(BatchSpanProcessor::builder(spans).with_batch_config(config).build())
            .build();
        let logs = LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        let config = opentelemetry_sdk::logs::BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_RECORDS_MAX)
            .with_max_export_batch_size(EXPORT_RECORDS_MAX)
            .with_scheduled_delay(NEVER)
            .build();
        let loggers = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_log_processor(BatchLogProcessor::builder(logs).with_batch_config(config).build())
            .build();
        Ok(Exporters { tracers, loggers, ids })
    }

    fn span(&self, planned: &PlannedSpan, plan: &Plan, started: SystemTime) {
        let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
        let tracer = self.tracers.tracer_with_scope(scope);
        let parent = match planned.parent {
            Some(parent) => {
                Context::new().with_remote_span_context(span_context(plan, plan.spans[parent].id))
            }
            None => Context::new(),
        };
        let link = |place: &usize| Link::new(span_context(plan, plan.spans[*place].id), Vec::new(), 0);
        let event = |exception: &PlannedException| {
            Event::new("exception", started + exception.at, exception_attributes(exception), 0)
        };
        let builder = tracer
            .span_builder(planned.name.clone())
            .with_kind(planned.kind.clone())
            .with_start_time(started + planned.start)
            .with_attributes(planned.attributes.clone())
            .with_events(planned.exceptions.iter().map(event).collect())
            .with_links(planned.links.iter().map(link).collect());
        self.ids.plan(plan.trace_id, planned.id);
        let mut span = tracer.build_with_context(builder, &parent);
        if let Some(why) = &planned.failure {
            span.set_status(Status::error(why.clone()));
        }
        span.end_with_timestamp(started + planned.end);
    }

    fn log(&self, planned: &PlannedLog, plan: &Plan, started: SystemTime) {
        let logger = self.loggers.logger(SCOPE);
        let mut record = logger.create_log_record();
        let (severity, text) = match planned.level {
            Level::Debug => (Severity::Debug, "DEBUG"),
            Level::Info => (Severity::Info, "INFO"),
            Level::Warn => (Severity::Warn, "WARN"),
            Level::Error => (Severity::Error, "ERROR"),
        };
        record.set_timestamp(started + planned.at);
        record.set_observed_timestamp(started + planned.at);
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_body(AnyValue::from(planned.message.clone()));
        for KeyValue { key, value, .. } in planned.attributes.iter().cloned() {
            record.add_attribute(key, any_value(value));
        }
        let exception = planned.exception.iter().flat_map(exception_attributes);
        exception.for_each(|pair| record.add_attribute(pair.key, any_value(pair.value)));
        record.set_trace_context(plan.trace_id, plan.spans[planned.span].id, Some(TraceFlags::SAMPLED));
        logger.emit(record);
    }
}

impl PlannedIds {
    fn plan(&self, trace: TraceId, span: SpanId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (trace, span);
    }

    fn next(&self) -> (TraceId, SpanId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdGenerator for PlannedIds {
    fn new_trace_id(&self) -> TraceId {
        self.next().0
    }

    fn new_span_id(&self) -> SpanId {
        self.next().1
    }
}

fn any_value(value: Value) -> AnyValue {
    match value {
        Value::Bool(value) => AnyValue::from(value),
        Value::I64(value) => AnyValue::from(value),
        Value::F64(value) => AnyValue::from(value),
        other => AnyValue::from(other.to_string()),
    }
}

fn span_context(plan: &Plan, span: SpanId) -> SpanContext {
    SpanContext::new(plan.trace_id, span, TraceFlags::SAMPLED, true, TraceState::default())
}

fn exception_attributes(exception: &PlannedException) -> Vec<KeyValue> {
    vec![
        KeyValue::new("exception.type", exception.kind),
        KeyValue::new("exception.message", exception.message.clone()),
        KeyValue::new("exception.stacktrace", exception.stack.clone()),
    ]
}
