//! Identifiers of traces, spans and records, and the many notations that the first two come in.

pub mod notation;

use std::fmt::{self, Write as _};

/// A W3C trace id: 16 bytes, not all zero in a valid one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A W3C span id: 8 bytes, not all zero in a valid one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// The id in OTLP's bytes; `None` where they are not 16 or all are zero.
    pub fn from_otlp(bytes: &[u8]) -> Option<TraceId> {
        let id = TraceId(bytes.try_into().ok()?);
        (id != TraceId::default()).then_some(id)
    }

    /// The low 8 bytes: what a system with 64-bit ids knows of this trace.
    pub fn low64(self) -> u64 {
        u128::from_be_bytes(self.0) as u64
    }
}

impl SpanId {
    /// The id in OTLP's bytes; `None` where they are not 8 or all are zero.
    pub fn from_otlp(bytes: &[u8]) -> Option<SpanId> {
        let id = SpanId(bytes.try_into().ok()?);
        (id != SpanId::default()).then_some(id)
    }
}

/// What a question for one trace may mean: an id as typed can be read in more than one notation, and a
/// 64-bit id also finds the 128-bit trace with the same low 8 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TraceIdMatch {
    /// Every 128-bit reading, none twice, none zero.
    pub exact: Vec<TraceId>,
    /// The readings that were 64-bit ids: any high half will do.
    pub low64: Vec<u64>,
}

impl TraceIdMatch {
    /// A question for exactly this id.
    pub fn exactly(id: TraceId) -> TraceIdMatch {
        TraceIdMatch { exact: vec![id], low64: Vec::new() }
    }

    pub fn matches(&self, id: TraceId) -> bool {
        self.exact.contains(&id) || self.low64.contains(&id.low64())
    }
}

/// A record's own id, opaque to everyone but this crate: stable over restarts and merges, and the last key
/// of every order, so that cursors never skip or repeat.
///
/// A span's is made of its trace and span id, so that the same span sent twice has one id. A log's is made
/// of the store's identity and its place in the journal, so that no two are ever alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    kind: u8,
    bytes: [u8; 24],
}

impl RecordId {
    pub fn of_span(trace_id: TraceId, span_id: SpanId) -> RecordId {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&trace_id.0);
        bytes[16..].copy_from_slice(&span_id.0);
        RecordId { kind: b's', bytes }
    }

    /// `store` is the random identity of the store, `frame` the journal frame's sequence number, `index`
    /// the record's place in that frame.
    pub fn of_log(store: u64, frame: u64, index: u32) -> RecordId {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&store.to_be_bytes());
        bytes[8..16].copy_from_slice(&frame.to_be_bytes());
        bytes[16..20].copy_from_slice(&index.to_be_bytes());
        RecordId { kind: b'l', bytes }
    }

    /// The span id in a span's; `None` for a log's.
    pub(crate) fn span(self) -> Option<SpanId> {
        let [.., b0, b1, b2, b3, b4, b5, b6, b7] = self.bytes;
        (self.kind == b's').then_some(SpanId([b0, b1, b2, b3, b4, b5, b6, b7]))
    }

    /// The id that [`Display`](fmt::Display) wrote; `None` for any other text.
    pub fn parse(text: &str) -> Option<RecordId> {
        let (kind, hex) = (text.as_bytes().first()?, text.get(1..)?);
        if !matches!(kind, b's' | b'l') {
            return None;
        }
        Some(RecordId { kind: *kind, bytes: from_hex(hex)? })
    }

    /// 25 bytes that sort as the ids do.
    pub fn to_bytes(self) -> [u8; 25] {
        let mut bytes = [0; 25];
        bytes[0] = self.kind;
        bytes[1..].copy_from_slice(&self.bytes);
        bytes
    }
}

/// Bytes of exactly `2 * N` hexadecimal digits, in either case.
pub fn from_hex<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digits = hex.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

/// All digits at once: ids are most of what an answer writes through `fmt`.
fn write_hex<const N: usize>(f: &mut fmt::Formatter<'_>, bytes: &[u8; N]) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.map(|byte| [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    f.write_str(std::str::from_utf8(digits.as_flattened()).unwrap_or_default())
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(char::from(self.kind))?;
        write_hex(f, &self.bytes)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}
