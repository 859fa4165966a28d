//! OTLP bodies from records, and back: the decoding is the yardstick that the machine is measured with.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::Signal;

/// One resource's spans, as a request.
pub fn spans_request(resource: Resource, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, schema_url: String::new() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url: String::new() }];
    ExportTraceServiceRequest { resource_spans }
}

/// One resource's logs, as a request.
pub fn logs_request(resource: Resource, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records, schema_url: String::new() }];
    let resource_logs =
        vec![ResourceLogs { resource: Some(resource), scope_logs, schema_url: String::new() }];
    ExportLogsServiceRequest { resource_logs }
}

pub(super) fn encode_spans(resource: Resource, spans: Vec<Span>) -> Bytes {
    spans_request(resource, spans).encode_to_vec().into()
}

pub(super) fn encode_logs(resource: Resource, logs: Vec<LogRecord>) -> Bytes {
    logs_request(resource, logs).encode_to_vec().into()
}

/// How many records a body holds, by decoding all of it.
pub fn decode(signal: Signal, body: &[u8]) -> Result<usize, prost::DecodeError> {
    match signal {
        Signal::Spans => {
            let request = ExportTraceServiceRequest::decode(body)?;
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            Ok(scopes.map(|scope| scope.spans.len()).sum())
        }
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(body)?;
            let scopes = request.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
            Ok(scopes.map(|scope| scope.log_records.len()).sum())
        }
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "shop.instrumentation".to_owned(),
        version: "1.4.0".to_owned(),
        ..InstrumentationScope::default()
    }
}
