//! A question as a gRPC call: its head and its one message, and what the head of the answer says.
//!
//! This is what tonic's client does, but that a question is whole before it is sent, and that refusals are read in HTTP's
//! own words: a sidecar refuses a wrong token, and any other server an unknown path, with an HTTP status and a body for
//! people. tonic looks at the status only after it has tried to decode the body. What is no refusal is read within what
//! the answer is granted.

use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Version};
use prost::Message as _;
use tonic::{Code, Status};

use super::channel::{Channel, Pieces};
use crate::federation::fault::error_of;
use crate::federation::grant::Grant;
use crate::federation::messages::Messages;
use crate::federation::wire::{Ask, Chunk};
use crate::source::SourceError;

const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ENCODING: &str = "grpc-encoding";
const ZSTD: &str = "zstd";

/// The messages of an answer.
pub(super) type Answer = Messages<Chunk, Pieces>;

/// Makes the call.
pub(super) async fn call(
    channel: &Channel,
    ask: &Ask,
    bearer: Option<HeaderValue>,
    grant: Arc<Grant>,
) -> Result<Answer, SourceError> {
    let (head, body) = channel.call(head(channel, bearer)?, message(ask)?).await?.into_parts();
    let is_compressed = check(head.status, &head.headers).map_err(|status| error_of(&status))?;
    Ok(Messages::new(body, is_compressed, grant))
}

fn head(channel: &Channel, bearer: Option<HeaderValue>) -> Result<Request<()>, SourceError> {
    let request = Request::post(channel.uri().clone())
        .version(Version::HTTP_2)
        .header(TE, HeaderValue::from_static("trailers"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
        .header(ACCEPT_ENCODING, HeaderValue::from_static(ZSTD))
        .header(USER_AGENT, HeaderValue::from_static(concat!("spandrel/", env!("CARGO_PKG_VERSION"))));
    let request = match bearer {
        Some(bearer) => request.header(AUTHORIZATION, bearer),
        None => request,
    };
    request.body(()).map_err(unsendable)
}

/// As gRPC frames it: whether it is compressed, its length, and itself.
fn message(ask: &Ask) -> Result<Bytes, SourceError> {
    let length = ask.encoded_len();
    let mut framed = BytesMut::with_capacity(5 + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).map_err(unsendable)?);
    ask.encode(&mut framed).map_err(unsendable)?;
    Ok(framed.freeze())
}

fn unsendable(error: impl std::fmt::Display) -> SourceError {
    SourceError::Failed(format!("the question cannot be sent: {error}"))
}

/// Whether the messages of an answer may be compressed, if it is one.
fn check(status: StatusCode, headers: &HeaderMap) -> Result<bool, Status> {
    if status != StatusCode::OK {
        return Err(refusal(status));
    }
    if let Some(status) = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok) {
        return Err(status);
    }
    match headers.get(ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(encoding) if encoding == ZSTD.as_bytes() => Ok(true),
        Some(_) => Err(Status::internal("the answer is compressed in a way that was not asked for")),
    }
}

fn refusal(status: StatusCode) -> Status {
    let code = match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => Code::PermissionDenied,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        _ => Code::Unavailable,
    };
    Status::new(code, format!("it answers {status}"))
}
