//! Spans under their resources and scopes, as OTLP's messages, for readers that take nothing for absent.
//!
//! Every resource, scope and status is there, empty or not; a resource without attributes has a name for its
//! service, for Grafana drops the spans of one that has none; no span ends before it starts.

use std::sync::Arc;

use spandrel_store::Record;
use spandrel_store::otlp::{AnyValue, KeyValue, ResourceSpans, ScopeSpans, Span, Value};

use super::grouping::{ScopeGroup, by_resource};

/// What OpenTelemetry calls a service without a name.
const UNNAMED: &str = "unknown_service";

/// The spans among the records.
pub fn resource_spans(records: &[Arc<Record>]) -> Vec<ResourceSpans> {
    let spans: Vec<&Record> =
        records.iter().map(Arc::as_ref).filter(|record| record.span().is_some()).collect();
    let groups = by_resource(&spans).into_iter().map(|group| {
        let mut resource = group.resource.resource.clone().unwrap_or_default();
        if resource.attributes.is_empty() {
            let value = Some(AnyValue { value: Some(Value::StringValue(UNNAMED.to_owned())) });
            let name = KeyValue { key: "service.name".to_owned(), value, ..KeyValue::default() };
            resource.attributes.push(name);
        }
        ResourceSpans {
            resource: Some(resource),
            scope_spans: group.scopes.into_iter().map(scope_spans).collect(),
            schema_url: group.resource.schema_url.clone(),
        }
    });
    groups.collect()
}

fn scope_spans(group: ScopeGroup<'_>) -> ScopeSpans {
    ScopeSpans {
        scope: Some(group.scope.scope.clone().unwrap_or_default()),
        spans: group.records.into_iter().filter_map(|record| record.span()).map(whole).collect(),
        schema_url: group.scope.schema_url.clone(),
    }
}

fn whole(span: &Span) -> Span {
    let mut span = span.clone();
    span.status.get_or_insert_default();
    span.end_time_unix_nano = span.end_time_unix_nano.max(span.start_time_unix_nano);
    span
}
