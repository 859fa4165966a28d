//! The status of a call, as a span's attributes tell it, where it is a failure.
//!
//! After the semantic conventions, in their present and their former names. For HTTP a 5xx is a failure to
//! everyone, a 4xx to the client only. For gRPC every code but OK is a failure to the client; to the server
//! those are that say that it failed, not that it was asked for something it doesn't have.

use std::fmt;

use spandrel_store::otlp::{Span, Value};
use spandrel_store::record::{SpanExt, attribute};

/// How a call failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CallStatus<'a> {
    Http(i64),
    Grpc(GrpcCode<'a>),
}

/// A gRPC code, or what another RPC system calls its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GrpcCode<'a> {
    Number(i64),
    Name(&'a str),
}

impl<'a> CallStatus<'a> {
    /// The status of the call that the span stands for, if it is a failure.
    pub(super) fn failed(span: &'a Span) -> Option<CallStatus<'a>> {
        let grpc = grpc_code(span).filter(|code| code.failed(span.kind_name() == "server"));
        grpc.map(CallStatus::Grpc).or_else(|| {
            let code = http_code(span)?;
            let failed = code >= 500 || (code >= 400 && span.kind_name() == "client");
            failed.then_some(CallStatus::Http(code))
        })
    }

    pub(super) fn evidence(&self) -> super::Evidence {
        match self {
            CallStatus::Http(_) => super::Evidence::Http,
            CallStatus::Grpc(_) => super::Evidence::Grpc,
        }
    }
}

fn http_code(span: &Span) -> Option<i64> {
    ["http.response.status_code", "http.status_code"].iter().find_map(|key| {
        let value = attribute(&span.attributes, key)?.value.as_ref()?;
        match value {
            Value::IntValue(code) => Some(*code),
            Value::DoubleValue(code) => Some(*code as i64),
            Value::StringValue(text) => text.trim().parse().ok(),
            _ => None,
        }
    })
}

fn grpc_code(span: &Span) -> Option<GrpcCode<'_>> {
    ["rpc.grpc.status_code", "rpc.response.status_code"].iter().find_map(|key| {
        match attribute(&span.attributes, key)?.value.as_ref()? {
            Value::IntValue(code) => Some(GrpcCode::Number(*code)),
            Value::DoubleValue(code) => Some(GrpcCode::Number(*code as i64)),
            Value::StringValue(text) => Some(match text.trim().parse() {
                Ok(code) => GrpcCode::Number(code),
                Err(_) => GrpcCode::Name(text.trim()),
            }),
            _ => None,
        }
    })
}

/// gRPC's codes in their order.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl GrpcCode<'_> {
    fn failed(&self, at_server: bool) -> bool {
        match self.number() {
            Some(0) => false,
            Some(code) if at_server => matches!(code, 2 | 4 | 12..=15),
            Some(_) => true,
            None => !matches!(self, GrpcCode::Name("")),
        }
    }

    /// The code's number, if it is one of gRPC's.
    fn number(&self) -> Option<i64> {
        match self {
            GrpcCode::Number(code) => Some(*code),
            GrpcCode::Name(name) => {
                let place = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
                i64::try_from(place).ok()
            }
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            GrpcCode::Number(code) => NAMES.get(usize::try_from(*code).ok()?).copied(),
            GrpcCode::Name(name) => Some(name),
        }
    }
}

impl fmt::Display for CallStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallStatus::Http(code) => write!(f, "HTTP {code}"),
            CallStatus::Grpc(code) => {
                f.write_str("gRPC")?;
                code.number().map_or(Ok(()), |number| write!(f, " {number}"))?;
                code.name().map_or(Ok(()), |name| write!(f, " {name}"))
            }
        }
    }
}
