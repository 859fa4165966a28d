//! A filter as a peer gets it: the store's tree, written flat.

use prost::Message;

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
