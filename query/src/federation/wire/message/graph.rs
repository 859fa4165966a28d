//! Pieces of a service graph.

use prost::Message;

use super::Extent;

/// A piece of a service graph; pieces add up. Services and what they call are named by their number in `names`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub extent: Option<Extent>,
    #[prost(message, repeated, tag = "3")]
    pub services: Vec<Calls>,
    #[prost(message, repeated, tag = "4")]
    pub calls: Vec<Calls>,
    #[prost(uint32, tag = "5")]
    pub calls_thinned: u32,
    #[prost(uint32, tag = "6")]
    pub ends_thinned: u32,
    #[prost(message, repeated, tag = "7")]
    pub callers: Vec<Caller>,
    #[prost(message, repeated, tag = "8")]
    pub callees: Vec<Callee>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Calls {
    /// Of a service's own requests the same as `to`.
    #[prost(uint32, tag = "1")]
    pub from: u32,
    #[prost(uint32, tag = "2")]
    pub to: u32,
    #[prost(uint64, tag = "3")]
    pub count: u64,
    #[prost(uint64, tag = "4")]
    pub errors: u64,
    /// Durations: numbers of buckets, eight for each power of two, and how many are in each.
    #[prost(uint32, repeated, tag = "5")]
    pub buckets: Vec<u32>,
    #[prost(uint64, repeated, tag = "6")]
    pub counts: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Caller {
    /// The low half of the trace's id.
    #[prost(fixed64, tag = "1")]
    pub trace: u64,
    #[prost(fixed64, tag = "2")]
    pub span: u64,
    #[prost(uint32, tag = "3")]
    pub service: u32,
    /// 1 a service, 2 a database, 3 a queue; 0: it does not say whom it calls, and has nothing of what follows.
    #[prost(uint32, tag = "4")]
    pub called_kind: u32,
    #[prost(uint32, tag = "5")]
    pub called: u32,
    #[prost(bool, tag = "6")]
    pub error: bool,
    #[prost(uint64, tag = "7")]
    pub duration_ns: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Callee {
    #[prost(fixed64, tag = "1")]
    pub trace: u64,
    /// The parent's span id.
    #[prost(fixed64, tag = "2")]
    pub parent: u64,
    #[prost(uint32, tag = "3")]
    pub service: u32,
    #[prost(bool, tag = "4")]
    pub error: bool,
    #[prost(uint64, tag = "5")]
    pub duration_ns: u64,
}
