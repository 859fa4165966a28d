//! Refusals of Grafana's APIs: a status and plain text, which Grafana shows as it is. Its Tempo data source
//! crashed on statuses from 500 up, so that only a failure of our own has one.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::aside::BrokenOff;
use crate::coverage::Coverage;
use crate::engine::Rejected;

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Refusal {
        Refusal { status, text: text.into() }
    }

    /// The question is at fault.
    pub(crate) fn bad(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, text)
    }

    /// The question asks for more than an answer may take.
    pub(crate) fn too_much(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text)
    }
}

/// Refused, if nobody answered: an empty answer would say that there is nothing.
pub(crate) fn unless_silent(coverage: &Coverage) -> Result<(), Refusal> {
    if coverage.asked == 0 || coverage.answered > 0 {
        return Ok(());
    }
    let busy = coverage.missing.iter().all(|missing| missing.reason == "busy");
    let status = if busy { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::GATEWAY_TIMEOUT };
    Err(Refusal::new(status, format!("timed out: no answer from {}", missing_names(coverage))))
}

/// What is missing from an answer, in words; `None` where nothing is.
pub(crate) fn shortfall(coverage: &Coverage) -> Option<String> {
    (!coverage.complete).then(|| format!("incomplete: nothing from {}", missing_names(coverage)))
}

fn missing_names(coverage: &Coverage) -> String {
    let names = coverage.missing.iter().map(|missing| match &missing.service {
        Some(service) => format!("{service} ({}: {})", missing.peer, missing.reason),
        None => format!("{} ({})", missing.peer, missing.reason),
    });
    names.collect::<Vec<_>>().join(", ")
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Refusal {
        Refusal::bad(rejected.0)
    }
}

impl From<BrokenOff> for Refusal {
    fn from(broken: BrokenOff) -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, broken.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
