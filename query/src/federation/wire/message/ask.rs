//! What each kind of question holds beside its filter and its range.

use prost::Message;

use super::{Cursor, Field, Position};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Nothing {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TraceAsk {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub exact: Vec<Vec<u8>>,
    #[prost(fixed64, repeated, tag = "2")]
    pub low64: Vec<u64>,
    #[prost(uint64, tag = "3")]
    pub records_max: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PageAsk {
    #[prost(message, optional, tag = "1")]
    pub after: Option<Position>,
    #[prost(uint64, tag = "2")]
    pub limit: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OverviewAsk {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub ids: Vec<Vec<u8>>,
    #[prost(uint64, tag = "2")]
    pub records_max: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CountAsk {
    #[prost(uint64, tag = "1")]
    pub step_ns: u64,
    #[prost(message, repeated, tag = "2")]
    pub by: Vec<Field>,
    #[prost(uint64, tag = "3")]
    pub groups_max: u64,
    /// Where a step begins.
    #[prost(fixed64, tag = "4")]
    pub origin_ns: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct HalvesAsk {
    #[prost(message, optional, tag = "1")]
    pub after: Option<Cursor>,
    #[prost(uint64, tag = "2")]
    pub halves_max: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FieldsAsk {
    #[prost(uint64, tag = "1")]
    pub fields_max: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValuesAsk {
    #[prost(message, optional, tag = "1")]
    pub field: Option<Field>,
    #[prost(uint64, tag = "2")]
    pub values_max: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphAsk {
    #[prost(uint64, tag = "1")]
    pub spans_max: u64,
    #[prost(uint64, tag = "2")]
    pub ends_max: u64,
}
