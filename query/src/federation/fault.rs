//! What went wrong between two sidecars, in gRPC's words and in ours: the one place that translates.
//!
//! The answering side says its reason in a metadata entry, because gRPC's own codes are also what a proxy or a
//! broken connection looks like. Without the entry the code and the cause decide.

use std::error::Error;
use std::io;

use tokio_rustls::rustls;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use super::wire::Garbage;
use crate::source::{PeerFault, SourceError};

const REASON: &str = "spandrel-reason";

const OLDER_HTTP: &str = "what listens there answers no HTTP/2, as a server of HTTP/1.1 alone does: is it another \
                          program, or a proxy? A peer is a sidecar's query port (7317 unless configured)";

const NO_TLS: &str =
    "it does not speak TLS, and this sidecar has certificates (security.tls): both need them, or neither";

const ONLY_TLS: &str =
    "it speaks TLS alone, and this sidecar has no certificates (security.tls): both need them, or neither";

impl From<Garbage> for SourceError {
    fn from(garbage: Garbage) -> SourceError {
        SourceError::Peer(PeerFault::Garbage, garbage.to_string())
    }
}

/// The status that stands for an error of the answering side.
pub(super) fn status_of(error: &SourceError) -> Status {
    let code = match error {
        SourceError::Deadline => Code::DeadlineExceeded,
        SourceError::Busy | SourceError::NoRoom => Code::Unavailable,
        SourceError::Rejected(_) => Code::InvalidArgument,
        SourceError::Failed(_) | SourceError::Peer(..) => Code::Internal,
        SourceError::Itself => Code::Aborted,
    };
    let mut status = Status::new(code, error.to_string());
    status.metadata_mut().insert(REASON, MetadataValue::from_static(error.reason()));
    status
}

/// The peer has answered what is no TLS as only TLS does.
pub(super) fn speaks_tls() -> SourceError {
    SourceError::Peer(PeerFault::Unauthorized, ONLY_TLS.to_owned())
}

/// What the asker makes of a status.
pub(super) fn error_of(status: &Status) -> SourceError {
    let said = status.metadata().get(REASON).and_then(|reason| reason.to_str().ok());
    let text = || status.message().to_owned();
    match said {
        Some("timeout") => SourceError::Deadline,
        Some("busy") => SourceError::Busy,
        Some("rejected") => SourceError::Rejected(text()),
        Some("itself") => SourceError::Itself,
        Some("failed") => SourceError::Failed(text()),
        Some(reason) => match PeerFault::ALL.into_iter().find(|fault| fault.as_str() == reason) {
            Some(fault) => SourceError::Peer(fault, text()),
            None => SourceError::Failed(text()),
        },
        None => unsaid(status),
    }
}

/// A status that no sidecar made: of the connection, of the decoder, of something else that listens there.
fn unsaid(status: &Status) -> SourceError {
    let fault = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => PeerFault::Unauthorized,
        Code::Unimplemented => {
            let detail = "nothing there speaks the protocol of sidecars".to_owned();
            return SourceError::Peer(PeerFault::Version, detail);
        }
        Code::OutOfRange | Code::ResourceExhausted => PeerFault::TooLarge,
        Code::DeadlineExceeded => return SourceError::Deadline,
        code => cause_of(status).unwrap_or(match code {
            Code::Internal | Code::DataLoss => PeerFault::Garbage,
            _ => PeerFault::Unreachable,
        }),
    };
    let detail = match status {
        status if is_no_tls(status) => NO_TLS.to_owned(),
        status if is_older_http(status) => OLDER_HTTP.to_owned(),
        status => innermost(status),
    };
    SourceError::Peer(fault, detail)
}

/// An HTTP/1.1 server answers the beginning of HTTP/2 with a line of text, which reads as a frame that is far too large.
fn is_older_http(status: &Status) -> bool {
    let reasons = causes(status).filter_map(|error| error.downcast_ref::<h2::Error>()?.reason());
    let older = [h2::Reason::FRAME_SIZE_ERROR, h2::Reason::HTTP_1_1_REQUIRED];
    reasons.into_iter().any(|reason| older.contains(&reason))
}

/// What came when TLS was to begin is not even a record of it.
fn is_no_tls(status: &Status) -> bool {
    let mut errors = causes(status).filter_map(|error| tls_of(error.downcast_ref::<io::Error>()?));
    errors.any(|error| *error == NOT_TLS)
}

const NOT_TLS: rustls::Error = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);

fn causes(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(status.source(), |error: &&(dyn Error + 'static)| (*error).source())
}

fn cause_of(status: &Status) -> Option<PeerFault> {
    causes(status).find_map(|error| {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::ConnectionRefused => Some(PeerFault::Refused),
                // An error of TLS comes wrapped in this kind.
                io::ErrorKind::InvalidData => Some(match tls_of(error) {
                    Some(rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)) => {
                        PeerFault::Unauthorized
                    }
                    Some(error) if *error == NOT_TLS => PeerFault::Unauthorized,
                    _ => PeerFault::Garbage,
                }),
                _ => None,
            };
        }
        let reason = error.downcast_ref::<h2::Error>()?.reason()?;
        let garbage = [
            h2::Reason::PROTOCOL_ERROR,
            h2::Reason::FRAME_SIZE_ERROR,
            h2::Reason::COMPRESSION_ERROR,
            h2::Reason::HTTP_1_1_REQUIRED,
        ];
        garbage.contains(&reason).then_some(PeerFault::Garbage)
    })
}

fn tls_of(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// The cause that says most; outer ones say little more than that there was an error.
fn innermost(status: &Status) -> String {
    let cause = causes(status).last().map(ToString::to_string);
    cause.filter(|text| !text.is_empty()).unwrap_or_else(|| status.message().to_owned())
}
