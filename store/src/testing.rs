//! Records for tests: a small shop whose spans and logs differ in every field that questions ask for, and
//! whose numbers repeat often enough that questions find some.

use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{Batch, NewRecord, Receiver};
use crate::level::Level;
use crate::otlp::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, LogRecord, Resource, Span, Status,
    Value, span::Event,
};
use crate::record::{Flags, RecordBody, ResourceContext, ScopeContext};
use crate::time::UnixNanos;

pub(crate) const SERVICES: [&str; 4] = ["gateway", "orders", "payment", "stock"];
pub(crate) const EPOCH: u64 = 1_700_000_000_000_000_000;

pub(crate) fn batch(records: Vec<NewRecord>) -> Batch {
    let records = records.into_iter().map(NewRecord::into).collect();
    Batch {
        receiver: Receiver::OtlpHttp,
        received: UnixNanos(EPOCH + 5),
        records,
        checkpoints: Vec::new(),
        permit: None,
    }
}

/// `count` records, spans and logs, numbered from 0.
pub(crate) fn shop(count: u64) -> Vec<NewRecord> {
    shop_from(0, count)
}

/// Records `first..first + count` of the shop; the same number is always the same record.
pub(crate) fn shop_from(first: u64, count: u64) -> Vec<NewRecord> {
    let contexts: Vec<_> = SERVICES.iter().map(|service| context(service)).collect();
    (first..first + count).map(|n| record(n, &contexts[n as usize % SERVICES.len()])).collect()
}

fn context(service: &str) -> (Arc<ResourceContext>, Arc<ScopeContext>) {
    let attributes = vec![text("service.name", service), text("k8s.pod.name", &format!("{service}-7d9f"))];
    let resource = Resource { attributes, ..Resource::default() };
    let scope =
        InstrumentationScope { name: format!("{service}.lib"), version: "1.2".into(), ..Default::default() };
    (
        Arc::new(ResourceContext { resource: Some(resource), schema_url: "https://s/1".into() }),
        Arc::new(ScopeContext { scope: Some(scope), schema_url: String::new() }),
    )
}

pub(crate) fn trace_bytes(n: u64) -> Vec<u8> {
    let mut bytes = vec![7; 8];
    bytes.extend((n / 5 + 1).to_be_bytes());
    bytes
}

fn record(n: u64, (resource, scope): &(Arc<ResourceContext>, Arc<ScopeContext>)) -> NewRecord {
    let (body, level) = if n.is_multiple_of(3) { log(n) } else { span(n) };
    NewRecord {
        resource: resource.clone(),
        scope: scope.clone(),
        body,
        level,
        flags: if n.is_multiple_of(11) { Flags::CUT } else { Flags::NONE },
        original: n.is_multiple_of(6).then(|| Bytes::from(format!("{{\"line\":{n}}}"))),
    }
}

fn span(n: u64) -> (RecordBody, Option<Level>) {
    let failed = n.is_multiple_of(7);
    let start = EPOCH + (n * 7919 % 1000) * 1_000_000;
    let span = Span {
        trace_id: trace_bytes(n),
        span_id: (n + 1).to_be_bytes().to_vec(),
        parent_span_id: if n.is_multiple_of(5) { Vec::new() } else { n.to_be_bytes().to_vec() },
        name: ["GET /orders", "POST /pay", "SELECT", "publish"][n as usize % 4].into(),
        kind: (n % 6) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + (n % 13) * 50_000_000,
        attributes: vec![
            int("order.id", (n % 17) as i64),
            int("http.response.status_code", if failed { 500 } else { 200 }),
            double("ratio", [0.0, 0.5, f64::INFINITY, f64::NAN][n as usize % 4]),
            text("http.route", ["/orders/{id}", "/pay"][n as usize % 2]),
            boolean("cached", n.is_multiple_of(2)),
        ],
        events: match (failed, n % 5) {
            (true, _) => vec![exception(n)],
            (false, 1) => vec![Event::default()],
            _ => Vec::new(),
        },
        status: failed.then(|| Status { code: 2, message: format!("card {n} was refused") }),
        ..Span::default()
    };
    (RecordBody::Span(Box::new(span)), failed.then_some(Level::Error))
}

fn exception(n: u64) -> Event {
    Event {
        time_unix_nano: EPOCH + n,
        name: "exception".into(),
        attributes: vec![
            text("exception.type", "PoolTimeout"),
            text("exception.message", "connection pool exhausted"),
        ],
        ..Event::default()
    }
}

fn log(n: u64) -> (RecordBody, Option<Level>) {
    let level = Level::from_repr((n % 7) as u8);
    let map = Value::KvlistValue(KeyValueList {
        values: vec![text("message", "structured pool"), int("n", n as i64)],
    });
    let words = Value::StringValue(format!("Pool-{} of connection {} exhausted?", n % 3, n % 10));
    let list = ArrayValue {
        values: vec![value(Value::StringValue("a".into())), value(Value::IntValue((n % 3) as i64))],
    };
    let nested = KeyValueList { values: vec![int("id", (n % 4) as i64)] };
    let log = LogRecord {
        time_unix_nano: if n.is_multiple_of(4) { 0 } else { EPOCH + (n * 104_729 % 1000) * 1_000_000 },
        observed_time_unix_nano: EPOCH + n,
        severity_number: (n % 25) as i32,
        severity_text: ["", "WARNING", "Error"][n as usize % 3].into(),
        body: Some(value(if n.is_multiple_of(5) { map } else { words })),
        attributes: vec![
            kv("tags", Value::ArrayValue(list)),
            kv("user", Value::KvlistValue(nested)),
            text("order.id", &(n % 17).to_string()),
        ],
        trace_id: if n.is_multiple_of(2) { trace_bytes(n) } else { Vec::new() },
        span_id: if n.is_multiple_of(2) { (n + 2).to_be_bytes().to_vec() } else { Vec::new() },
        event_name: ["", "device.booted"][n as usize % 2].into(),
        ..LogRecord::default()
    };
    (RecordBody::Log(Box::new(log)), level)
}

pub(crate) fn text(key: &str, text: &str) -> KeyValue {
    kv(key, Value::StringValue(text.into()))
}

pub(crate) fn int(key: &str, number: i64) -> KeyValue {
    kv(key, Value::IntValue(number))
}

pub(crate) fn double(key: &str, number: f64) -> KeyValue {
    kv(key, Value::DoubleValue(number))
}

fn boolean(key: &str, flag: bool) -> KeyValue {
    kv(key, Value::BoolValue(flag))
}

fn kv(key: &str, of: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value(of)), ..KeyValue::default() }
}

fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}
