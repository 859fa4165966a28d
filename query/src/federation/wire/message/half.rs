//! Halves of calls, and the places among them.

use prost::Message;

/// A place among the halves of calls that a process tells.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Cursor {
    #[prost(fixed64, tag = "1")]
    pub run: u64,
    #[prost(uint64, tag = "2")]
    pub number: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Told {
    #[prost(message, optional, tag = "1")]
    pub from: Option<Cursor>,
    #[prost(message, optional, tag = "2")]
    pub next: Option<Cursor>,
    #[prost(uint64, tag = "3")]
    pub lost: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Halves {
    #[prost(message, repeated, tag = "1")]
    pub halves: Vec<Half>,
}

/// One side of a call between services.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Half {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Of the span that calls; 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// 1 of the span that calls, 2 of the one that is called.
    #[prost(uint32, tag = "3")]
    pub side: u32,
    /// 0 direct, 1 messaging, 2 database, 3 virtual.
    #[prost(uint32, tag = "4")]
    pub connection: u32,
    #[prost(string, tag = "5")]
    pub service: String,
    #[prost(string, tag = "6")]
    pub namespace: String,
    #[prost(string, optional, tag = "7")]
    pub peer: Option<String>,
    #[prost(double, tag = "8")]
    pub seconds: f64,
    #[prost(bool, tag = "9")]
    pub failed: bool,
}
