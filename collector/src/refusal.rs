//! Why a request was not taken, and how each protocol says so.
//!
//! The one place where a refusal becomes an HTTP status or a gRPC code. What can never be taken has a status
//! that no client resends; what may be taken later has one that says when to come back.

use std::time::Duration;

use ::http::StatusCode;
use spandrel_store::AppendError;
use tonic::Code;

/// A request, or a whole chunk of lines, that was not kept.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the body cannot be decoded: {0}")]
    Undecodable(String),
    #[error("nothing in the request can be kept: {0}")]
    NothingValid(String),
    #[error("{sent}; send {expected}")]
    ContentType { sent: String, expected: &'static str },
    #[error("unsupported content encoding; send gzip, deflate, zstd or identity")]
    ContentEncoding,
    #[error("{what} is larger than the limit of {limit_bytes} bytes")]
    TooLarge { what: &'static str, limit_bytes: usize },
    #[error("the request was not sent within {} s", .0.as_secs_f64())]
    TooSlow(Duration),
    #[error("too many records in flight; try again")]
    Overloaded { retry_after: Duration },
    #[error("{reason}")]
    Unavailable { reason: String, cause: Reason, retry_after: Duration },
    #[error(
        "no such path; there are /v1/traces, /v1/logs, /v1/metrics, /v1/json-logs, /loki/api/v1/push and /_bulk"
    )]
    UnknownPath,
    #[error("this method is not served here")]
    WrongMethod,
    #[error("requests of web pages (with an Origin header) are not taken")]
    WebPage,
}

impl From<spandrel_store::wire::Malformed> for Refusal {
    fn from(malformed: spandrel_store::wire::Malformed) -> Refusal {
        Refusal::undecodable(malformed)
    }
}

/// The closed set of reasons that counters know, of requests and of single records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Undecodable,
    NothingValid,
    ContentType,
    ContentEncoding,
    TooLarge,
    TooSlow,
    Overloaded,
    StorageFull,
    StorageFailed,
    ShuttingDown,
    UnknownPath,
    WrongMethod,
    WebPage,
    BadTraceId,
    BadSpanId,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Reason::Undecodable => "undecodable",
            Reason::NothingValid => "nothing_valid",
            Reason::ContentType => "content_type",
            Reason::ContentEncoding => "content_encoding",
            Reason::TooLarge => "too_large",
            Reason::TooSlow => "too_slow",
            Reason::Overloaded => "overloaded",
            Reason::StorageFull => "storage_full",
            Reason::StorageFailed => "storage_failed",
            Reason::ShuttingDown => "shutting_down",
            Reason::UnknownPath => "unknown_path",
            Reason::WrongMethod => "wrong_method",
            Reason::WebPage => "web_page",
            Reason::BadTraceId => "bad_trace_id",
            Reason::BadSpanId => "bad_span_id",
        }
    }
}

impl Refusal {
    pub(crate) fn undecodable(error: impl std::fmt::Display) -> Refusal {
        Refusal::Undecodable(error.to_string())
    }

    /// `sent` is the media type of the request, if it has one. It is told as far as it is short and plain.
    pub(crate) fn content_type(sent: Option<&str>, expected: &'static str) -> Refusal {
        const CHARS_MAX: usize = 64;
        let is_plain = |c: &char| c.is_ascii_graphic();
        let sent = match sent {
            None => "no content type".to_owned(),
            Some(sent) => {
                let shown: String = sent.chars().filter(is_plain).take(CHARS_MAX).collect();
                format!("unsupported content type `{shown}`")
            }
        };
        Refusal::ContentType { sent, expected }
    }

    pub(crate) fn reason(&self) -> Reason {
        match self {
            Refusal::Undecodable(_) => Reason::Undecodable,
            Refusal::NothingValid(_) => Reason::NothingValid,
            Refusal::ContentType { .. } => Reason::ContentType,
            Refusal::ContentEncoding => Reason::ContentEncoding,
            Refusal::TooLarge { .. } => Reason::TooLarge,
            Refusal::TooSlow(_) => Reason::TooSlow,
            Refusal::Overloaded { .. } => Reason::Overloaded,
            Refusal::Unavailable { cause, .. } => *cause,
            Refusal::UnknownPath => Reason::UnknownPath,
            Refusal::WrongMethod => Reason::WrongMethod,
            Refusal::WebPage => Reason::WebPage,
        }
    }

    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Refusal::Undecodable(_) | Refusal::NothingValid(_) => StatusCode::BAD_REQUEST,
            Refusal::ContentType { .. } | Refusal::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Refusal::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::UnknownPath => StatusCode::NOT_FOUND,
            Refusal::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::WebPage => StatusCode::FORBIDDEN,
        }
    }

    /// Only RESOURCE_EXHAUSTED with RetryInfo, UNAVAILABLE and DEADLINE_EXCEEDED are resent by OTLP clients.
    pub(crate) fn grpc_code(&self) -> Code {
        match self {
            Refusal::Undecodable(_)
            | Refusal::NothingValid(_)
            | Refusal::TooLarge { .. }
            | Refusal::ContentType { .. } => Code::InvalidArgument,
            Refusal::WebPage => Code::PermissionDenied,
            Refusal::TooSlow(_) => Code::DeadlineExceeded,
            Refusal::Overloaded { .. } => Code::ResourceExhausted,
            Refusal::Unavailable { .. } => Code::Unavailable,
            Refusal::ContentEncoding | Refusal::UnknownPath | Refusal::WrongMethod => Code::Unimplemented,
        }
    }

    /// When to come back; `None` where coming back is of no use.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Refusal::Overloaded { retry_after } | Refusal::Unavailable { retry_after, .. } => {
                Some(*retry_after)
            }
            _ => None,
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Refusal {
        let retry_after = error.retry_after();
        let cause = match error {
            AppendError::Overloaded { .. } => return Refusal::Overloaded { retry_after },
            AppendError::StorageFull { .. } | AppendError::Checkpoints { .. } => Reason::StorageFull,
            // Coming back is of no use: no deletion makes room for it.
            AppendError::TooLarge { bytes_max } => {
                let limit_bytes = usize::try_from(bytes_max).unwrap_or(usize::MAX);
                return Refusal::TooLarge {
                    what: "the request (storage.retention.max_bytes bounds it)",
                    limit_bytes,
                };
            }
            AppendError::Journal { .. } => Reason::StorageFailed,
            AppendError::Closed => Reason::ShuttingDown,
        };
        Refusal::Unavailable { reason: error.to_string(), cause, retry_after }
    }
}
