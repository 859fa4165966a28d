//! Bodies of Loki's push API: streams with labels, each with entries of a time, a line and structured metadata.
//!
//! The labels become attributes of a resource, those that Loki makes of OpenTelemetry's own under the names that
//! they come from; so that a stream that was pushed is found by its labels in this program's own Loki API.

mod json;
mod labels;
mod protobuf;

use spandrel_store::Flags;
use spandrel_store::otlp::KeyValue;

use crate::entries::{Entry, Gathering, Owner};
use crate::json_log::Beside;
use crate::refusal::Refusal;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushForm {
    Protobuf,
    Json,
}

/// Reads what a request pushes, decompressed.
pub(crate) fn read(form: PushForm, body: &[u8], gathering: &mut Gathering) -> Result<(), Refusal> {
    match form {
        PushForm::Json => json::read(body, gathering),
        PushForm::Protobuf => protobuf::read(body, gathering),
    }
}

/// A stream, and what its labels say of each of its entries.
struct Stream {
    owner: Owner,
    beside: Beside,
}

impl Stream {
    fn of(labels: Vec<(String, String)>, gathering: &mut Gathering) -> Stream {
        let attributes = labels::resource(labels);
        let beside = gathering.beside(&attributes);
        Stream { owner: gathering.owner(attributes), beside }
    }

    fn entry(
        &self,
        nanoseconds: i128,
        line: &[u8],
        metadata: Vec<KeyValue>,
        flags: Flags,
        gathering: &mut Gathering,
    ) -> Result<(), Refusal> {
        let beside = gathering.beside(&metadata).or(&self.beside).at(nanoseconds);
        let attributes = beside.without_ids(metadata);
        gathering.entry(Entry { owner: &self.owner, line, original: Some(line), beside, attributes, flags })
    }
}

#[cfg(test)]
mod tests;
