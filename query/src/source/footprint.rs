//! What answers of this sidecar's own take in memory until they are written, about.

use std::mem::size_of;
use std::sync::Arc;

use prost::Message as _;
use spandrel_store::otlp::{LogRecord, Span};
use spandrel_store::snapshot::{FieldInfo, Series, TraceRecords, Values};
use spandrel_store::{Record, RecordBody, UnixNanos};

use super::{Description, Overview, TraceMatch};
use crate::graph::{Callee, Caller, PartialGraph};

/// A trace's root and its services, with their names.
const OVERVIEW_BYTES: usize = size_of::<Overview>() + 256;
/// Letters of a name.
const NAME_BYTES: usize = 32;

/// Something that may be large.
pub(super) trait Footprint {
    fn bytes(&self) -> usize;
}

impl Footprint for Vec<Arc<Record>> {
    fn bytes(&self) -> usize {
        self.iter().map(|record| record_bytes(record)).sum()
    }
}

/// With whether there is more.
impl Footprint for (Vec<Arc<Record>>, bool) {
    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// Texts take about twice what they have on the wire.
pub(crate) fn record_bytes(record: &Record) -> usize {
    let body = match &record.body {
        RecordBody::Span(span) => size_of::<Span>() + 2 * span.encoded_len(),
        RecordBody::Log(log) => size_of::<LogRecord>() + 2 * log.encoded_len(),
    };
    size_of::<Record>() + body + record.original.as_ref().map_or(0, |original| original.len())
}

impl Footprint for TraceRecords {
    fn bytes(&self) -> usize {
        self.records.bytes()
    }
}

impl Footprint for Vec<TraceMatch> {
    fn bytes(&self) -> usize {
        self.len() * size_of::<TraceMatch>()
    }
}

impl Footprint for Vec<Overview> {
    fn bytes(&self) -> usize {
        self.len() * OVERVIEW_BYTES
    }
}

impl Footprint for Vec<Series> {
    fn bytes(&self) -> usize {
        let point = size_of::<(UnixNanos, u64)>();
        self.iter().map(|series| size_of::<Series>() + NAME_BYTES + series.points.len() * point).sum()
    }
}

impl Footprint for Vec<PartialGraph> {
    fn bytes(&self) -> usize {
        let of_ends = |graph: &PartialGraph| {
            graph.callers.len() * size_of::<Caller>() + graph.callees.len() * size_of::<Callee>()
        };
        self.iter().map(of_ends).sum()
    }
}

impl Footprint for Vec<FieldInfo> {
    fn bytes(&self) -> usize {
        self.len() * (size_of::<FieldInfo>() + NAME_BYTES)
    }
}

impl Footprint for Values {
    fn bytes(&self) -> usize {
        self.values.iter().map(|(value, _)| size_of::<(String, u64)>() + value.len()).sum()
    }
}

/// Always small.
impl Footprint for Option<(UnixNanos, UnixNanos)> {
    fn bytes(&self) -> usize {
        0
    }
}

/// Always small: `SERVICES_MAX` names.
impl Footprint for Description {
    fn bytes(&self) -> usize {
        0
    }
}
