//! A block read back: its head at once, its body when it is asked for, a record when it is part of an answer.
//!
//! Bytes that are not a block are an error, never a panic, whatever they are.

use std::cell::{OnceCell, RefCell};

use bytes::Bytes;
use prost::Message as _;

use super::{FORMAT, ROWS_MAX, decode_rest};
use crate::batch::Receiver;
use crate::facets::Facets;
use crate::id::{RecordId, SpanId, TraceId, TraceIdMatch};
use crate::otlp::{AnyValue, KeyValue, LogRecord, Span};
use crate::record::{Flags, Record, RecordBody, SpanExt as _};
use crate::stored::{Context, Undecodable};
use crate::time::UnixNanos;
use crate::wire::{BEYOND, Malformed, take, unzigzag, varint};

/// A body is never larger than this: a block's bytes, and a request at most, see `BlockWriter::is_full`.
const BODY_BYTES_MAX: u64 = 1 << 30;

thread_local! {
    /// Made once for a thread that asks: making one takes longer than unpacking a block.
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// What records of one context, kind and way in share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// The number of the context in the partition.
    pub context: u32,
    pub facets: u16,
    pub receiver: Receiver,
    pub flags: u32,
}

/// What the head says of one record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub origin: u32,
    pub time: u64,
    pub trace: [u8; 16],
    pub span_id: [u8; 8],
}

pub(crate) struct Block {
    bytes: Bytes,
    pub origins: Vec<Origin>,
    pub rows: Vec<Row>,
    /// Where the body begins.
    body_at: usize,
    body: OnceCell<Body>,
}

/// A table of byte strings within the body.
#[derive(Debug)]
pub(crate) struct Table {
    /// Starts, and the end of the last.
    bounds: Vec<u32>,
}

#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    frames: Vec<(u64, u64)>,
    pub names: Table,
    pub rests: Table,
    pub bodies: Table,
    pub attributes: Table,
    pub rows: Vec<BodyRow>,
    attribute_numbers: Vec<u32>,
}

/// What the body says of one record.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BodyRow {
    frame: u32,
    place: u32,
    pub rest: u32,
    attributes: (u32, u32),
    /// Start and length + 1; a length of 0 is none.
    original: (u32, u32),
    time_sent: bool,
    /// Number + 1: a span's name, or a log's body.
    pub text: u32,
    /// All zero where there is none.
    pub parent: [u8; 8],
    /// A span's end less its start.
    duration: i64,
    observed: u64,
}

impl Block {
    pub fn read(bytes: Bytes) -> Result<Block, Undecodable> {
        let mut rest: &[u8] = &bytes;
        let from = &mut rest;
        let rows = varint(from)? as usize;
        if varint(from)? != FORMAT || rows > ROWS_MAX {
            return Err(Undecodable::new("a block of an unknown format"));
        }
        let origins = read_origins(from)?;
        let traces = read_traces(from)?;
        let mut read = Vec::with_capacity(rows);
        for (trace, count) in traces {
            for _ in 0..count.min(ROWS_MAX as u64 + 1) {
                read.push(Row { origin: 0, time: 0, trace, span_id: [0; 8] });
            }
        }
        if read.len() != rows {
            return Err(Undecodable::new("a block's traces have other rows"));
        }
        for row in &mut read {
            row.origin = varint(from)? as u32;
            if row.origin as usize >= origins.len() {
                return Err(Undecodable::new("no such origin"));
            }
        }
        let mut time = 0u64;
        for row in &mut read {
            time = time.wrapping_add(unzigzag(varint(from)?) as u64);
            row.time = time;
        }
        for row in &mut read {
            row.span_id = take(from)?;
        }
        let body_at = bytes.len() - rest.len();
        Ok(Block { bytes, origins, rows: read, body_at, body: OnceCell::new() })
    }

    pub fn origin(&self, row: usize) -> Origin {
        self.origins[self.rows[row].origin as usize]
    }

    /// The rows of a trace.
    pub fn rows_of<'a>(&'a self, id: &'a TraceIdMatch) -> impl Iterator<Item = usize> {
        let is_of = |row: &Row| TraceId::from_otlp(&row.trace).is_some_and(|found| id.matches(found));
        (0..self.rows.len()).filter(move |row| is_of(&self.rows[*row]))
    }

    /// The body, unpacked at the first call.
    pub fn body(&self) -> Result<&Body, Undecodable> {
        if let Some(body) = self.body.get() {
            return Ok(body);
        }
        let body = self.read_body()?;
        Ok(self.body.get_or_init(|| body))
    }

    fn read_body(&self) -> Result<Body, Undecodable> {
        let mut packed = &self.bytes[self.body_at..];
        let length = varint(&mut packed)?;
        if length > BODY_BYTES_MAX {
            return Err(Undecodable::new("a block's body is too long"));
        }
        let sized = zstd::zstd_safe::get_frame_content_size(packed);
        if sized.ok().flatten() != Some(length) {
            return Err(Undecodable::new("a block's body has another length than it says"));
        }
        let unpacked = UNPACKER.with_borrow_mut(|unpacker| match unpacker {
            Some(unpacker) => unpacker.decompress(packed, length as usize),
            None => zstd::bulk::Decompressor::new()
                .and_then(|fresh| unpacker.insert(fresh).decompress(packed, length as usize)),
        });
        let bytes = unpacked.map_err(|_| Undecodable::new("a block's body cannot be unpacked"))?;
        let is_span = |row: &Row| self.origins[row.origin as usize].facets().is_span;
        let is_span: Vec<bool> = self.rows.iter().map(is_span).collect();
        Body::read(bytes, &self.rows, &is_span)
    }

    /// A record, whose context the caller has looked up.
    pub fn record(&self, row: usize, context: &Context, store: u64) -> Result<Record, Undecodable> {
        let body = self.body()?;
        let origin = self.origin(row);
        let (head, columns) = (&self.rows[row], &body.rows[row]);
        let (sequence, received) = body.frames[columns.frame as usize];
        let (id, record) = match origin.facets().is_span {
            true => {
                let span = body.span(head, columns)?;
                let id = match (TraceId::from_otlp(&head.trace), SpanId::from_otlp(&head.span_id)) {
                    (Some(trace), Some(span)) => RecordId::of_span(trace, span),
                    _ => RecordId::of_log(store, sequence, columns.place),
                };
                (id, RecordBody::Span(span))
            }
            false => {
                let log = body.log(head, columns)?;
                (RecordId::of_log(store, sequence, columns.place), RecordBody::Log(log))
            }
        };
        Ok(Record {
            id,
            resource: context.resource.clone(),
            scope: context.scope.clone(),
            body: record,
            level: origin.facets().level,
            flags: Flags(origin.flags),
            receiver: origin.receiver,
            received: UnixNanos(received),
            original: columns.original(&body.bytes).map(Bytes::copy_from_slice),
        })
    }

    /// The place in the journal that a log's id was made of.
    pub fn place(&self, row: usize) -> Result<(u64, u32), Undecodable> {
        let body = self.body()?;
        let columns = &body.rows[row];
        Ok((body.frames[columns.frame as usize].0, columns.place))
    }
}

fn read_origins(from: &mut &[u8]) -> Result<Vec<Origin>, Undecodable> {
    let count = varint(from)?;
    let mut origins = Vec::new();
    for _ in 0..count {
        let (context, facets) = (varint(from)? as u32, varint(from)? as u16);
        let receiver = u8::try_from(varint(from)?).ok().and_then(Receiver::from_repr);
        let receiver = receiver.ok_or_else(|| Undecodable::new("no such receiver"))?;
        origins.push(Origin { context, facets, receiver, flags: varint(from)? as u32 });
    }
    Ok(origins)
}

fn read_traces(from: &mut &[u8]) -> Result<Vec<([u8; 16], u64)>, Undecodable> {
    let count = varint(from)?;
    let mut traces = Vec::new();
    for _ in 0..count {
        traces.push((take(from)?, varint(from)?));
    }
    if traces.len() > ROWS_MAX {
        return Err(Undecodable::new("a block of too many traces"));
    }
    Ok(traces)
}

impl Body {
    fn read(bytes: Vec<u8>, heads: &[Row], is_span: &[bool]) -> Result<Body, Undecodable> {
        let mut rest: &[u8] = &bytes;
        let whole = bytes.len();
        let from = &mut rest;
        let frames = read_frames(from)?;
        let mut tables = Vec::with_capacity(4);
        for _ in 0..4 {
            tables.push(Table::read(from, whole)?);
        }
        let mut rows = vec![BodyRow::default(); heads.len()];
        each(&mut rows, from, |row, number| row.frame = number as u32)?;
        each(&mut rows, from, |row, number| row.place = number as u32)?;
        each(&mut rows, from, |row, number| row.rest = number as u32)?;
        each(&mut rows, from, |row, number| row.attributes.1 = number as u32)?;
        let attribute_numbers = read_attributes(&mut rows, from)?;
        each(&mut rows, from, |row, number| row.original.1 = u32::try_from(number).unwrap_or(u32::MAX))?;
        each(&mut rows, from, |row, number| row.time_sent = number != 0)?;
        some(&mut rows, is_span, true, from, |row, number| row.text = number as u32)?;
        let mut parents = vec![0u64; rows.len()];
        for (parent, _) in parents.iter_mut().zip(is_span).filter(|(_, is_span)| **is_span) {
            *parent = varint(from)?;
        }
        some(&mut rows, is_span, true, from, |row, number| row.duration = unzigzag(number))?;
        some(&mut rows, is_span, false, from, |row, number| row.observed = number)?;
        some(&mut rows, is_span, false, from, |row, number| row.text = number as u32)?;
        for (row, parent) in rows.iter_mut().zip(parents) {
            row.parent = match parent {
                0 => [0; 8],
                1 => take(from)?,
                row => heads.get(row as usize - 2).ok_or(BEYOND)?.span_id,
            };
        }
        let mut originals = (whole - rest.len()) as u32;
        for row in &mut rows {
            row.original.0 = originals;
            originals = originals.checked_add(row.original.1.saturating_sub(1)).ok_or(BEYOND)?;
        }
        let [attributes, bodies, rests, names] = {
            let mut tables = tables.into_iter().rev();
            std::array::from_fn(|_| tables.next().unwrap_or(Table { bounds: Vec::new() }))
        };
        let body = Body { frames, names, rests, bodies, attributes, rows, attribute_numbers, bytes };
        body.check(is_span, originals)?;
        Ok(body)
    }

    /// Makes sure that every number names something.
    fn check(&self, is_span: &[bool], end: u32) -> Result<(), Undecodable> {
        let rows = self.rows.iter().zip(is_span).all(|(row, is_span)| {
            let texts = if *is_span { &self.names } else { &self.bodies };
            (row.frame as usize) < self.frames.len()
                && (row.rest as usize) < self.rests.len()
                && row.text as usize <= texts.len()
        });
        let attributes =
            self.attribute_numbers.iter().all(|number| (*number as usize) < self.attributes.len());
        match rows && attributes && end as usize <= self.bytes.len() {
            true => Ok(()),
            false => Err(Undecodable::new("a block's columns name what is not there")),
        }
    }

    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter(&self.bytes)
    }

    pub fn rests(&self) -> impl Iterator<Item = &[u8]> {
        self.rests.iter(&self.bytes)
    }

    pub fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        self.bodies.iter(&self.bytes)
    }

    pub fn attributes(&self) -> impl Iterator<Item = &[u8]> {
        self.attributes.iter(&self.bytes)
    }

    /// A span's duration, as [`SpanExt`](crate::record::SpanExt) has it.
    pub fn duration_ns(&self, head: &Row, row: usize) -> u64 {
        let row = &self.rows[row];
        let mut span = Span::default();
        row.put_times(head, &mut span);
        span.duration_ns()
    }

    /// The numbers of a record's attributes.
    pub fn attributes_of(&self, row: &BodyRow) -> &[u32] {
        &self.attribute_numbers[row.attributes.0 as usize..(row.attributes.0 + row.attributes.1) as usize]
    }

    fn decode_attributes(&self, row: &BodyRow) -> Result<Vec<KeyValue>, Undecodable> {
        let decode = |number: &u32| KeyValue::decode(self.attributes.get(&self.bytes, *number));
        self.attributes_of(row).iter().map(|number| decode(number).map_err(Undecodable::from)).collect()
    }

    fn span(&self, head: &Row, row: &BodyRow) -> Result<Box<Span>, Undecodable> {
        let RecordBody::Span(mut span) = decode_rest(self.rests.get(&self.bytes, row.rest))? else {
            return Err(Undecodable::new("the rest of a span is a log's"));
        };
        row.put_span(head, &mut span);
        if row.text > 0 {
            let name = self.names.get(&self.bytes, row.text - 1);
            span.name =
                std::str::from_utf8(name).map_err(|_| Undecodable::new("a name is not UTF-8"))?.to_owned();
        }
        span.attributes = self.decode_attributes(row)?;
        Ok(span)
    }

    fn log(&self, head: &Row, row: &BodyRow) -> Result<Box<LogRecord>, Undecodable> {
        let RecordBody::Log(mut log) = decode_rest(self.rests.get(&self.bytes, row.rest))? else {
            return Err(Undecodable::new("the rest of a log is a span's"));
        };
        if row.time_sent {
            log.time_unix_nano = head.time;
        }
        if let Some(delta) = row.observed.checked_sub(1) {
            log.observed_time_unix_nano = head.time.wrapping_add(unzigzag(delta) as u64);
        }
        put_id(&head.trace, &mut log.trace_id);
        put_id(&head.span_id, &mut log.span_id);
        if row.text > 0 {
            log.body = Some(AnyValue::decode(self.bodies.get(&self.bytes, row.text - 1))?);
        }
        log.attributes = self.decode_attributes(row)?;
        Ok(log)
    }
}

impl BodyRow {
    fn put_span(&self, head: &Row, span: &mut Span) {
        put_id(&head.trace, &mut span.trace_id);
        put_id(&head.span_id, &mut span.span_id);
        put_id(&self.parent, &mut span.parent_span_id);
        self.put_times(head, span);
    }

    fn put_times(&self, head: &Row, span: &mut Span) {
        span.start_time_unix_nano = if self.time_sent { head.time } else { 0 };
        span.end_time_unix_nano = span.start_time_unix_nano.wrapping_add(self.duration as u64);
    }

    fn original<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let length = self.original.1.checked_sub(1)?;
        bytes.get(self.original.0 as usize..(self.original.0 + length) as usize)
    }
}

/// Zero stands for none.
fn put_id(id: &[u8], field: &mut Vec<u8>) {
    if id.iter().any(|byte| *byte != 0) {
        *field = id.to_vec();
    }
}

impl Table {
    fn read(from: &mut &[u8], whole: usize) -> Result<Table, Undecodable> {
        let count = varint(from)?;
        let mut lengths = Vec::new();
        for _ in 0..count {
            lengths.push(varint(from)?);
        }
        let mut at = (whole - from.len()) as u64;
        let mut bounds = vec![at as u32];
        for length in lengths {
            at = at.checked_add(length).filter(|at| *at <= whole as u64).ok_or(BEYOND)?;
            bounds.push(at as u32);
        }
        let start = whole - from.len();
        *from = &from[at as usize - start..];
        Ok(Table { bounds })
    }

    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    fn get<'a>(&self, bytes: &'a [u8], number: u32) -> &'a [u8] {
        &bytes[self.bounds[number as usize] as usize..self.bounds[number as usize + 1] as usize]
    }

    fn iter<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len() as u32).map(|number| self.get(bytes, number))
    }
}

fn read_frames(from: &mut &[u8]) -> Result<Vec<(u64, u64)>, Undecodable> {
    let count = varint(from)?;
    let (mut frames, mut last) = (Vec::new(), (0u64, 0u64));
    for _ in 0..count {
        last.0 = last.0.wrapping_add(unzigzag(varint(from)?) as u64);
        last.1 = last.1.wrapping_add(unzigzag(varint(from)?) as u64);
        frames.push(last);
    }
    Ok(frames)
}

/// The attributes' numbers of all rows, whose counts are set; sets where each row's begin.
fn read_attributes(rows: &mut [BodyRow], from: &mut &[u8]) -> Result<Vec<u32>, Undecodable> {
    let mut numbers = Vec::new();
    for row in rows {
        row.attributes.0 = numbers.len() as u32;
        for _ in 0..row.attributes.1 {
            numbers.push(varint(from)? as u32);
        }
    }
    Ok(numbers)
}

fn each(
    rows: &mut [BodyRow],
    from: &mut &[u8],
    mut set: impl FnMut(&mut BodyRow, u64),
) -> Result<(), Malformed> {
    for row in rows {
        set(row, varint(from)?);
    }
    Ok(())
}

/// The same for the spans only, or the logs.
fn some(
    rows: &mut [BodyRow],
    is_span: &[bool],
    wanted: bool,
    from: &mut &[u8],
    mut set: impl FnMut(&mut BodyRow, u64),
) -> Result<(), Malformed> {
    for (row, _) in rows.iter_mut().zip(is_span).filter(|(_, is_span)| **is_span == wanted) {
        set(row, varint(from)?);
    }
    Ok(())
}

impl Origin {
    pub fn facets(self) -> Facets {
        Facets::unpack(self.facets)
    }
}
