//! What a message takes in memory once it is read, told from its bytes before any of it is.
//!
//! Two bytes make an element of a list, whatever an element takes: a few kilobytes, compressed, would unfold to a
//! gigabyte. So bytes are walked along the lists of a message, down to the values inside of spans and logs, and
//! every element is counted with what it is read into. The weight is what lists of just that length take; one that
//! grows takes up to twice as much.

use std::mem::size_of;

use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use spandrel_store::otlp::{AnyValue, KeyValue, LogRecord, Span, span};
use spandrel_store::snapshot;
use spandrel_store::{ResourceContext, ScopeContext};

use super::{
    Absence, Ask, Callee, Caller, Calls, Chunk, Context, Field, FieldInfo, Gap, Garbage, Half, Key, Match,
    Node, Overview, Record, Series, Value,
};
use crate::{coverage, graph, source, span_metrics};

/// As deep as the decoder itself goes.
const DEPTH_MAX: usize = 100;

/// Beside its letters: its place, and the least that is allocated.
const TEXT_BYTES: usize = size_of::<String>() + 16;

/// A message that comes from a peer.
pub(crate) trait Weighed: Message + Default {
    const SHAPE: &'static Shape;

    /// Of a message that has these bytes.
    fn weight(bytes: &[u8]) -> Result<usize, Garbage> {
        weigh(bytes, Self::SHAPE, DEPTH_MAX)
    }
}

/// The fields of a message that hold several things, or others that do.
pub(crate) type Shape = [(u32, Holds)];

pub(crate) enum Holds {
    /// A message: what one takes, beside what it holds.
    Message(usize, &'static Shape),
    Text,
    /// Numbers, and what each takes.
    Numbers(usize),
}

use Holds::{Message as Inside, Numbers, Text};

impl Weighed for Chunk {
    const SHAPE: &'static Shape = &[
        (2, Inside(0, &[(1, Inside(CONTEXT_BYTES, CONTEXT)), (2, Inside(RECORD_BYTES, RECORD))])),
        (
            3,
            Inside(
                0,
                &[(1, Inside(size_of::<Match>() + size_of::<source::TraceMatch>() + 2 * TEXT_BYTES, &[]))],
            ),
        ),
        (4, Inside(0, &[(1, Inside(size_of::<Overview>() + size_of::<source::Overview>(), &[(5, Text)]))])),
        (5, Inside(0, &[(1, Inside(size_of::<Series>() + size_of::<snapshot::Series>(), SERIES))])),
        (6, Inside(0, &[(1, Inside(size_of::<FieldInfo>() + size_of::<snapshot::FieldInfo>(), &[]))])),
        (7, Inside(0, &[(1, Inside(size_of::<Value>() + size_of::<(String, u64)>(), &[]))])),
        (9, Inside(0, &[(2, Text)])),
        (10, Inside(0, END)),
        (14, Inside(0, GRAPH)),
        (15, Inside(0, &[(1, Inside(size_of::<Half>() + size_of::<span_metrics::Half>(), &[]))])),
    ];
}

impl Weighed for Ask {
    const SHAPE: &'static Shape = &[
        (2, Text),
        (4, Inside(0, &[(1, Inside(2 * size_of::<Node>(), &[(4, Inside(0, TEST))]))])),
        (10, Inside(0, &[(1, Text), (2, Numbers(16))])),
        (13, Inside(0, &[(1, Text)])),
        (14, Inside(0, COUNT)),
        (22, Inside(0, COUNT)),
    ];
}

const TEST: &Shape = &[(3, Text), (4, Text), (5, Numbers(16))];
const COUNT: &Shape = &[(2, FIELD)];
const FIELD: Holds = Inside(2 * size_of::<Field>(), &[]);

const CONTEXT_BYTES: usize = size_of::<Context>() + size_of::<ResourceContext>() + size_of::<ScopeContext>();
/// A resource has its attributes where others have their numbers.
const CONTEXT: &Shape = &[(1, Inside(0, &[(1, ATTRIBUTE), (3, ENTITY)])), (3, Inside(0, &[(3, ATTRIBUTE)]))];
const ENTITY: Holds = Inside(4 * size_of::<String>(), &[(3, Text), (4, Text)]);

const RECORD_BYTES: usize = size_of::<Record>() + size_of::<spandrel_store::Record>() + BODY_BYTES;
const BODY_BYTES: usize =
    if size_of::<Span>() > size_of::<LogRecord>() { size_of::<Span>() } else { size_of::<LogRecord>() };
const RECORD: &Shape = &[(2, Inside(0, SPAN)), (3, Inside(0, &[(5, Inside(0, &ANY)), (6, ATTRIBUTE)]))];
const SPAN: &Shape = &[
    (9, ATTRIBUTE),
    (11, Inside(size_of::<span::Event>(), &[(3, ATTRIBUTE)])),
    (13, Inside(size_of::<span::Link>(), &[(4, ATTRIBUTE)])),
];
const ATTRIBUTE: Holds = Inside(size_of::<KeyValue>(), &OF_ATTRIBUTE);
// Values hold values: only statics can go round.
static OF_ATTRIBUTE: [(u32, Holds); 1] = [(2, Inside(0, &ANY))];
static ANY: [(u32, Holds); 2] = [(5, Inside(0, &ARRAY)), (6, Inside(0, &MAP))];
static ARRAY: [(u32, Holds); 1] = [(1, Inside(size_of::<AnyValue>(), &ANY))];
static MAP: [(u32, Holds); 1] = [(1, Inside(size_of::<KeyValue>(), &OF_ATTRIBUTE))];

const SERIES: &Shape = &[(1, Inside(size_of::<Key>() * 2, &[])), (2, Numbers(24)), (3, Numbers(8))];

const END: &Shape = &[
    (2, Inside(size_of::<Gap>() + size_of::<snapshot::Gap>(), &[])),
    (3, FIELD),
    (4, Inside(0, &[(3, Inside(size_of::<Absence>() + size_of::<coverage::Absence>(), &[]))])),
];

const GRAPH: &Shape = &[
    (1, Text),
    (3, CALLS),
    (4, CALLS),
    (7, Inside(size_of::<Caller>() + size_of::<graph::Caller>(), &[])),
    (8, Inside(size_of::<Callee>() + size_of::<graph::Callee>(), &[])),
];
/// The durations are read into a tree.
const CALLS: Holds =
    Inside(size_of::<Calls>() + 2 * size_of::<graph::Counts>(), &[(5, Numbers(24)), (6, Numbers(8))]);

fn weigh(mut bytes: &[u8], shape: &Shape, depth: usize) -> Result<usize, Garbage> {
    let depth = depth.checked_sub(1).ok_or(Garbage("a message too deep"))?;
    let mut weight = 0_usize;
    while !bytes.is_empty() {
        let (tag, kind) = decode_key(&mut bytes).map_err(|_| BROKEN)?;
        let holds = shape.iter().find(|(of, _)| *of == tag).map(|(_, holds)| holds);
        let length = match kind {
            WireType::Varint => {
                decode_varint(&mut bytes).map_err(|_| BROKEN)?;
                0
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => decode_varint(&mut bytes).map_err(|_| BROKEN)?,
            WireType::StartGroup | WireType::EndGroup => return Err(Garbage("a group")),
        };
        let length = usize::try_from(length).map_err(|_| BROKEN)?;
        let (inside, rest) = bytes.split_at_checked(length).ok_or(BROKEN)?;
        bytes = rest;
        let added = match holds {
            None => 0,
            Some(Text) => TEXT_BYTES,
            Some(Inside(each, shape)) => each.saturating_add(weigh(inside, shape, depth)?),
            Some(Numbers(each)) if kind == WireType::LengthDelimited => {
                // A number ends with the byte that says so.
                each.saturating_mul(inside.iter().filter(|byte| **byte < 0x80).count())
            }
            Some(Numbers(each)) => *each,
        };
        weight = weight.saturating_add(added);
    }
    Ok(weight)
}

const BROKEN: Garbage = Garbage("a message that breaks off");

#[cfg(test)]
mod tests;
