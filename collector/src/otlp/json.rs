//! OTLP in JSON: a request's text in, normalised records out.
//!
//! Protobuf's JSON with OTLP's own rules: ids in hexadecimal, enums as integers. Read as leniently as the
//! specification allows: integers as numbers or text, enum names, lowerCamelCase and snake_case, absent
//! fields and null, unknown fields skipped. `opentelemetry-proto`'s own reader is stricter than that in most
//! of these and has no limits.
//!
//! Invariants: recursion follows the schema and the nesting limit, everything else is skipped without
//! recursion, so serde_json's own depth limit is never met. What is held is charged as it is read.

mod messages;
mod reader;
mod scalar;

use serde::de::DeserializeSeed as _;

pub(crate) use self::messages::Added;
use self::messages::Request;
use self::reader::{MessageSeed, Reader};
use super::Signal;
use crate::lenient::mended_body;
use crate::normalise::Normaliser;
use crate::refusal::Refusal;

/// Reads one export request of a signal.
pub(crate) fn read(signal: Signal, body: &[u8], normaliser: &mut Normaliser) -> Result<(), Refusal> {
    request(signal, body, normaliser)?.hand_over(signal, normaliser)
}

/// Reads a request of logs to which something is to be added.
pub(crate) fn read_logs(body: &[u8], added: &Added<'_>, normaliser: &mut Normaliser) -> Result<(), Refusal> {
    let mut request = request(Signal::Logs, body, normaliser)?;
    request.add(added);
    request.hand_over(Signal::Logs, normaliser)
}

fn request(signal: Signal, body: &[u8], normaliser: &mut Normaliser) -> Result<Request, Refusal> {
    if body.trim_ascii() == b"null" {
        return Err(Refusal::undecodable("null is no request, at line 1"));
    }
    let body = mended_body(body);
    let mut json = serde_json::Deserializer::from_slice(&body);
    let mut reader = Reader::new(signal, normaliser);
    let request = MessageSeed::<Request>::new(&mut reader).deserialize(&mut json);
    let refusal = reader.refusal.take();
    let request = request.and_then(|request| json.end().map(|()| request));
    request.map_err(|error| refusal.unwrap_or_else(|| Refusal::undecodable(error)))
}

#[cfg(test)]
mod tests;
