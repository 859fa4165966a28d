//! Records on the wire: OTLP's own messages, encoded from where they are, with their contexts in a table.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use spandrel_store::otlp::{InstrumentationScope, LogRecord, Resource, Span};
use spandrel_store::snapshot::Position;
use spandrel_store::{
    Flags, NewRecord, Receiver, Record, RecordBody, RecordId, ResourceContext, ScopeContext, UnixNanos,
};

use super::filter::{level, level_number};
use super::{Garbage, Records};

/// A chunk of records is sent when it has this many bytes.
const CHUNK_BYTES: usize = 128 << 10;

/// Cuts records into chunks as they are wanted.
pub(super) struct Chunks<I> {
    records: I,
    /// Contexts by where they are in memory, which costs less than by what they hold.
    numbers: HashMap<(usize, usize), u32>,
    /// The same contexts by content, for records that share them without sharing memory.
    contents: HashMap<Vec<u8>, u32>,
    /// Keeps them where they are.
    kept: Vec<(Arc<ResourceContext>, Arc<ScopeContext>)>,
}

struct Numbered {
    number: u32,
    new: Option<super::Context>,
}

impl<I: Iterator<Item = Arc<Record>>> Chunks<I> {
    pub(super) fn new(records: I) -> Chunks<I> {
        Chunks { records, numbers: HashMap::new(), contents: HashMap::new(), kept: Vec::new() }
    }

    fn number(&mut self, record: &Record) -> Numbered {
        let key = (Arc::as_ptr(&record.resource).addr(), Arc::as_ptr(&record.scope).addr());
        if let Some(number) = self.numbers.get(&key) {
            return Numbered { number: *number, new: None };
        }
        let context = context(&record.resource, &record.scope);
        let next = u32::try_from(self.contents.len()).unwrap_or(u32::MAX);
        let number = *self.contents.entry(context.encode_to_vec()).or_insert(next);
        self.numbers.insert(key, number);
        self.kept.push((record.resource.clone(), record.scope.clone()));
        Numbered { number, new: (number == next).then_some(context) }
    }
}

impl<I: Iterator<Item = Arc<Record>>> Iterator for Chunks<I> {
    type Item = Records;

    fn next(&mut self) -> Option<Records> {
        let (mut chunk, mut bytes) = (Records::default(), 0);
        while bytes < CHUNK_BYTES {
            let Some(record) = self.records.next() else { break };
            let Numbered { number, new } = self.number(&record);
            if let Some(context) = new {
                bytes += context.encoded_len();
                chunk.contexts.push(context);
            }
            let record = wire_record(&record, number);
            bytes += record.encoded_len();
            chunk.records.push(record);
        }
        (!chunk.records.is_empty()).then_some(chunk)
    }
}

fn context(resource: &ResourceContext, scope: &ScopeContext) -> super::Context {
    super::Context {
        resource: resource.resource.as_ref().map(|resource| resource.encode_to_vec().into()),
        resource_schema_url: resource.schema_url.clone(),
        scope: scope.scope.as_ref().map(|scope| scope.encode_to_vec().into()),
        scope_schema_url: scope.schema_url.clone(),
    }
}

fn wire_record(record: &Record, context: u32) -> super::Record {
    let (span, log) = match &record.body {
        RecordBody::Span(span) => (Some(span.encode_to_vec().into()), None),
        RecordBody::Log(log) => (None, Some(log.encode_to_vec().into())),
    };
    let follows = span_id(&record.body) == Some(record.id);
    super::Record {
        context,
        span,
        log,
        id: if follows { Vec::new() } else { record.id.to_bytes().to_vec() },
        level: level_number(record.level),
        flags: record.flags.0,
        receiver: record.receiver as u32,
        received: record.received.0,
        original: record.original.clone(),
    }
}

/// The id that follows from a span's own ids.
fn span_id(body: &RecordBody) -> Option<RecordId> {
    let RecordBody::Span(_) = body else { return None };
    Some(RecordId::of_span(body.trace_id()?, body.span_id()?))
}

/// Chunks that can each be read without those before, for a tail, which has no end.
pub(crate) fn tail_chunks(records: Vec<Arc<Record>>) -> impl Iterator<Item = Records> {
    let mut records = records.into_iter();
    std::iter::from_fn(move || Chunks::new(records.by_ref()).next())
}

/// The records of such a chunk.
pub(crate) fn read_alone(chunk: Records) -> Result<Vec<Arc<Record>>, Garbage> {
    Contexts::default().read(chunk)
}

/// The contexts of one answer, as they came.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Vec<(Arc<ResourceContext>, Arc<ScopeContext>)>);

impl Contexts {
    pub(crate) fn read(&mut self, chunk: Records) -> Result<Vec<Arc<Record>>, Garbage> {
        for context in chunk.contexts {
            self.0.push(read_context(context)?);
        }
        chunk.records.into_iter().map(|record| self.record(record).map(Arc::new)).collect()
    }

    fn record(&self, wire: super::Record) -> Result<Record, Garbage> {
        let context = self.0.get(wire.context as usize).ok_or(Garbage("no such context"))?;
        let body = match (wire.span, wire.log) {
            (Some(span), None) => RecordBody::Span(Box::new(decode::<Span>(span, "not a span")?)),
            (None, Some(log)) => RecordBody::Log(Box::new(decode::<LogRecord>(log, "not a log record")?)),
            _ => return Err(Garbage("neither a span nor a log record")),
        };
        let id = match wire.id.is_empty() {
            true => span_id(&body),
            false => record_id(&wire.id),
        };
        let receiver = u8::try_from(wire.receiver).ok().and_then(Receiver::from_repr);
        let new = NewRecord {
            resource: context.0.clone(),
            scope: context.1.clone(),
            body,
            level: level(wire.level),
            flags: Flags(wire.flags),
            original: wire.original,
        };
        let id = id.ok_or(Garbage("not a record's id"))?;
        // A newer sidecar may have receivers that this one has not.
        Ok(Record::new(id, receiver.unwrap_or(Receiver::OtlpGrpc), UnixNanos(wire.received), new))
    }
}

fn read_context(wire: super::Context) -> Result<(Arc<ResourceContext>, Arc<ScopeContext>), Garbage> {
    let resource = wire.resource.map(|bytes| decode::<Resource>(bytes, "not a resource")).transpose()?;
    let scope = wire.scope.map(|bytes| decode::<InstrumentationScope>(bytes, "not a scope")).transpose()?;
    let resource = ResourceContext { resource, schema_url: wire.resource_schema_url };
    Ok((Arc::new(resource), Arc::new(ScopeContext { scope, schema_url: wire.scope_schema_url })))
}

fn decode<M: Message + Default>(bytes: Bytes, or: &'static str) -> Result<M, Garbage> {
    M::decode(bytes).map_err(|_| Garbage(or))
}

pub(super) fn record_id(bytes: &[u8]) -> Option<RecordId> {
    use std::fmt::Write as _;
    let (kind, id) = bytes.split_first()?;
    let mut text = String::with_capacity(2 * bytes.len());
    text.push(char::from(*kind));
    id.iter().try_for_each(|byte| write!(text, "{byte:02x}")).ok()?;
    RecordId::parse(&text)
}

impl From<Position> for super::Position {
    fn from(position: Position) -> super::Position {
        super::Position { time: position.time.0, id: position.id.to_bytes().to_vec() }
    }
}

impl super::Position {
    pub(super) fn read(&self) -> Result<Position, Garbage> {
        let id = record_id(&self.id).ok_or(Garbage("not a record's id"))?;
        Ok(Position { time: UnixNanos(self.time), id })
    }
}
