//! What sidecars say to each other: protocol buffers, written down by hand and frozen.
//!
//! One call, `Ask`, takes a question and streams its answer: [`Begun`], then any number of parts, then [`End`].
//! An answer without its `End` is broken off and counts as none. Records travel as OTLP's own messages, their
//! resource and scope once per answer. `VERSION` is raised when a field changes its meaning or a new one must
//! be understood; numbers of fields are never used again for something else. Everything decoded here comes
//! from the network: what does not fit is [`Garbage`], never a panic.

mod answer;
mod filter;
mod graph;
mod half;
mod message;
mod question;
mod record;
mod weight;

use prost::{Message, Oneof};

pub(crate) use answer::{Body, Reading};
pub(crate) use message::*;
pub(crate) use question::{Asked, Visited};
pub(crate) use record::{read_alone, tail_chunks};
pub(crate) use weight::Weighed;

/// The version of this protocol. Peers of different versions name each other as `version` in coverage.
pub(crate) const VERSION: u32 = 1;

/// The path of the one call, as gRPC spells it.
pub(crate) const ASK_PATH: &str = "/spandrel.peer.v1.Peer/Ask";

/// Bytes that are no message of this protocol, or one that says what cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a message of this protocol: {0}")]
pub(crate) struct Garbage(pub(super) &'static str);

/// A question.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ask {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// Identities of those that this question has passed through, its asker first; 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub visited: Vec<Vec<u8>>,
    /// What is left of the asker's patience.
    #[prost(uint64, tag = "3")]
    pub timeout_ms: u64,
    #[prost(message, optional, tag = "4")]
    pub filter: Option<Filter>,
    #[prost(message, optional, tag = "5")]
    pub range: Option<Range>,
    #[prost(oneof = "Kind", tags = "10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22")]
    pub kind: Option<Kind>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Kind {
    #[prost(message, tag = "10")]
    Trace(TraceAsk),
    #[prost(message, tag = "11")]
    Search(PageAsk),
    #[prost(message, tag = "12")]
    MatchingTraces(PageAsk),
    #[prost(message, tag = "13")]
    Overviews(OverviewAsk),
    #[prost(message, tag = "14")]
    Histogram(CountAsk),
    #[prost(message, tag = "15")]
    Fields(FieldsAsk),
    #[prost(message, tag = "16")]
    Values(ValuesAsk),
    #[prost(message, tag = "17")]
    Extent(Nothing),
    #[prost(message, tag = "18")]
    Describe(Nothing),
    #[prost(message, tag = "19")]
    Tail(Nothing),
    #[prost(message, tag = "20")]
    Graph(GraphAsk),
    #[prost(message, tag = "21")]
    Halves(HalvesAsk),
    /// As `Histogram`, for peers that know where steps begin.
    #[prost(message, tag = "22")]
    Counts(CountAsk),
}

/// A piece of an answer.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Chunk {
    #[prost(oneof = "Part", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16")]
    pub part: Option<Part>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Part {
    #[prost(message, tag = "1")]
    Begun(Begun),
    #[prost(message, tag = "2")]
    Records(Records),
    #[prost(message, tag = "3")]
    Matches(Matches),
    #[prost(message, tag = "4")]
    Overviews(Overviews),
    #[prost(message, tag = "5")]
    Counts(Counts),
    #[prost(message, tag = "6")]
    Fields(Fields),
    #[prost(message, tag = "7")]
    Values(Values),
    #[prost(message, tag = "8")]
    Extent(Extent),
    #[prost(message, tag = "9")]
    Description(Description),
    #[prost(message, tag = "10")]
    End(End),
    /// Of a tail: so many batches of records were passed over.
    #[prost(uint64, tag = "11")]
    Lagged(u64),
    /// Of a gateway's tail: a peer does not tell of its records any more.
    #[prost(message, tag = "12")]
    Lost(Absence),
    /// It does again.
    #[prost(string, tag = "13")]
    Back(String),
    #[prost(message, tag = "14")]
    Graph(Graph),
    #[prost(message, tag = "15")]
    Halves(Halves),
    /// Of halves: where they begin and end; before the first of them.
    #[prost(message, tag = "16")]
    Told(Told),
}

/// Who answers.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Begun {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub identity: Vec<u8>,
    /// Random, of this run of the process; 0 where it does not say. Two that run at once with one identity are not the
    /// same sidecar.
    #[prost(uint64, tag = "3")]
    pub run: u64,
}

impl From<Part> for Chunk {
    fn from(part: Part) -> Chunk {
        Chunk { part: Some(part) }
    }
}

#[cfg(test)]
mod tests;
