//! Tempo's messages that are sent as protobuf, with the numbers of tempopb.

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

/// `tempopb.TraceByIDResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceByIdResponse {
    /// Always there: Grafana reads into it without looking.
    #[prost(message, optional, tag = "1")]
    pub trace: Option<Trace>,
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<TraceByIdMetrics>,
    #[prost(enumeration = "Status", tag = "3")]
    pub status: i32,
    /// Shown to people where the status is partial.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// `tempopb.Trace`; on the wire the same as OTLP's `TracesData`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Trace {
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct TraceByIdMetrics {
    #[prost(uint64, tag = "1")]
    pub inspected_bytes: u64,
}

/// `tempopb.PartialStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    Complete = 0,
    Partial = 1,
}
