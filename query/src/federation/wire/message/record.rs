//! Records, and what many of them come from.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Records {
    /// More contexts; records name them by their number in the whole answer.
    #[prost(message, repeated, tag = "1")]
    pub contexts: Vec<Context>,
    #[prost(message, repeated, tag = "2")]
    pub records: Vec<Record>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Context {
    /// An OTLP `Resource`, encoded.
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub resource: Option<bytes::Bytes>,
    #[prost(string, tag = "2")]
    pub resource_schema_url: String,
    /// An OTLP `InstrumentationScope`, encoded.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub scope: Option<bytes::Bytes>,
    #[prost(string, tag = "4")]
    pub scope_schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Record {
    #[prost(uint32, tag = "1")]
    pub context: u32,
    /// An OTLP `Span`, encoded.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub span: Option<bytes::Bytes>,
    /// An OTLP `LogRecord`, encoded.
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub log: Option<bytes::Bytes>,
    /// 25 bytes; left out where it follows from the span's own ids.
    #[prost(bytes = "vec", tag = "4")]
    pub id: Vec<u8>,
    #[prost(uint32, tag = "5")]
    pub level: u32,
    #[prost(uint32, tag = "6")]
    pub flags: u32,
    #[prost(uint32, tag = "7")]
    pub receiver: u32,
    #[prost(fixed64, tag = "8")]
    pub received: u64,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub original: Option<bytes::Bytes>,
}
