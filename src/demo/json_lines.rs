//! Log lines as well-known loggers write them, each with its own names for time, level and trace.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::{KeyValue, Value};
use serde_json::{Map, json};

use super::shop::Logging;
use super::story::{Level, Plan, PlannedLog};

/// One line, without its end; `None` for a service that logs over OTLP.
pub fn line(logging: Logging, log: &PlannedLog, plan: &Plan, started: SystemTime) -> Option<String> {
    let since = (started + log.at).duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let span_id = plan.spans[log.span].id;
    let mut line = match logging {
        Logging::Otlp => return None,
        Logging::Pino => pino(log, since),
        Logging::Logback => logback(log, since),
        Logging::Structlog => structlog(log, since),
        Logging::Zap => zap(log, since),
    };
    let (trace_key, span_key) = match logging {
        Logging::Logback => ("traceId", "spanId"),
        _ => ("trace_id", "span_id"),
    };
    line.insert(trace_key.to_owned(), json!(plan.trace_id.to_string()));
    line.insert(span_key.to_owned(), json!(span_id.to_string()));
    line.extend(log.attributes.iter().map(|KeyValue { key, value, .. }| (key.to_string(), plain(value))));
    serde_json::to_string(&line).ok()
}

fn pino(log: &PlannedLog, since: Duration) -> Map<String, serde_json::Value> {
    let level = match log.level {
        Level::Debug => 20,
        Level::Info => 30,
        Level::Warn => 40,
        Level::Error => 50,
    };
    let mut line = object(json!({"level": level, "time": since.as_millis() as u64, "pid": 1}));
    if let Some(exception) = &log.exception {
        let err = json!({"type": exception.kind, "message": exception.message, "stack": exception.stack});
        line.insert("err".to_owned(), err);
    }
    line.insert("msg".to_owned(), json!(log.message));
    line
}

fn logback(log: &PlannedLog, since: Duration) -> Map<String, serde_json::Value> {
    let mut line = object(json!({
        "@timestamp": rfc3339(since),
        "@version": "1",
        "message": log.message,
        "logger_name": "shop.shipping.LabelService",
        "thread_name": "kafka-listener-1",
        "level": word(log.level).to_uppercase(),
    }));
    if let Some(exception) = &log.exception {
        line.insert("stack_trace".to_owned(), json!(exception.stack));
    }
    line
}

fn structlog(log: &PlannedLog, since: Duration) -> Map<String, serde_json::Value> {
    let level = if log.level == Level::Warn { "warning" } else { word(log.level) };
    object(json!({"event": log.message, "level": level, "timestamp": rfc3339(since)}))
}

fn zap(log: &PlannedLog, since: Duration) -> Map<String, serde_json::Value> {
    object(json!({
        "level": word(log.level),
        "ts": since.as_secs_f64(),
        "caller": "bank/authorize.go:88",
        "msg": log.message,
    }))
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn rfc3339(since: Duration) -> String {
    let time = jiff::Timestamp::try_from(UNIX_EPOCH + since).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn object(value: serde_json::Value) -> Map<String, serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => json!(value),
        Value::I64(value) => json!(value),
        Value::F64(value) => json!(value),
        other => json!(other.to_string()),
    }
}
