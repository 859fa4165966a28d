//! The messages of OTLP and the names of their fields.

use opentelemetry_proto::tonic::common::v1::EntityRef;
use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use serde::de::MapAccess;
use spandrel_store::Flags;
use spandrel_store::otlp::span::{Event, Link, SpanKind};
use spandrel_store::otlp::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, LogRecord, Resource, Span, Status,
    StatusCode, Value,
};

use super::reader::{Message, Reader, count, extend, message, nested, optional, scalar, skip, texts};
use super::scalar::Scalar;
use crate::normalise::{Normaliser, ORIGINAL_SPAN_ID, ORIGINAL_TRACE_ID, attribute};
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// A span's parent id that is no hexadecimal; the attribute keeps what was sent.
const ORIGINAL_PARENT_SPAN_ID: &str = "spandrel.original.parent_span_id";

/// `ExportTraceServiceRequest` and its like.
#[derive(Default)]
pub(super) struct Request {
    groups: Vec<ResourceGroup>,
}

/// `ResourceSpans` and its like. The resource may stand after the records, so all is read first.
#[derive(Default)]
struct ResourceGroup {
    resource: Option<Flagged<Resource>>,
    schema_url: String,
    scopes: Vec<ScopeGroup>,
}

/// `ScopeSpans` and its like.
#[derive(Default)]
struct ScopeGroup {
    scope: Option<Flagged<InstrumentationScope>>,
    schema_url: String,
    spans: Vec<Flagged<Span>>,
    logs: Vec<Flagged<LogRecord>>,
    metrics: Vec<Metric>,
}

/// A message and what was odd about it.
#[derive(Default)]
struct Flagged<T> {
    message: T,
    flags: Flags,
}

/// Of a metric only the number of its points is read.
#[derive(Default)]
struct Metric {
    data_points: u64,
}

/// What is known beside a request's logs, where they do not say it themselves.
pub(crate) struct Added<'a> {
    /// Of each resource.
    pub(crate) resource: &'a [KeyValue],
    /// Of each record.
    pub(crate) attributes: &'a [KeyValue],
}

impl Request {
    pub(super) fn add(&mut self, added: &Added<'_>) {
        for group in &mut self.groups {
            if !added.resource.is_empty() {
                add(&mut group.resource.get_or_insert_default().message.attributes, added.resource);
            }
            for log in group.scopes.iter_mut().flat_map(|scope| &mut scope.logs) {
                add(&mut log.message.attributes, added.attributes);
            }
        }
    }

    /// Hands everything to the normaliser.
    pub(super) fn hand_over(self, signal: Signal, normaliser: &mut Normaliser) -> Result<(), Refusal> {
        self.groups.into_iter().try_for_each(|group| group.hand_over(signal, normaliser))
    }
}

impl ResourceGroup {
    fn hand_over(self, signal: Signal, normaliser: &mut Normaliser) -> Result<(), Refusal> {
        if signal == Signal::Metrics {
            let metrics = self.scopes.iter().flat_map(|scope| &scope.metrics);
            normaliser.data_points += metrics.map(|metric| metric.data_points).sum::<u64>();
            return Ok(());
        }
        let (resource, flags) = Flagged::apart(self.resource);
        let resource = normaliser.resource(resource, self.schema_url, flags);
        for group in self.scopes {
            let (scope, flags) = Flagged::apart(group.scope);
            let context = normaliser.scope(&resource, scope, group.schema_url, flags);
            for span in group.spans {
                normaliser.span(&context, span.message, span.flags)?;
            }
            for log in group.logs {
                normaliser.log(&context, log.message, log.flags, None)?;
            }
        }
        Ok(())
    }
}

/// Those that are not there yet.
fn add(attributes: &mut Vec<KeyValue>, added: &[KeyValue]) {
    for attribute in added {
        if !attributes.iter().any(|known| known.key == attribute.key) {
            attributes.push(attribute.clone());
        }
    }
}

impl<T> Flagged<T> {
    fn apart(flagged: Option<Flagged<T>>) -> (Option<T>, Flags) {
        flagged.map_or((None, Flags::NONE), |flagged| (Some(flagged.message), flagged.flags))
    }
}

impl<T: Message> Message for Flagged<T> {
    const CARRIER: bool = T::CARRIER;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        self.message.field(name, map, reader)
    }

    fn finish(&mut self, reader: &mut Reader<'_>) {
        self.flags = std::mem::take(&mut reader.flags);
    }
}

impl Message for Request {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match (reader.signal, name) {
            (Signal::Traces, "resourceSpans")
            | (Signal::Logs, "resourceLogs")
            | (Signal::Metrics, "resourceMetrics") => extend(&mut self.groups, map, reader),
            _ => skip(map),
        }
    }
}

impl Message for ResourceGroup {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match (reader.signal, name) {
            (_, "resource") => self.resource = optional(map, reader)?,
            (_, "schemaUrl") => self.schema_url = scalar(map, reader)?.text()?,
            (Signal::Traces, "scopeSpans")
            | (Signal::Logs, "scopeLogs")
            | (Signal::Metrics, "scopeMetrics") => extend(&mut self.scopes, map, reader)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for ScopeGroup {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match (reader.signal, name) {
            (_, "scope") => self.scope = optional(map, reader)?,
            (_, "schemaUrl") => self.schema_url = scalar(map, reader)?.text()?,
            (Signal::Traces, "spans") => extend(&mut self.spans, map, reader)?,
            (Signal::Logs, "logRecords") => extend(&mut self.logs, map, reader)?,
            (Signal::Metrics, "metrics") => extend(&mut self.metrics, map, reader)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Metric {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "gauge" | "sum" | "histogram" | "exponentialHistogram" | "summary" => {
                self.data_points += message::<MetricData, M>(map, reader)?.points;
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct MetricData {
    points: u64,
}

impl Message for MetricData {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        _: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "dataPoints" => self.points += count(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Resource {
    const CARRIER: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "attributes" => extend(&mut self.attributes, map, reader)?,
            "droppedAttributesCount" => self.dropped_attributes_count = scalar(map, reader)?.fitting()?,
            "entityRefs" => extend(&mut self.entity_refs, map, reader)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for EntityRef {
    const COUNTED: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "schemaUrl" => self.schema_url = scalar(map, reader)?.text()?,
            "type" => self.r#type = scalar(map, reader)?.text()?,
            "idKeys" => texts(&mut self.id_keys, map, reader)?,
            "descriptionKeys" => texts(&mut self.description_keys, map, reader)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for InstrumentationScope {
    const CARRIER: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "name" => self.name = scalar(map, reader)?.text()?,
            "version" => self.version = scalar(map, reader)?.text()?,
            "attributes" => extend(&mut self.attributes, map, reader)?,
            "droppedAttributesCount" => self.dropped_attributes_count = scalar(map, reader)?.fitting()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Span {
    const CARRIER: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            // What is no hexadecimal is an id of no length, which the normaliser refuses.
            "traceId" => self.trace_id = scalar(map, reader)?.id()?.unwrap_or_default(),
            "spanId" => self.span_id = scalar(map, reader)?.id()?.unwrap_or_default(),
            "parentSpanId" => match scalar(map, reader)?.id()? {
                Ok(bytes) => self.parent_span_id = bytes,
                Err(text) => {
                    self.attributes.push(attribute(ORIGINAL_PARENT_SPAN_ID, Value::StringValue(text)));
                }
            },
            "traceState" => self.trace_state = scalar(map, reader)?.text()?,
            "flags" => self.flags = scalar(map, reader)?.fitting()?,
            "name" => self.name = scalar(map, reader)?.text()?,
            "kind" => self.kind = scalar(map, reader)?.enumeration(kind_number)?,
            "startTimeUnixNano" => self.start_time_unix_nano = scalar(map, reader)?.fitting()?,
            "endTimeUnixNano" => self.end_time_unix_nano = scalar(map, reader)?.fitting()?,
            "attributes" => extend(&mut self.attributes, map, reader)?,
            "droppedAttributesCount" => self.dropped_attributes_count = scalar(map, reader)?.fitting()?,
            "events" => extend(&mut self.events, map, reader)?,
            "droppedEventsCount" => self.dropped_events_count = scalar(map, reader)?.fitting()?,
            "links" => extend(&mut self.links, map, reader)?,
            "droppedLinksCount" => self.dropped_links_count = scalar(map, reader)?.fitting()?,
            "status" => self.status = optional(map, reader)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Event {
    const CARRIER: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "timeUnixNano" => self.time_unix_nano = scalar(map, reader)?.fitting()?,
            "name" => self.name = scalar(map, reader)?.text()?,
            "attributes" => extend(&mut self.attributes, map, reader)?,
            "droppedAttributesCount" => self.dropped_attributes_count = scalar(map, reader)?.fitting()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Link {
    const CARRIER: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "traceId" => match scalar(map, reader)?.id()? {
                Ok(bytes) => self.trace_id = bytes,
                Err(text) => self.attributes.push(attribute(ORIGINAL_TRACE_ID, Value::StringValue(text))),
            },
            "spanId" => match scalar(map, reader)?.id()? {
                Ok(bytes) => self.span_id = bytes,
                Err(text) => self.attributes.push(attribute(ORIGINAL_SPAN_ID, Value::StringValue(text))),
            },
            "traceState" => self.trace_state = scalar(map, reader)?.text()?,
            "attributes" => extend(&mut self.attributes, map, reader)?,
            "droppedAttributesCount" => self.dropped_attributes_count = scalar(map, reader)?.fitting()?,
            "flags" => self.flags = scalar(map, reader)?.fitting()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for Status {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "message" => self.message = scalar(map, reader)?.text()?,
            "code" => self.code = scalar(map, reader)?.enumeration(status_number)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for LogRecord {
    const CARRIER: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "timeUnixNano" => self.time_unix_nano = scalar(map, reader)?.fitting()?,
            "observedTimeUnixNano" => self.observed_time_unix_nano = scalar(map, reader)?.fitting()?,
            "severityNumber" => self.severity_number = scalar(map, reader)?.enumeration(severity_number)?,
            "severityText" => self.severity_text = scalar(map, reader)?.text()?,
            "body" => self.body = optional(map, reader)?,
            "attributes" => extend(&mut self.attributes, map, reader)?,
            "droppedAttributesCount" => self.dropped_attributes_count = scalar(map, reader)?.fitting()?,
            "flags" => self.flags = scalar(map, reader)?.fitting()?,
            "traceId" => match scalar(map, reader)?.id()? {
                Ok(bytes) => self.trace_id = bytes,
                Err(text) => {
                    reader.flags.insert(Flags::BAD_TRACE_ID);
                    self.attributes.push(attribute(ORIGINAL_TRACE_ID, Value::StringValue(text)));
                }
            },
            "spanId" => match scalar(map, reader)?.id()? {
                Ok(bytes) => self.span_id = bytes,
                Err(text) => {
                    reader.flags.insert(Flags::BAD_SPAN_ID);
                    self.attributes.push(attribute(ORIGINAL_SPAN_ID, Value::StringValue(text)));
                }
            },
            "eventName" => self.event_name = scalar(map, reader)?.text()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for KeyValue {
    const COUNTED: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "key" => self.key = scalar(map, reader)?.text()?,
            "value" => self.value = optional(map, reader)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl Message for AnyValue {
    const COUNTED: bool = true;

    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        let value = match name {
            "arrayValue" => nested(map, reader)?.map(Value::ArrayValue),
            "kvlistValue" => nested(map, reader)?.map(Value::KvlistValue),
            "stringValue" | "boolValue" | "intValue" | "doubleValue" | "bytesValue" => {
                let scalar = scalar(map, reader)?;
                match name {
                    _ if scalar.is_null() => None,
                    "stringValue" => Some(Value::StringValue(scalar.text()?)),
                    "boolValue" => Some(Value::BoolValue(scalar.bool()?)),
                    "intValue" => Some(int_or_double(scalar)?),
                    "doubleValue" => Some(Value::DoubleValue(scalar.double()?)),
                    _ => Some(Value::BytesValue(scalar.base64()?)),
                }
            }
            _ => return skip(map),
        };
        self.value = value.or(self.value.take());
        Ok(())
    }
}

/// A whole number that no `int64` holds is kept as a double: JavaScript's exporters write every whole number
/// as `intValue`, `1e21` too, and one attribute is no reason to refuse a request.
fn int_or_double<E: serde::de::Error>(scalar: Scalar) -> Result<Value, E> {
    let double =
        scalar.clone().double::<E>().ok().filter(|number| number.is_finite() && number.fract() == 0.0);
    match (scalar.fitting(), double) {
        (Ok(number), _) => Ok(Value::IntValue(number)),
        (Err(_), Some(number)) => Ok(Value::DoubleValue(number)),
        (Err(error), None) => Err(error),
    }
}

impl Message for ArrayValue {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "values" => extend(&mut self.values, map, reader),
            _ => skip(map),
        }
    }
}

impl Message for KeyValueList {
    fn field<'de, M: MapAccess<'de>>(
        &mut self,
        name: &str,
        map: &mut M,
        reader: &mut Reader<'_>,
    ) -> Result<(), M::Error> {
        match name {
            "values" => extend(&mut self.values, map, reader),
            _ => skip(map),
        }
    }
}

fn kind_number(name: &str) -> Option<i32> {
    SpanKind::from_str_name(name).map(|kind| kind as i32)
}

fn status_number(name: &str) -> Option<i32> {
    StatusCode::from_str_name(name).map(|code| code as i32)
}

fn severity_number(name: &str) -> Option<i32> {
    SeverityNumber::from_str_name(name).map(|severity| severity as i32)
}
