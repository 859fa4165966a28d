//! The records of one journal frame, as the journal holds them, with a line about each: enough to tell most
//! questions that a record is not theirs without decoding it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::batch::Receiver;
use crate::budget::Permit;
use crate::facets::Facets;
use crate::id::{RecordId, TraceId, TraceIdMatch};
use crate::level::Level;
use crate::otlp::{LogRecord, Span};
use crate::record::{Flags, Record, RecordBody};
use crate::stored::{Context, Undecodable};
use crate::time::{TimeRange, UnixNanos};
use crate::wire::{Fields, Value, place};

/// The records of one journal frame.
#[derive(Debug)]
pub(crate) struct HeadBatch {
    pub sequence: u64,
    /// The store's own number, part of the ids of logs.
    identity: u64,
    pub receiver: Receiver,
    pub received: UnixNanos,
    pub contexts: Vec<Arc<Context>>,
    payload: Bytes,
    entries: Vec<Entry>,
    /// Bytes that it holds, but for those of contexts.
    pub memory: usize,
    /// The place in the frame of the first record.
    first: u32,
    least: UnixNanos,
    greatest: UnixNanos,
    /// Given back when the batch is committed and no snapshot holds it any more.
    _permit: Option<Permit>,
}

/// A record in the payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// All zero where there is none.
    pub trace: [u8; 16],
    pub time: u64,
    pub flags: Flags,
    pub context: u32,
    pub facets: Facets,
    body: (u32, u32),
    /// An end before the start where there is none.
    original: (u32, u32),
}

impl HeadBatch {
    /// Reads a frame's payload, see `stored.rs`.
    pub fn read(
        sequence: u64,
        identity: u64,
        payload: Bytes,
        mut permit: Option<Permit>,
    ) -> Result<HeadBatch, Undecodable> {
        let (mut receiver, mut received) = (None, UnixNanos(0));
        let (mut contexts, mut entries) = (Vec::new(), Vec::new());
        if u32::try_from(payload.len()).is_err() {
            return Err(Undecodable::new("a frame of more than 4 GiB"));
        }
        for field in Fields::of(&payload) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Varint(number)) => {
                    receiver = u8::try_from(number).ok().and_then(Receiver::from_repr);
                }
                (2, Value::Fixed64(nanos)) => received = UnixNanos(nanos),
                (3, Value::Bytes(bytes)) => contexts.push(Arc::new(Context::decode(bytes)?)),
                (4, Value::Bytes(bytes)) => entries.push(Entry::read(&payload, bytes, received)?),
                _ => {}
            }
        }
        if entries.iter().any(|entry: &Entry| entry.context as usize >= contexts.len()) {
            return Err(Undecodable::new("no such context"));
        }
        entries.shrink_to_fit();
        let memory = payload.len() + size_of_val(&entries[..]);
        if let Some(permit) = &mut permit {
            permit.shrink_to(memory);
        }
        let times = || entries.iter().map(|entry| UnixNanos(entry.time));
        Ok(HeadBatch {
            sequence,
            identity,
            receiver: receiver.ok_or_else(|| Undecodable::new("no such receiver"))?,
            received,
            contexts,
            least: times().min().unwrap_or_default(),
            greatest: times().max().unwrap_or_default(),
            payload,
            entries,
            memory,
            first: 0,
            _permit: permit,
        })
    }

    /// The same records, if they are not the first of their frame.
    pub fn starting_at(self, first: u32) -> HeadBatch {
        HeadBatch { first, ..self }
    }

    /// The place in the frame of a record.
    pub fn place(&self, index: usize) -> u32 {
        self.first + index as u32
    }

    /// Encoded size, which commits are paced by.
    pub fn bytes(&self) -> u64 {
        self.payload.len() as u64
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn extent(&self) -> Option<(UnixNanos, UnixNanos)> {
        (!self.entries.is_empty()).then_some((self.least, self.greatest))
    }

    pub fn overlaps(&self, range: &TimeRange) -> bool {
        range.overlaps(self.least, self.greatest)
    }

    pub fn context(&self, entry: &Entry) -> &Context {
        &self.contexts[entry.context as usize]
    }

    /// The record's OTLP message.
    pub fn body(&self, entry: &Entry) -> &[u8] {
        &self.payload[entry.body.0 as usize..entry.body.1 as usize]
    }

    /// A text input's line.
    pub fn original(&self, entry: &Entry) -> Option<&[u8]> {
        entry.original_range().map(|range| &self.payload[range])
    }

    /// All records, decoded. What cannot be decoded was never acknowledged by this program and is left out.
    pub fn records(&self) -> impl Iterator<Item = Arc<Record>> {
        (0..self.entries.len()).filter_map(|index| self.record(index))
    }

    pub fn record(&self, index: usize) -> Option<Arc<Record>> {
        let entry = self.entries.get(index)?;
        let body = match self.decode(entry) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(frame = self.sequence, index, %error, "a record of the journal cannot be read");
                return None;
            }
        };
        let context = self.context(entry);
        let id = match (&body, body.trace_id(), body.span_id()) {
            (RecordBody::Span(_), Some(trace), Some(span)) => RecordId::of_span(trace, span),
            _ => RecordId::of_log(self.identity, self.sequence, self.place(index)),
        };
        Some(Arc::new(Record {
            id,
            resource: context.resource.clone(),
            scope: context.scope.clone(),
            body,
            level: entry.facets.level,
            flags: entry.flags,
            receiver: self.receiver,
            received: self.received,
            original: entry.original_range().map(|range| Bytes::copy_from_slice(&self.payload[range])),
        }))
    }

    fn decode(&self, entry: &Entry) -> Result<RecordBody, prost::DecodeError> {
        let body = self.body(entry);
        Ok(match entry.facets.is_span {
            true => RecordBody::Span(Box::new(Span::decode(body)?)),
            false => RecordBody::Log(Box::new(LogRecord::decode(body)?)),
        })
    }

    /// The records of a trace.
    pub fn trace<'a>(&'a self, id: &'a TraceIdMatch) -> impl Iterator<Item = Arc<Record>> {
        let is_of = |entry: &Entry| entry.trace_id().is_some_and(|found| id.matches(found));
        let places = self.entries.iter().enumerate().filter(move |(_, entry)| is_of(entry));
        places.filter_map(|(index, _)| self.record(index))
    }
}

impl Entry {
    pub fn trace_id(&self) -> Option<TraceId> {
        TraceId::from_otlp(&self.trace)
    }

    fn original_range(&self) -> Option<Range<usize>> {
        (self.original.0 <= self.original.1).then_some(self.original.0 as usize..self.original.1 as usize)
    }

    /// Reads a `StoredRecord` that stands in `payload`.
    fn read(payload: &[u8], record: &[u8], received: UnixNanos) -> Result<Entry, Undecodable> {
        let range = |part| {
            let range = place(payload, part);
            (range.start as u32, range.end as u32)
        };
        let mut entry = Entry {
            trace: [0; 16],
            time: 0,
            flags: Flags::NONE,
            context: 0,
            facets: Facets::of_log(None),
            body: (0, 0),
            original: (1, 0),
        };
        let (mut level, mut span, mut log) = (None, None, None);
        for field in Fields::of(record) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Varint(number)) => entry.context = number as u32,
                (2, Value::Bytes(bytes)) => span = Some(bytes),
                (3, Value::Bytes(bytes)) => log = Some(bytes),
                (4, Value::Varint(number)) => level = u8::try_from(number).ok().and_then(Level::from_repr),
                (5, Value::Varint(number)) => entry.flags = Flags(number as u32),
                (6, Value::Bytes(bytes)) => entry.original = range(bytes),
                _ => {}
            }
        }
        let body = match (span, log) {
            (Some(body), None) => {
                entry.read_span(body, level)?;
                body
            }
            (None, Some(body)) => {
                entry.read_log(body, level)?;
                body
            }
            _ => return Err(Undecodable::new("neither a span nor a log")),
        };
        entry.body = range(body);
        if entry.time == 0 {
            entry.time = received.0;
        }
        Ok(entry)
    }

    fn read_span(&mut self, body: &[u8], level: Option<Level>) -> Result<(), Undecodable> {
        let (mut kind, mut status) = (0, 0);
        for field in Fields::of(body) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Bytes(bytes)) => self.set_trace(bytes),
                (6, Value::Varint(number)) => kind = number,
                (7, Value::Fixed64(nanos)) => self.time = nanos,
                (15, Value::Bytes(bytes)) => status = status_code(bytes)?,
                _ => {}
            }
        }
        self.facets = Facets::of_span(level, kind, status);
        Ok(())
    }

    fn read_log(&mut self, body: &[u8], level: Option<Level>) -> Result<(), Undecodable> {
        let (mut time, mut observed) = (0, 0);
        for field in Fields::of(body) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Fixed64(nanos)) => time = nanos,
                (11, Value::Fixed64(nanos)) => observed = nanos,
                (9, Value::Bytes(bytes)) => self.set_trace(bytes),
                _ => {}
            }
        }
        self.time = if time == 0 { observed } else { time };
        self.facets = Facets::of_log(level);
        Ok(())
    }

    fn set_trace(&mut self, bytes: &[u8]) {
        self.trace = TraceId::from_otlp(bytes).unwrap_or_default().0;
    }
}

fn status_code(status: &[u8]) -> Result<u64, Undecodable> {
    let mut code = 0;
    for field in Fields::of(status) {
        if let (3, Value::Varint(number)) = field.map(|field| (field.tag, field.value))? {
            code = number;
        }
    }
    Ok(code)
}
