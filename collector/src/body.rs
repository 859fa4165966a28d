//! Reading a request's body within the limits of size, memory and time.
//!
//! A body that is refused is read on and thrown away, up to a bound: a client that still sends when the
//! connection is closed on it sees a broken connection instead of the refusal, and resends what can never
//! be taken.

pub(crate) mod compression;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;

use crate::admission::Admission;
use crate::refusal::Refusal;

/// A refused body is read on up to this many times the limit.
const DRAIN_FACTOR: usize = 8;

/// Of the length that a client announces, this much is believed, charged and reserved before it comes.
const RESERVED_BYTES_MAX: usize = 1 << 20;

/// How a body may come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    pub(crate) bytes_max: usize,
    pub(crate) timeout: Duration,
}

/// Reads a body whole, its bytes charged to `admission`. What it says of its length is charged before it is read, so
/// that those that wait for one another hold little: by its head, or by its first bytes, where `announced` knows more.
pub(crate) async fn read<B>(
    body: B,
    limits: BodyLimits,
    announced: fn(&[u8]) -> Option<usize>,
    admission: &mut Admission,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut body = body;
    admission.count_connection();
    let collecting = collect(&mut body, limits.bytes_max, announced, admission);
    let outcome = tokio::time::timeout(limits.timeout, collecting)
        .await
        .unwrap_or(Err(Refusal::TooSlow(limits.timeout)));
    match outcome {
        Ok(_) | Err(Refusal::TooSlow(_)) => {}
        Err(_) => {
            admission.release_body();
            discard(body, limits).await;
        }
    }
    outcome
}

/// Reads a body that was refused before its first byte, and throws it away.
pub(crate) async fn discard<B: Body<Data = Bytes> + Unpin>(body: B, limits: BodyLimits) {
    let mut body = body;
    let drain_bytes_max = limits.bytes_max.saturating_mul(DRAIN_FACTOR);
    let draining = async {
        let mut drained = 0usize;
        while let Some(Ok(frame)) = body.frame().await {
            drained = drained.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if drained > drain_bytes_max {
                break;
            }
        }
    };
    // Whether it ended or the client was too slow, the refusal is answered now.
    let _ = tokio::time::timeout(limits.timeout, draining).await;
}

async fn collect<B>(
    body: &mut B,
    bytes_max: usize,
    announced: fn(&[u8]) -> Option<usize>,
    admission: &mut Admission,
) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let too_large = Refusal::TooLarge { what: "the body", limit_bytes: bytes_max };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large);
    }
    let mut expected =
        body.size_hint().exact().map_or(0, |bytes| bytes.min(RESERVED_BYTES_MAX as u64) as usize);
    admission.grow_body_patiently(expected).await?;
    let mut charged = expected;
    let mut whole = Gathered::Nothing;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::Undecodable(format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        let length = whole.len().saturating_add(data.len());
        if length > bytes_max {
            return Err(too_large);
        }
        if whole.len() == 0 {
            expected = expected.max(announced(&data).unwrap_or(0).min(RESERVED_BYTES_MAX).min(bytes_max));
        }
        let more = length.max(expected).saturating_sub(charged);
        admission.grow_body_patiently(more).await?;
        charged += more;
        whole = whole.and(data, expected);
    }
    Ok(whole.into_bytes())
}

/// Most bodies are one frame, which is not copied.
enum Gathered {
    Nothing,
    One(Bytes),
    Many(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Gathered::Nothing => 0,
            Gathered::One(bytes) => bytes.len(),
            Gathered::Many(bytes) => bytes.len(),
        }
    }

    fn and(self, data: Bytes, expected: usize) -> Gathered {
        match self {
            Gathered::Nothing => Gathered::One(data),
            Gathered::One(first) => {
                let mut many = BytesMut::with_capacity(expected.max((first.len() + data.len()) * 2));
                many.extend_from_slice(&first);
                many.extend_from_slice(&data);
                Gathered::Many(many)
            }
            Gathered::Many(mut many) => {
                many.extend_from_slice(&data);
                Gathered::Many(many)
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Gathered::Nothing => Bytes::new(),
            Gathered::One(bytes) => bytes,
            Gathered::Many(bytes) => bytes.freeze(),
        }
    }
}

#[cfg(test)]
mod tests;
