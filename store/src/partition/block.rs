//! Blocks: what one tantivy document holds. Around a hundred records that lie together, most of them of the
//! same few traces, with everything that repeats among them written once.
//!
//! # Layout
//! All numbers are varints unless said otherwise; `±` marks zigzag.
//! ```text
//! head   rows, format
//!        origins: count, then each: context, facets, receiver, flags
//!        traces:  count, then each: trace id (16 bytes, zero for none), rows
//!        rows' columns: origin; ± time less the row before's; span id (8 bytes each, zero for none)
//! body   its length unpacked, then zstd of
//!        frames:  count, then each: ± sequence, ± received, less the one before's
//!        tables of byte strings (names, rests, bodies, attributes): count, lengths, bytes
//!        rows' columns: frame; place in the frame; rest; attributes' count; attributes; original's length + 1;
//!        whether a time was sent (0, 1)
//!        spans' columns: name + 1; parent; ± end less start
//!        logs' columns: 0 or 1 + ± observed time less the time; body + 1
//!        parent ids that are no span of the block (8 bytes each); originals' bytes
//! ```
//! A *rest* is a byte (0 for a log, 1 for a span) and an OTLP message without the fields that stand in columns: kind, status, events, links, severity
//! and whatever else. An attribute is an encoded `KeyValue`. So a record comes back field for field: its rest
//! decoded, the columns put back. Fields that don't fit their column (a parent id of three bytes) stay in the
//! rest. A parent is 0 for none, 1 for one that is no span of this block, else 2 + the row of it.
//!
//! The head alone answers what is asked of times, services, levels, kinds, trace and span ids.

mod interner;
mod reader;

use std::collections::HashMap;

use prost::Message as _;
use prost::encoding::encode_varint;

use super::Hasher;
use crate::head::{Entry, HeadBatch};
use crate::otlp::{LogRecord, Span};
use crate::record::RecordBody;
use crate::stored::Undecodable;
use crate::wire::{Fields, Value, zigzag};

pub(super) use interner::Interner;
pub(super) use reader::{Block, Body, Origin};

pub(super) const FORMAT: u64 = 1;
/// A block is ended before a trace that would make it longer than this.
pub(super) const ROWS: usize = 128;
/// And within a trace at this many.
pub(super) const ROWS_MAX: usize = 256;
/// A block is ended once it holds this many encoded bytes.
const BYTES: usize = 64 << 10;
const ZSTD_LEVEL: i32 = 1;
/// The first byte of a rest.
const LOG: u8 = 0;
const SPAN: u8 = 1;

/// A finished block, with what is to be indexed of it.
pub(super) struct Finished<'a> {
    pub bytes: &'a [u8],
    pub least: u64,
    pub greatest: u64,
    pub origins: &'a [Origin],
    pub traces: &'a [([u8; 16], u32)],
    pub span_ids: &'a [[u8; 8]],
    pub names: &'a Interner,
    pub rests: &'a Interner,
    pub bodies: &'a Interner,
    pub attributes: &'a Interner,
}

/// Fills one block after the other.
pub(super) struct BlockWriter {
    compressor: zstd::bulk::Compressor<'static>,
    names: Interner,
    rests: Interner,
    bodies: Interner,
    attributes: Interner,
    origins: Vec<Origin>,
    origin_numbers: HashMap<Origin, u32, Hasher>,
    traces: Vec<([u8; 16], u32)>,
    frames: Vec<(u64, u64)>,
    frame_numbers: HashMap<u64, u32, Hasher>,
    span_ids: Vec<[u8; 8]>,
    parents: Vec<Option<[u8; 8]>>,
    least: u64,
    greatest: u64,
    last_time: u64,
    bytes: usize,
    columns: Columns,
    rest: Vec<u8>,
    body: Vec<u8>,
    packed: Vec<u8>,
    out: Vec<u8>,
}

/// The columns that are written as the rows come.
#[derive(Default)]
struct Columns {
    origin: Vec<u8>,
    time: Vec<u8>,
    frame: Vec<u8>,
    place: Vec<u8>,
    rest: Vec<u8>,
    attribute_count: Vec<u8>,
    attribute: Vec<u8>,
    original_length: Vec<u8>,
    originals: Vec<u8>,
    name: Vec<u8>,
    end: Vec<u8>,
    time_sent: Vec<u8>,
    observed: Vec<u8>,
    log_body: Vec<u8>,
}

impl Columns {
    fn clear(&mut self) {
        for column in self.all() {
            column.clear();
        }
    }

    fn all(&mut self) -> [&mut Vec<u8>; 14] {
        let Columns { origin, time, frame, place, rest, attribute_count, attribute, .. } = self;
        let Columns { original_length, originals, name, end, time_sent, observed, log_body, .. } = self;
        [
            origin,
            time,
            frame,
            place,
            rest,
            attribute_count,
            attribute,
            original_length,
            originals,
            name,
            end,
            time_sent,
            observed,
            log_body,
        ]
    }
}

/// What a message's columns are made of, as found on the way through it.
#[derive(Default)]
struct Found {
    span_id: [u8; 8],
    parent: Option<[u8; 8]>,
    name: u32,
    end: u64,
    time: u64,
    observed: u64,
    log_body: u32,
    attributes: u32,
}

impl BlockWriter {
    pub fn new() -> std::io::Result<BlockWriter> {
        Ok(BlockWriter {
            compressor: zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
            names: Interner::default(),
            rests: Interner::default(),
            bodies: Interner::default(),
            attributes: Interner::default(),
            origins: Vec::new(),
            origin_numbers: HashMap::default(),
            traces: Vec::new(),
            frames: Vec::new(),
            frame_numbers: HashMap::default(),
            span_ids: Vec::new(),
            parents: Vec::new(),
            least: u64::MAX,
            greatest: 0,
            last_time: 0,
            bytes: 0,
            columns: Columns::default(),
            rest: Vec::new(),
            body: Vec::new(),
            packed: Vec::new(),
            out: Vec::new(),
        })
    }

    pub fn is_empty(&self) -> bool {
        self.span_ids.is_empty()
    }

    /// Whether the block is to be finished before a record of this trace comes in.
    pub fn is_full(&self, trace: &[u8; 16]) -> bool {
        let rows = self.span_ids.len();
        let same = self.traces.last().is_some_and(|(last, _)| last == trace);
        rows >= ROWS_MAX || self.bytes >= BYTES || (rows >= ROWS && !same)
    }

    /// Adds a record whose context has the given number in the partition.
    pub fn add(
        &mut self,
        batch: &HeadBatch,
        place: u32,
        entry: &Entry,
        context: u32,
    ) -> Result<(), Undecodable> {
        let found = match entry.facets.is_span {
            true => self.read_span(batch.body(entry))?,
            false => self.read_log(batch.body(entry))?,
        };
        let origin =
            Origin { context, facets: entry.facets.pack(), receiver: batch.receiver, flags: entry.flags.0 };
        self.add_head(entry, origin, found.span_id);
        let rest = self.rests.intern(&self.rest);
        let frame = *self.frame_numbers.entry(batch.sequence).or_insert_with(|| {
            self.frames.push((batch.sequence, batch.received.0));
            self.frames.len() as u32 - 1
        });
        let columns = &mut self.columns;
        encode_varint(u64::from(frame), &mut columns.frame);
        encode_varint(u64::from(place), &mut columns.place);
        encode_varint(u64::from(rest), &mut columns.rest);
        encode_varint(u64::from(found.attributes), &mut columns.attribute_count);
        let original = batch.original(entry);
        encode_varint(original.map_or(0, |line| line.len() as u64 + 1), &mut columns.original_length);
        columns.originals.extend_from_slice(original.unwrap_or_default());
        if entry.facets.is_span {
            encode_varint(u64::from(found.name), &mut columns.name);
            encode_varint(zigzag(found.end.wrapping_sub(found.time) as i64), &mut columns.end);
            columns.time_sent.push(u8::from(found.time != 0));
            self.parents.push(found.parent);
        } else {
            columns.time_sent.push(u8::from(found.time != 0));
            let observed = match found.observed {
                0 => 0,
                observed => zigzag(observed.wrapping_sub(entry.time) as i64).wrapping_add(1),
            };
            encode_varint(observed, &mut columns.observed);
            encode_varint(u64::from(found.log_body), &mut columns.log_body);
        }
        self.bytes += batch.body(entry).len() + original.map_or(0, <[u8]>::len);
        Ok(())
    }

    fn add_head(&mut self, entry: &Entry, origin: Origin, span_id: [u8; 8]) {
        let number = match self.origin_numbers.get(&origin) {
            Some(number) => *number,
            None => {
                let number = self.origins.len() as u32;
                self.origins.push(origin);
                self.origin_numbers.insert(origin, number);
                number
            }
        };
        match self.traces.last_mut() {
            Some((trace, rows)) if *trace == entry.trace => *rows += 1,
            _ => self.traces.push((entry.trace, 1)),
        }
        encode_varint(u64::from(number), &mut self.columns.origin);
        encode_varint(zigzag(entry.time.wrapping_sub(self.last_time) as i64), &mut self.columns.time);
        self.last_time = entry.time;
        self.least = self.least.min(entry.time);
        self.greatest = self.greatest.max(entry.time);
        self.span_ids.push(span_id);
    }

    fn start_rest(&mut self, is_span: bool) {
        self.rest.clear();
        self.rest.push(if is_span { SPAN } else { LOG });
    }

    fn read_span(&mut self, body: &[u8]) -> Result<Found, Undecodable> {
        let mut found = Found::default();
        self.start_rest(true);
        for field in Fields::of(body) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Bytes(id)) if id.len() == 16 && id != [0; 16] => {}
                (2, Value::Bytes(id)) if id.len() == 8 && id != [0; 8] => found.span_id = fixed(id),
                (4, Value::Bytes(id)) if id.len() == 8 && id != [0; 8] => found.parent = Some(fixed(id)),
                (5, Value::Bytes(name)) => found.name = self.names.intern(name) + 1,
                (7, Value::Fixed64(nanos)) => found.time = nanos,
                (8, Value::Fixed64(nanos)) => found.end = nanos,
                (9, Value::Bytes(attribute)) => {
                    let number = self.attributes.intern(attribute);
                    encode_varint(u64::from(number), &mut self.columns.attribute);
                    found.attributes += 1;
                }
                _ => self.rest.extend_from_slice(field.raw),
            }
        }
        Ok(found)
    }

    fn read_log(&mut self, body: &[u8]) -> Result<Found, Undecodable> {
        let mut found = Found::default();
        self.start_rest(false);
        for field in Fields::of(body) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Fixed64(nanos)) => found.time = nanos,
                (11, Value::Fixed64(nanos)) => found.observed = nanos,
                (5, Value::Bytes(body)) => found.log_body = self.bodies.intern(body) + 1,
                (6, Value::Bytes(attribute)) => {
                    let number = self.attributes.intern(attribute);
                    encode_varint(u64::from(number), &mut self.columns.attribute);
                    found.attributes += 1;
                }
                (9, Value::Bytes(id)) if id.len() == 16 && id != [0; 16] => {}
                (10, Value::Bytes(id)) if id.len() == 8 && id != [0; 8] => found.span_id = fixed(id),
                _ => self.rest.extend_from_slice(field.raw),
            }
        }
        Ok(found)
    }

    /// Ends the block.
    pub fn finish(&mut self) -> std::io::Result<Finished<'_>> {
        self.write_head();
        self.write_body();
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(self.body.len()));
        self.compressor.compress_to_buffer(&self.body, &mut self.packed)?;
        encode_varint(self.body.len() as u64, &mut self.out);
        self.out.extend_from_slice(&self.packed);
        Ok(Finished {
            bytes: &self.out,
            least: self.least,
            greatest: self.greatest,
            origins: &self.origins,
            traces: &self.traces,
            span_ids: &self.span_ids,
            names: &self.names,
            rests: &self.rests,
            bodies: &self.bodies,
            attributes: &self.attributes,
        })
    }

    fn write_head(&mut self) {
        let out = &mut self.out;
        out.clear();
        encode_varint(self.span_ids.len() as u64, out);
        encode_varint(FORMAT, out);
        encode_varint(self.origins.len() as u64, out);
        for origin in &self.origins {
            encode_varint(u64::from(origin.context), out);
            encode_varint(u64::from(origin.facets), out);
            encode_varint(origin.receiver as u64, out);
            encode_varint(u64::from(origin.flags), out);
        }
        encode_varint(self.traces.len() as u64, out);
        for (trace, rows) in &self.traces {
            out.extend_from_slice(trace);
            encode_varint(u64::from(*rows), out);
        }
        out.extend_from_slice(&self.columns.origin);
        out.extend_from_slice(&self.columns.time);
        out.extend_from_slice(self.span_ids.as_flattened());
    }

    fn write_body(&mut self) {
        let body = &mut self.body;
        body.clear();
        encode_varint(self.frames.len() as u64, body);
        let (mut sequence, mut received) = (0u64, 0u64);
        for frame in &self.frames {
            encode_varint(zigzag(frame.0.wrapping_sub(sequence) as i64), body);
            encode_varint(zigzag(frame.1.wrapping_sub(received) as i64), body);
            (sequence, received) = *frame;
        }
        for table in [&self.names, &self.rests, &self.bodies, &self.attributes] {
            table.write(body);
        }
        let columns = &self.columns;
        for column in [
            &columns.frame,
            &columns.place,
            &columns.rest,
            &columns.attribute_count,
            &columns.attribute,
            &columns.original_length,
            &columns.time_sent,
            &columns.name,
        ] {
            body.extend_from_slice(column);
        }
        let rows: HashMap<[u8; 8], u64, Hasher> = match self.parents.is_empty() {
            true => HashMap::default(),
            false => self.span_ids.iter().copied().zip(0u64..).collect(),
        };
        let mut strangers = Vec::new();
        for parent in &self.parents {
            let code = match parent {
                None => 0,
                Some(parent) => match rows.get(parent) {
                    Some(row) => row + 2,
                    None => {
                        strangers.extend_from_slice(parent);
                        1
                    }
                },
            };
            encode_varint(code, body);
        }
        for column in [&columns.end, &columns.observed, &columns.log_body, &strangers, &columns.originals] {
            body.extend_from_slice(column);
        }
    }

    /// Forgets the block, finished or not.
    pub fn clear(&mut self) {
        for table in [&mut self.names, &mut self.rests, &mut self.bodies, &mut self.attributes] {
            table.clear();
        }
        self.origins.clear();
        self.origin_numbers.clear();
        self.traces.clear();
        self.frames.clear();
        self.frame_numbers.clear();
        self.span_ids.clear();
        self.parents.clear();
        (self.least, self.greatest, self.last_time, self.bytes) = (u64::MAX, 0, 0, 0);
        self.columns.clear();
    }
}

/// The body of a record that has nothing but what its rest holds.
pub(super) fn decode_rest(rest: &[u8]) -> Result<RecordBody, Undecodable> {
    Ok(match rest {
        [SPAN, message @ ..] => RecordBody::Span(Box::new(Span::decode(message)?)),
        [LOG, message @ ..] => RecordBody::Log(Box::new(LogRecord::decode(message)?)),
        _ => return Err(Undecodable::new("a rest of neither a span nor a log")),
    })
}

/// A slice that was checked to be this long.
fn fixed(id: &[u8]) -> [u8; 8] {
    id.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests;
