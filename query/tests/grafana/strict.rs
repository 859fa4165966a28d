//! Tempo's search answer as Grafana 13 reads it: every key known, every 64-bit number a text.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SearchResponse {
    pub traces: Vec<Trace>,
    #[allow(dead_code)]
    pub metrics: Metrics,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Trace {
    #[serde(rename = "traceID")]
    pub trace_id: String,
    pub root_service_name: String,
    pub root_trace_name: String,
    pub start_time_unix_nano: String,
    #[serde(default)]
    pub duration_ms: u32,
    pub span_set: SpanSet,
    pub span_sets: Vec<SpanSet>,
    #[serde(default)]
    pub service_stats: std::collections::BTreeMap<String, ServiceStats>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SpanSet {
    pub spans: Vec<Span>,
    pub matched: u32,
    #[serde(default)]
    pub attributes: Vec<KeyValue>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Span {
    #[serde(rename = "spanID")]
    pub span_id: String,
    #[serde(default)]
    pub name: String,
    pub start_time_unix_nano: String,
    pub duration_nanos: String,
    #[serde(default)]
    pub attributes: Vec<KeyValue>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KeyValue {
    pub key: String,
    pub value: AnyValue,
}

#[derive(Debug, Deserialize, PartialEq)]
pub enum AnyValue {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue")]
    Int(String),
    #[serde(rename = "doubleValue")]
    Double(f64),
    #[serde(rename = "boolValue")]
    Bool(bool),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceStats {
    #[serde(default)]
    pub span_count: u32,
    #[serde(default)]
    pub error_count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[allow(dead_code)]
pub struct Metrics {
    #[serde(default)]
    pub inspected_traces: u32,
    #[serde(default)]
    pub inspected_bytes: String,
    #[serde(default)]
    pub total_blocks: u32,
    #[serde(default)]
    pub completed_jobs: u32,
    #[serde(default)]
    pub total_jobs: u32,
    #[serde(default)]
    pub total_block_bytes: String,
    #[serde(default)]
    pub inspected_spans: String,
}

impl SearchResponse {
    /// Grafana 13 stops at a trace without a span.
    pub fn read(body: &[u8]) -> SearchResponse {
        let read: SearchResponse = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)));
        for trace in &read.traces {
            assert!(trace.span_sets.iter().all(|set| !set.spans.is_empty()), "{trace:?}");
            assert_eq!(trace.span_sets.first(), Some(&trace.span_set));
            assert!(!trace.root_service_name.is_empty() && !trace.root_trace_name.is_empty());
            trace.start_time_unix_nano.parse::<u64>().unwrap();
        }
        read
    }
}

impl Span {
    pub fn attribute(&self, key: &str) -> Option<&AnyValue> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }
}
