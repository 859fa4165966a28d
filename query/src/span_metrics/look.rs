//! What the spans of a batch say, before it is written: operations, how often and for how long they ran, halves
//! of calls. Spans that come encoded are walked and never decoded.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use spandrel_store::otlp::{self, KeyValue};
use spandrel_store::record::value::text_attribute;
use spandrel_store::wire::{Fields, Malformed, Value};
use spandrel_store::{NewBody, NewRecord, RecordBody, ResourceContext};

use super::half::{Connection, Half, Place, Side};

/// Bytes of a label's value; what is longer is cut.
const LABEL_BYTES_MAX: usize = 256;

/// Attributes by which a calling span names what it calls, the best first.
const PEERS: [&str; 8] = [
    "peer.service",
    "db.namespace",
    "db.name",
    "db.system.name",
    "db.system",
    "messaging.system",
    "server.address",
    "net.peer.name",
];

/// Which of those only spans that call a database have.
const OF_DATABASES: std::ops::Range<usize> = 1..5;

/// Where a span stands in OTLP's enumerations.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
const CONSUMER: u64 = 5;
const ERROR: u64 = 2;

/// What the spans of a batch say.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub operations: Vec<Operation>,
    pub calls: Vec<Call>,
    pub halves: Vec<Half>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    pub service: Arc<str>,
    pub name: Box<str>,
    /// As OTLP numbers them.
    pub kind: u8,
    pub status: u8,
}

/// One span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// A place among the operations.
    pub operation: u32,
    pub seconds: f64,
    pub trace: [u8; 16],
}

/// What is looked for in a span.
#[derive(Debug, Default)]
struct Seen<'a> {
    trace: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    name: &'a str,
    kind: u64,
    start: u64,
    end: u64,
    status: u64,
    peers: [Option<&'a str>; PEERS.len()],
}

/// The service of a resource; resources are shared by the records of a batch.
struct Origin {
    service: Arc<str>,
    namespace: Arc<str>,
}

impl Looked {
    pub fn at(records: &[NewRecord<NewBody>]) -> Looked {
        let mut looked = Looked::default();
        let mut origins: HashMap<*const ResourceContext, Origin, RandomState> = HashMap::default();
        let mut known: HashMap<(*const ResourceContext, &str, u64, u64), u32, RandomState> =
            HashMap::default();
        for record in records {
            let seen = match &record.body {
                NewBody::Span(bytes) => Seen::in_bytes(bytes).ok(),
                NewBody::Decoded(RecordBody::Span(span)) => Some(Seen::in_span(span)),
                _ => None,
            };
            let Some(seen) = seen else { continue };
            let resource = Arc::as_ptr(&record.resource);
            let origin = origins.entry(resource).or_insert_with(|| Origin::of(&record.resource));
            let key = (resource, seen.name, seen.kind, seen.status);
            let operation = *known.entry(key).or_insert_with(|| {
                looked.operations.push(Operation {
                    service: origin.service.clone(),
                    name: cut(seen.name).into(),
                    kind: seen.kind as u8,
                    status: seen.status as u8,
                });
                (looked.operations.len() - 1) as u32
            });
            looked.calls.push(Call { operation, seconds: seen.seconds(), trace: seen.trace });
            looked.halves.extend(seen.half(origin));
        }
        looked
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }
}

impl Origin {
    fn of(resource: &ResourceContext) -> Origin {
        let service = match resource.service() {
            "" => "unknown_service",
            service => service,
        };
        let namespace = text_attribute(resource.attributes(), "service.namespace").unwrap_or_default();
        Origin { service: cut(service).into(), namespace: cut(namespace).into() }
    }
}

impl<'a> Seen<'a> {
    fn in_span(span: &'a otlp::Span) -> Seen<'a> {
        let mut seen = Seen {
            trace: id(&span.trace_id),
            span: id(&span.span_id),
            parent: (!span.parent_span_id.is_empty()).then(|| id(&span.parent_span_id)),
            name: &span.name,
            kind: u64::try_from(span.kind).unwrap_or(0),
            start: span.start_time_unix_nano,
            end: span.end_time_unix_nano,
            status: span.status.as_ref().map_or(0, |status| u64::try_from(status.code).unwrap_or(0)),
            peers: Default::default(),
        };
        if seen.is_of_a_call() {
            for KeyValue { key, value, .. } in &span.attributes {
                let value = value.as_ref().and_then(|value| value.value.as_ref());
                if let (Some(place), Some(otlp::Value::StringValue(text))) = (peer(key.as_bytes()), value) {
                    seen.peers[place] = Some(text);
                }
            }
        }
        seen.normal()
    }

    fn in_bytes(bytes: &'a [u8]) -> Result<Seen<'a>, Malformed> {
        let mut seen = Seen::default();
        for field in Fields::of(bytes) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Bytes(bytes)) => seen.trace = id(bytes),
                (2, Value::Bytes(bytes)) => seen.span = id(bytes),
                (4, Value::Bytes(bytes)) if !bytes.is_empty() => seen.parent = Some(id(bytes)),
                (5, Value::Bytes(bytes)) => seen.name = std::str::from_utf8(bytes).unwrap_or_default(),
                (6, Value::Varint(kind)) => seen.kind = kind,
                (7, Value::Fixed64(start)) => seen.start = start,
                (8, Value::Fixed64(end)) => seen.end = end,
                (9, Value::Bytes(attribute)) => seen.attribute(attribute)?,
                (15, Value::Bytes(status)) => {
                    for field in Fields::of(status) {
                        if let (3, Value::Varint(code)) = (field?.tag, field?.value) {
                            seen.status = code;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(seen.normal())
    }

    /// An encoded `KeyValue`.
    fn attribute(&mut self, attribute: &'a [u8]) -> Result<(), Malformed> {
        let (mut place, mut value) = (None, None);
        for field in Fields::of(attribute) {
            let field = field?;
            match (field.tag, field.value) {
                (1, Value::Bytes(key)) => {
                    place = peer(key);
                    if place.is_none() {
                        return Ok(());
                    }
                }
                (2, Value::Bytes(any)) => value = Some(any),
                _ => {}
            }
        }
        let (Some(place), Some(value)) = (place, value) else { return Ok(()) };
        for field in Fields::of(value) {
            if let (1, Some(text)) = field?.message() {
                self.peers[place] = std::str::from_utf8(text).ok();
            }
        }
        Ok(())
    }

    /// What no enumeration of OTLP has counts as unspecified.
    fn normal(mut self) -> Seen<'a> {
        self.kind = if self.kind <= CONSUMER { self.kind } else { 0 };
        self.status = if self.status <= ERROR { self.status } else { 0 };
        self
    }

    fn is_of_a_call(&self) -> bool {
        matches!(self.kind, CLIENT | PRODUCER | SERVER | CONSUMER)
    }

    fn seconds(&self) -> f64 {
        self.end.saturating_sub(self.start) as f64 / 1e9
    }

    fn half(&self, origin: &Origin) -> Option<Half> {
        let named =
            self.peers.iter().flatten().find(|name| !name.is_empty()).map(|name| Box::from(cut(name)));
        let of_database = self.peers[OF_DATABASES].iter().any(Option::is_some);
        let (side, connection, span, peer) = match (self.kind, self.parent) {
            (CLIENT, _) if of_database => (Side::Client, Connection::Database, self.span, named),
            (CLIENT, _) => (Side::Client, Connection::Direct, self.span, named),
            (PRODUCER, _) => (Side::Client, Connection::Messaging, self.span, named),
            (SERVER, None) => (Side::Server, Connection::Virtual, self.span, Some("user".into())),
            (SERVER, Some(parent)) => (Side::Server, Connection::Direct, parent, None),
            (CONSUMER, Some(parent)) => (Side::Server, Connection::Messaging, parent, None),
            _ => return None,
        };
        Some(Half {
            place: Place { trace: self.trace, span },
            side,
            connection,
            service: origin.service.clone(),
            namespace: origin.namespace.clone(),
            peer,
            seconds: self.seconds(),
            failed: self.status == ERROR,
        })
    }
}

fn peer(key: &[u8]) -> Option<usize> {
    PEERS.iter().position(|name| name.as_bytes() == key)
}

/// An id of the right length; the receivers let no other through.
fn id<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LABEL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
