//! What a peer holds, and what its answer does not include.

use prost::Message;

use super::Field;

/// Event times from `start` up to and without `end`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Range {
    #[prost(fixed64, tag = "1")]
    pub start: u64,
    #[prost(fixed64, tag = "2")]
    pub end: u64,
}

/// The least and the greatest event time held.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Extent {
    #[prost(fixed64, tag = "1")]
    pub least: u64,
    #[prost(fixed64, tag = "2")]
    pub greatest: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Description {
    #[prost(string, tag = "1")]
    pub version: String,
    #[prost(string, repeated, tag = "2")]
    pub services: Vec<String>,
    #[prost(uint64, tag = "3")]
    pub record_count: u64,
    #[prost(message, optional, tag = "4")]
    pub extent: Option<Extent>,
}

/// What an answer does not say by itself; its last part.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct End {
    /// There is more than was sent. Of pages of records too: no released version is without that.
    #[prost(bool, tag = "1")]
    pub truncated: bool,
    #[prost(message, repeated, tag = "2")]
    pub gaps: Vec<Gap>,
    #[prost(message, repeated, tag = "3")]
    pub unknown: Vec<Field>,
    /// Of a gateway: what its answer includes.
    #[prost(message, optional, tag = "4")]
    pub beyond: Option<Beyond>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Gap {
    /// 1 set aside, 2 deleted.
    #[prost(uint32, tag = "1")]
    pub reason: u32,
    #[prost(message, optional, tag = "2")]
    pub range: Option<Range>,
    #[prost(string, tag = "3")]
    pub detail: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Beyond {
    #[prost(uint64, tag = "1")]
    pub asked: u64,
    #[prost(uint64, tag = "2")]
    pub answered: u64,
    #[prost(message, repeated, tag = "3")]
    pub missing: Vec<Absence>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Absence {
    #[prost(string, tag = "1")]
    pub peer: String,
    #[prost(string, optional, tag = "2")]
    pub service: Option<String>,
    #[prost(string, tag = "3")]
    pub reason: String,
    #[prost(message, optional, tag = "4")]
    pub range: Option<Range>,
    #[prost(string, tag = "5")]
    pub detail: String,
}
