//! The stored forms of batches and records: protocol buffers around OTLP's own messages, so that what was
//! sent comes back field for field.
//!
//! A [`StoredBatch`] is a journal frame's payload; contexts (resource and scope) stand in it once. A
//! [`StoredRecord`] is also what a document of a partition holds, its context being a number that the
//! partition resolves. Field numbers are the format on disk: never reuse one.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::{Message, length_delimiter_len};

use crate::batch::{Batch, Checkpoint, NewBody, NewRecord};
use crate::otlp::{InstrumentationScope, LogRecord, Resource, Span};
use crate::record::{RecordBody, ResourceContext, ScopeContext};
use crate::wire::Malformed;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StoredBatch {
    #[prost(uint32, tag = "1")]
    pub receiver: u32,
    #[prost(fixed64, tag = "2")]
    pub received: u64,
    #[prost(message, repeated, tag = "3")]
    pub contexts: Vec<StoredContext>,
    #[prost(message, repeated, tag = "4")]
    pub records: Vec<StoredRecord>,
    #[prost(message, repeated, tag = "5")]
    pub checkpoints: Vec<StoredCheckpoint>,
}

/// What a batch says beside its records.
#[derive(Clone, PartialEq, Message)]
struct FrameCheckpoints {
    #[prost(message, repeated, tag = "5")]
    checkpoints: Vec<StoredCheckpoint>,
}

/// Without a value it is forgotten.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StoredCheckpoint {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub value: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StoredContext {
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    #[prost(string, tag = "2")]
    pub resource_schema_url: String,
    #[prost(message, optional, tag = "3")]
    pub scope: Option<InstrumentationScope>,
    #[prost(string, tag = "4")]
    pub scope_schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StoredRecord {
    #[prost(uint32, tag = "1")]
    pub context: u32,
    #[prost(message, optional, tag = "2")]
    pub span: Option<Box<Span>>,
    #[prost(message, optional, tag = "3")]
    pub log: Option<Box<LogRecord>>,
    #[prost(uint32, tag = "4")]
    pub level: u32,
    #[prost(uint32, tag = "5")]
    pub flags: u32,
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub original: Option<Bytes>,
    /// The next four are set in partitions only: a batch says them once, or by position.
    #[prost(uint32, tag = "7")]
    pub receiver: u32,
    #[prost(fixed64, tag = "8")]
    pub received: u64,
    #[prost(uint64, tag = "9")]
    pub frame: u64,
    #[prost(uint32, tag = "10")]
    pub index: u32,
}

/// A resource and a scope, shared by the records that came under both.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Context {
    pub resource: Arc<ResourceContext>,
    pub scope: Arc<ScopeContext>,
}

/// Bytes that are not a stored form, although their checksum held: a format this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("not a stored record: {0}")]
pub(crate) struct Undecodable(String);

impl Undecodable {
    pub fn new(what: &str) -> Undecodable {
        Undecodable(what.to_owned())
    }
}

impl From<prost::DecodeError> for Undecodable {
    fn from(error: prost::DecodeError) -> Undecodable {
        Undecodable(error.to_string())
    }
}

impl From<Malformed> for Undecodable {
    fn from(error: Malformed) -> Undecodable {
        Undecodable(error.to_string())
    }
}

/// The payload of the journal frame that keeps a batch.
pub(crate) fn encode_batch(batch: &Batch) -> Vec<u8> {
    let mut numbers: HashMap<(*const ResourceContext, *const ScopeContext), u32> = HashMap::new();
    let mut contexts = Vec::new();
    let mut records = Vec::with_capacity(batch.records.len());
    for record in &batch.records {
        let key = (Arc::as_ptr(&record.resource), Arc::as_ptr(&record.scope));
        let context = *numbers.entry(key).or_insert_with(|| {
            contexts.push(store_context(&record.resource, &record.scope));
            contexts.len() as u32 - 1
        });
        let stored = RecordRef::of(context, record);
        records.push((stored.encoded_len(), stored));
    }
    let head = StoredBatch {
        receiver: batch.receiver as u32,
        received: batch.received.0,
        contexts,
        records: Vec::new(),
        checkpoints: batch.checkpoints.iter().cloned().map(StoredCheckpoint::from).collect(),
    };
    let lengths: usize = records.iter().map(|(length, _)| 1 + length_delimiter_len(*length) + length).sum();
    let mut bytes = Vec::with_capacity(head.encoded_len() + lengths);
    head.encode_raw(&mut bytes);
    // Each as an element of [`StoredBatch::records`], without cloning it.
    for (length, record) in records {
        prost::encoding::encode_key(4, prost::encoding::WireType::LengthDelimited, &mut bytes);
        prost::encoding::encode_varint(length as u64, &mut bytes);
        record.encode(&mut bytes);
    }
    bytes
}

/// The checkpoints in a frame's payload; a frame of an older program has none.
pub(crate) fn checkpoints_of(payload: &[u8]) -> Result<Vec<Checkpoint>, Undecodable> {
    let frame = FrameCheckpoints::decode(payload)?;
    Ok(frame.checkpoints.into_iter().map(StoredCheckpoint::into_checkpoint).collect())
}

impl From<Checkpoint> for StoredCheckpoint {
    fn from((key, value): Checkpoint) -> StoredCheckpoint {
        StoredCheckpoint { key, value }
    }
}

impl StoredCheckpoint {
    pub fn into_checkpoint(self) -> Checkpoint {
        (self.key, self.value)
    }
}

/// The fields of a [`StoredRecord`] that every stored record has, borrowed: they are written by hand, in the order and with
/// the tags of the message.
struct RecordRef<'a> {
    context: u32,
    level: u32,
    flags: u32,
    original: &'a Option<Bytes>,
    body: &'a NewBody,
}

impl<'a> RecordRef<'a> {
    fn of(context: u32, record: &'a NewRecord<NewBody>) -> RecordRef<'a> {
        let level = record.level.map_or(0, |level| level as u32);
        RecordRef { context, level, flags: record.flags.0, original: &record.original, body: &record.body }
    }

    fn encoded_len(&self) -> usize {
        use prost::encoding::{bytes, message, uint32};
        let number = |tag, value: u32| if value == 0 { 0 } else { uint32::encoded_len(tag, &value) };
        let body = match self.body {
            NewBody::Decoded(RecordBody::Span(span)) => message::encoded_len(2, span.as_ref()),
            NewBody::Decoded(RecordBody::Log(log)) => message::encoded_len(3, log.as_ref()),
            NewBody::Span(encoded) => bytes::encoded_len(2, encoded),
            NewBody::Log(encoded) => bytes::encoded_len(3, encoded),
        };
        let original = self.original.as_ref().map_or(0, |original| bytes::encoded_len(6, original));
        number(1, self.context) + body + number(4, self.level) + number(5, self.flags) + original
    }

    fn encode(&self, out: &mut Vec<u8>) {
        use prost::encoding::{bytes, message, uint32};
        let number = |tag, value: u32, out: &mut Vec<u8>| {
            if value != 0 {
                uint32::encode(tag, &value, out);
            }
        };
        number(1, self.context, out);
        match self.body {
            NewBody::Decoded(RecordBody::Span(span)) => message::encode(2, span.as_ref(), out),
            NewBody::Decoded(RecordBody::Log(log)) => message::encode(3, log.as_ref(), out),
            NewBody::Span(encoded) => bytes::encode(2, encoded, out),
            NewBody::Log(encoded) => bytes::encode(3, encoded, out),
        }
        number(4, self.level, out);
        number(5, self.flags, out);
        if let Some(original) = self.original {
            bytes::encode(6, original, out);
        }
    }
}

fn store_context(resource: &ResourceContext, scope: &ScopeContext) -> StoredContext {
    StoredContext {
        resource: resource.resource.clone(),
        resource_schema_url: resource.schema_url.clone(),
        scope: scope.scope.clone(),
        scope_schema_url: scope.schema_url.clone(),
    }
}

impl Context {
    pub fn encode(&self) -> Vec<u8> {
        store_context(&self.resource, &self.scope).encode_to_vec()
    }

    pub fn decode(bytes: &[u8]) -> Result<Context, Undecodable> {
        let stored = StoredContext::decode(bytes).map_err(|error| Undecodable(error.to_string()))?;
        Ok(Context::from_stored(stored))
    }

    fn from_stored(stored: StoredContext) -> Context {
        let resource = ResourceContext { resource: stored.resource, schema_url: stored.resource_schema_url };
        let scope = ScopeContext { scope: stored.scope, schema_url: stored.scope_schema_url };
        Context { resource: Arc::new(resource), scope: Arc::new(scope) }
    }
}

#[cfg(test)]
mod tests;
