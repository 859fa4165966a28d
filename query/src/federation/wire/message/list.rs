//! Counts over time, fields and their values.

use prost::Message;

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
