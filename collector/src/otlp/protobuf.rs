//! OTLP in protobuf: a request's bytes in, normalised records out.
//!
//! The outer levels (resource, scope) are walked by hand and records are looked at one by one. Most are [`plain`]:
//! their bytes are kept as they are. Before prost decodes one of the others, [`shape`] has measured it: what it will take in memory is charged to the admission, and
//! where it is nested too deep or has too many attributes it is cut on the wire ([`cut`]), so that prost's
//! recursion limit is never met and no small body unfolds into a large one.

mod cut;
mod plain;
mod shape;

use std::borrow::Cow;

use bytes::Bytes;
use prost::Message;
use spandrel_store::Flags;
use spandrel_store::otlp::{InstrumentationScope, LogRecord, Resource, Span};
use spandrel_store::wire::Fields;

pub(crate) use self::plain::{PlainLog, PlainSpan};
use self::shape::Kind;
use super::Signal;
use crate::normalise::{Context, Normaliser};
use crate::refusal::Refusal;

/// Reads one export request of a signal.
pub(crate) fn read(signal: Signal, body: &Bytes, normaliser: &mut Normaliser) -> Result<(), Refusal> {
    for field in Fields::of(body) {
        if let (1, Some(group)) = field?.message() {
            read_resource_group(signal, body, group, normaliser)?;
        }
    }
    Ok(())
}

/// `ResourceSpans`, `ResourceLogs` and `ResourceMetrics`: 1 resource, 2 scope groups, 3 schema URL.
fn read_resource_group(
    signal: Signal,
    body: &Bytes,
    group: &[u8],
    normaliser: &mut Normaliser,
) -> Result<(), Refusal> {
    let header = Header::of(group)?;
    if signal == Signal::Metrics {
        return read_scope_groups(group, &mut |scope_group| count_metrics(scope_group, normaliser));
    }
    let (resource, cut) = decode_optional::<Resource>(header.context, Kind::Resource, normaliser)?;
    let resource = normaliser.resource(resource, header.schema_url, cut);
    read_scope_groups(group, &mut |scope_group| {
        let header = Header::of(scope_group)?;
        let (scope, cut) = decode_optional::<InstrumentationScope>(header.context, Kind::Scope, normaliser)?;
        let context = normaliser.scope(&resource, scope, header.schema_url, cut);
        read_records(signal, body, scope_group, &context, normaliser)
    })
}

fn read_scope_groups(
    group: &[u8],
    read: &mut dyn FnMut(&[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    for field in Fields::of(group) {
        if let (2, Some(scope_group)) = field?.message() {
            read(scope_group)?;
        }
    }
    Ok(())
}

fn read_records(
    signal: Signal,
    body: &Bytes,
    scope_group: &[u8],
    context: &Context,
    normaliser: &mut Normaliser,
) -> Result<(), Refusal> {
    for field in Fields::of(scope_group) {
        let (2, Some(record)) = field?.message() else { continue };
        match signal {
            Signal::Traces => {
                if let Some(plain) = plain::span(record, &normaliser.limits) {
                    normaliser.plain_span(context, &plain, body.slice_ref(record))?;
                    continue;
                }
                let (span, cut) = decode::<Span>(record, Kind::Span, normaliser)?;
                normaliser.span(context, span, cut)?;
            }
            Signal::Logs => {
                if let Some(plain) = plain::log(record, &normaliser.limits) {
                    normaliser.plain_log(context, &plain, body.slice_ref(record))?;
                    continue;
                }
                let (log, cut) = decode::<LogRecord>(record, Kind::LogRecord, normaliser)?;
                normaliser.log(context, log, cut, None)?;
            }
            Signal::Metrics => {}
        }
    }
    Ok(())
}

/// Metrics are counted, not decoded: under each metric (2 of the scope group) the data (5, 7, 9, 10 or 11)
/// has its points as field 1.
fn count_metrics(scope_group: &[u8], normaliser: &mut Normaliser) -> Result<(), Refusal> {
    for field in Fields::of(scope_group) {
        let (2, Some(metric)) = field?.message() else { continue };
        for data in Fields::of(metric) {
            let (5 | 7 | 9 | 10 | 11, Some(data)) = data?.message() else { continue };
            for point in Fields::of(data) {
                normaliser.data_points += u64::from(matches!(point?.message(), (1, Some(_))));
            }
        }
    }
    Ok(())
}

/// What a resource or scope group has beside its records.
struct Header<'a> {
    /// The resource or the scope; given more than once it is merged, which in protobuf is to concatenate.
    context: Option<Cow<'a, [u8]>>,
    schema_url: String,
}

impl<'a> Header<'a> {
    fn of(group: &'a [u8]) -> Result<Header<'a>, Refusal> {
        let mut header = Header { context: None, schema_url: String::new() };
        for field in Fields::of(group) {
            match field?.message() {
                (1, Some(bytes)) => match &mut header.context {
                    None => header.context = Some(Cow::Borrowed(bytes)),
                    Some(before) => before.to_mut().extend_from_slice(bytes),
                },
                (3, Some(bytes)) => {
                    header.schema_url = String::from_utf8(bytes.to_vec()).map_err(Refusal::undecodable)?;
                }
                _ => {}
            }
        }
        Ok(header)
    }
}

fn decode_optional<M: Message + Default>(
    bytes: Option<Cow<'_, [u8]>>,
    kind: Kind,
    normaliser: &mut Normaliser,
) -> Result<(Option<M>, Flags), Refusal> {
    let Some(bytes) = bytes else { return Ok((None, Flags::NONE)) };
    let (message, cut) = decode(&bytes, kind, normaliser)?;
    Ok((Some(message), cut))
}

/// Measures, cuts if need be, charges and decodes one record, resource or scope.
fn decode<M: Message + Default>(
    bytes: &[u8],
    kind: Kind,
    normaliser: &mut Normaliser,
) -> Result<(M, Flags), Refusal> {
    let mut shape = shape::measure(bytes, kind, &normaliser.limits)?;
    let mut flags = Flags::NONE;
    let mut bytes = Cow::Borrowed(bytes);
    if shape.exceeds {
        bytes = Cow::Owned(cut::cut(&bytes, kind, &normaliser.limits, &mut normaliser.cuts)?);
        flags = Flags::CUT;
        shape = shape::measure(&bytes, kind, &normaliser.limits)?;
    }
    normaliser.charge(size_of::<M>() + shape.heap_bytes)?;
    Ok((M::decode(&*bytes).map_err(Refusal::undecodable)?, flags))
}

#[cfg(test)]
mod tests;
