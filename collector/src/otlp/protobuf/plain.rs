//! Records that are kept just as they were sent: one walk over their bytes finds what has to be known of them
//! and makes sure that there is nothing to refuse, to cut or to put right.
//!
//! Most records are such. They are never decoded on the way in: the journal, the head and the index take their
//! bytes. What is in any way unusual (an unknown field, one that stands twice, an id of the wrong length, more
//! than a limit allows) is not plain, and is decoded and looked at with care. So this has to be right about what
//! it takes, and may give up on anything: whatever it takes, prost decodes, which a property test holds.

use spandrel_store::otlp::StatusCode;
use spandrel_store::otlp::span::{Event, Link};
use spandrel_store::wire::{Fields, Value};
use spandrel_store::{Flags, SpanId, TraceId};

use crate::normalise::RecordLimits;

/// What a plain span tells of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PlainSpan {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The least and greatest time of its events, 0 where there are none.
    pub(crate) events: (u64, u64),
    pub(crate) failed: bool,
    pub(crate) flags: Flags,
}

/// What a plain log tells of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PlainLog<'a> {
    pub(crate) time: u64,
    pub(crate) observed: u64,
    pub(crate) severity_number: i32,
    pub(crate) severity_text: &'a str,
    pub(crate) flags: Flags,
}

/// A span that would take more than this many times its bytes when it is decoded is not plain: events and links
/// of no bytes.
const UNFOLDING_MAX: usize = 16;

pub(super) fn span(bytes: &[u8], limits: &RecordLimits) -> Option<PlainSpan> {
    let mut span = PlainSpan::default();
    let mut children = 0;
    let mut walk = Walk::new(limits);
    let mut once = Once::default();
    for field in Fields::of(bytes) {
        let field = field.ok()?;
        match (field.tag, field.value) {
            (1, Value::Bytes(id)) => {
                once.see(1)?;
                TraceId::from_otlp(id)?;
            }
            (2, Value::Bytes(id)) => {
                once.see(2)?;
                SpanId::from_otlp(id)?;
            }
            (3 | 5, Value::Bytes(text)) => {
                once.see(field.tag)?;
                walk.text(text)?;
            }
            (4, Value::Bytes(id)) => {
                once.see(4)?;
                matches!(id.len(), 0 | 8).then_some(())?;
            }
            (6, Value::Varint(_)) => once.see(6)?,
            (10 | 12 | 14, Value::Varint(_)) | (16, Value::Fixed32(_)) => once.see(field.tag)?,
            (7, Value::Fixed64(nanos)) => {
                once.see(7)?;
                span.start = nanos;
            }
            (8, Value::Fixed64(nanos)) => {
                once.see(8)?;
                span.end = nanos;
            }
            (9, Value::Bytes(attribute)) => walk.attribute(attribute, 0)?,
            (11, Value::Bytes(event)) => {
                children += size_of::<Event>();
                let time = walk.event(event)?;
                span.events = match span.events {
                    (0, 0) => (time, time),
                    _ if time == 0 => span.events,
                    (least, greatest) => (least.min(time), greatest.max(time)),
                };
            }
            (13, Value::Bytes(link)) => {
                children += size_of::<Link>();
                walk.link(link)?;
            }
            (15, Value::Bytes(status)) => {
                once.see(15)?;
                span.failed = walk.status(status)? == StatusCode::Error as u64;
            }
            _ => return None,
        }
    }
    span.flags = walk.flags;
    (once.saw(1) && once.saw(2) && children / UNFOLDING_MAX <= bytes.len()).then_some(span)
}

pub(super) fn log<'a>(bytes: &'a [u8], limits: &RecordLimits) -> Option<PlainLog<'a>> {
    let mut log = PlainLog::default();
    let mut walk = Walk::new(limits);
    let mut once = Once::default();
    for field in Fields::of(bytes) {
        let field = field.ok()?;
        if field.tag != 6 {
            once.see(field.tag)?;
        }
        match (field.tag, field.value) {
            (1, Value::Fixed64(nanos)) => log.time = nanos,
            (11, Value::Fixed64(nanos)) => log.observed = nanos,
            (2, Value::Varint(number)) => log.severity_number = number as i32,
            (3, Value::Bytes(text)) => log.severity_text = walk.text(text)?,
            (12, Value::Bytes(text)) => drop(walk.text(text)?),
            (5, Value::Bytes(body)) => walk.value(body, 0)?,
            (6, Value::Bytes(attribute)) => walk.attribute(attribute, 0)?,
            (7, Value::Varint(_)) | (8, Value::Fixed32(_)) => {}
            (9, Value::Bytes(id)) if id.is_empty() || TraceId::from_otlp(id).is_some() => {}
            (10, Value::Bytes(id)) if id.is_empty() || SpanId::from_otlp(id).is_some() => {}
            _ => return None,
        }
    }
    log.flags = walk.flags;
    Some(log)
}

/// Which fields of a message have been seen: one that may stand once and stands twice is not plain.
#[derive(Default)]
struct Once(u32);

impl Once {
    fn see(&mut self, tag: u32) -> Option<()> {
        let bit = 1u32.checked_shl(tag)?;
        let fresh = self.0 & bit == 0;
        self.0 |= bit;
        fresh.then_some(())
    }

    fn saw(&self, tag: u32) -> bool {
        self.0 & 1 << tag != 0
    }
}

/// Goes through the parts of one record. `None` ends it: not plain.
struct Walk<'l> {
    limits: &'l RecordLimits,
    /// Attributes and elements of arrays so far, as `shape.rs` counts them.
    elements: usize,
    flags: Flags,
}

impl<'l> Walk<'l> {
    fn new(limits: &'l RecordLimits) -> Walk<'l> {
        Walk { limits, elements: 0, flags: Flags::NONE }
    }

    fn text<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        (bytes.len() <= self.limits.string_bytes_max).then_some(())?;
        std::str::from_utf8(bytes).ok()
    }

    fn element(&mut self) -> Option<()> {
        self.elements += 1;
        (self.elements <= self.limits.attributes_max).then_some(())
    }

    fn attribute(&mut self, bytes: &[u8], depth: usize) -> Option<()> {
        self.element()?;
        let mut once = Once::default();
        for field in Fields::of(bytes) {
            let field = field.ok()?;
            once.see(field.tag)?;
            match (field.tag, field.value) {
                (1, Value::Bytes(key)) => drop(self.text(key)?),
                (2, Value::Bytes(value)) => self.value(value, depth)?,
                _ => return None,
            }
        }
        Some(())
    }

    fn value(&mut self, bytes: &[u8], depth: usize) -> Option<()> {
        let mut fields = Fields::of(bytes);
        // A value without any field is an empty one.
        let Some(field) = fields.next() else { return Some(()) };
        let field = field.ok()?;
        match (field.tag, field.value) {
            (1, Value::Bytes(text)) => drop(self.text(text)?),
            (2 | 3, Value::Varint(_)) => {}
            (4, Value::Fixed64(bits)) => {
                if !f64::from_bits(bits).is_finite() {
                    self.flags.insert(Flags::NOT_FINITE);
                }
            }
            (5, Value::Bytes(array)) => self.array(array, depth + 1)?,
            (6, Value::Bytes(map)) => self.map(map, depth + 1)?,
            (7, Value::Bytes(bytes)) => (bytes.len() <= self.limits.string_bytes_max).then_some(())?,
            _ => return None,
        }
        // Of two values in one the last would count.
        fields.next().is_none().then_some(())
    }

    fn array(&mut self, bytes: &[u8], depth: usize) -> Option<()> {
        (depth <= self.limits.nesting_max).then_some(())?;
        for field in Fields::of(bytes) {
            let field = field.ok()?;
            let (1, Value::Bytes(value)) = (field.tag, field.value) else { return None };
            self.element()?;
            self.value(value, depth)?;
        }
        Some(())
    }

    fn map(&mut self, bytes: &[u8], depth: usize) -> Option<()> {
        (depth <= self.limits.nesting_max).then_some(())?;
        for field in Fields::of(bytes) {
            let field = field.ok()?;
            let (1, Value::Bytes(attribute)) = (field.tag, field.value) else { return None };
            self.attribute(attribute, depth)?;
        }
        Some(())
    }

    /// Its time.
    fn event(&mut self, bytes: &[u8]) -> Option<u64> {
        let (mut time, mut once) = (0, Once::default());
        self.with_own_elements(|walk| {
            for field in Fields::of(bytes) {
                let field = field.ok()?;
                match (field.tag, field.value) {
                    (3, Value::Bytes(attribute)) => {
                        walk.attribute(attribute, 0)?;
                        continue;
                    }
                    (1, Value::Fixed64(nanos)) => time = nanos,
                    (2, Value::Bytes(name)) => drop(walk.text(name)?),
                    (4, Value::Varint(_)) => {}
                    _ => return None,
                }
                once.see(field.tag)?;
            }
            Some(())
        })?;
        Some(time)
    }

    fn link(&mut self, bytes: &[u8]) -> Option<()> {
        let mut once = Once::default();
        self.with_own_elements(|walk| {
            for field in Fields::of(bytes) {
                let field = field.ok()?;
                match (field.tag, field.value) {
                    (4, Value::Bytes(attribute)) => {
                        walk.attribute(attribute, 0)?;
                        continue;
                    }
                    (1 | 2, Value::Bytes(_)) | (5, Value::Varint(_)) | (6, Value::Fixed32(_)) => {}
                    (3, Value::Bytes(state)) => drop(walk.text(state)?),
                    _ => return None,
                }
                once.see(field.tag)?;
            }
            Some(())
        })
    }

    /// Events and links have an allowance of attributes of their own.
    fn with_own_elements(&mut self, walk: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        let elements = std::mem::take(&mut self.elements);
        walk(self)?;
        self.elements = elements;
        Some(())
    }

    /// Its code.
    fn status(&mut self, bytes: &[u8]) -> Option<u64> {
        let (mut code, mut once) = (0, Once::default());
        for field in Fields::of(bytes) {
            let field = field.ok()?;
            once.see(field.tag)?;
            match (field.tag, field.value) {
                (2, Value::Bytes(message)) => drop(self.text(message)?),
                (3, Value::Varint(number)) => code = number,
                _ => return None,
            }
        }
        Some(code)
    }
}
