//! Which traces match, and what one is like.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Position {
    #[prost(fixed64, tag = "1")]
    pub time: u64,
    /// 25 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Matches {
    #[prost(message, repeated, tag = "1")]
    pub matches: Vec<Match>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Match {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub newest: Option<Position>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Overviews {
    #[prost(message, repeated, tag = "1")]
    pub overviews: Vec<Overview>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Overview {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub newest: Option<Position>,
    #[prost(bool, tag = "3")]
    pub truncated: bool,
    #[prost(message, optional, tag = "4")]
    pub root: Option<Root>,
    #[prost(string, repeated, tag = "5")]
    pub services: Vec<String>,
    #[prost(fixed64, optional, tag = "6")]
    pub start: Option<u64>,
    #[prost(uint64, tag = "7")]
    pub duration_ns: u64,
    #[prost(uint64, tag = "8")]
    pub spans: u64,
    #[prost(uint64, tag = "9")]
    pub logs: u64,
    #[prost(uint64, tag = "10")]
    pub errors: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Root {
    #[prost(string, tag = "1")]
    pub service: String,
    #[prost(string, tag = "2")]
    pub name: String,
}
