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
mod question;
mod record;

use prost::{Message, Oneof};

pub(crate) use answer::{Body, Reading};
pub(crate) use question::{Asked, Visited};
pub(crate) use record::{read_alone, tail_chunks};

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

/// A place among the halves of calls that a process tells.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Cursor {
    #[prost(fixed64, tag = "1")]
    pub run: u64,
    #[prost(uint64, tag = "2")]
    pub number: u64,
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

/// Event times from `start` up to and without `end`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Range {
    #[prost(fixed64, tag = "1")]
    pub start: u64,
    #[prost(fixed64, tag = "2")]
    pub end: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Position {
    #[prost(fixed64, tag = "1")]
    pub time: u64,
    /// 25 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
}

/// A filter's nodes, each before those it holds.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Filter {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    /// 1 all, 2 nothing, 3 and, 4 or, 5 not, 6 is.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// How many of the nodes that follow `and` and `or` hold.
    #[prost(uint32, tag = "2")]
    pub holds: u32,
    #[prost(message, optional, tag = "3")]
    pub field: Option<Field>,
    #[prost(message, optional, tag = "4")]
    pub test: Option<Test>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Field {
    /// The field's number, see `filter.rs`.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// Of an attribute: where it is looked for.
    #[prost(uint32, tag = "2")]
    pub place: u32,
    #[prost(string, tag = "3")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Test {
    /// 1 exists, 2 equals, 3 less, 4 less or equal, 5 greater, 6 greater or equal, 7 glob, 8 phrase, 9 glob of
    /// a word, 10 trace id.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    #[prost(message, optional, tag = "2")]
    pub operand: Option<Operand>,
    /// A pattern, or the words of a phrase.
    #[prost(string, repeated, tag = "3")]
    pub texts: Vec<String>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    pub exact: Vec<Vec<u8>>,
    #[prost(fixed64, repeated, tag = "5")]
    pub low64: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Operand {
    #[prost(string, tag = "1")]
    pub text: String,
    /// A whole number in 16 bytes, big end first.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub int: Option<Vec<u8>>,
    #[prost(double, optional, tag = "3")]
    pub number: Option<f64>,
    #[prost(uint32, tag = "4")]
    pub level: u32,
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
}

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

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Counts {
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<Series>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Series {
    #[prost(message, repeated, tag = "1")]
    pub key: Vec<Key>,
    #[prost(uint64, repeated, tag = "2")]
    pub times: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    pub counts: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Key {
    #[prost(string, optional, tag = "1")]
    pub value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Fields {
    #[prost(message, repeated, tag = "1")]
    pub fields: Vec<FieldInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FieldInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint32, tag = "2")]
    pub place: u32,
    #[prost(uint32, tag = "3")]
    pub kind: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Values {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, tag = "1")]
    pub value: String,
    #[prost(uint64, tag = "2")]
    pub count: u64,
}

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
    /// There is more than was sent.
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

impl From<Part> for Chunk {
    fn from(part: Part) -> Chunk {
        Chunk { part: Some(part) }
    }
}

#[cfg(test)]
mod tests;
