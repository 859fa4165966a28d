//! Refusals of Grafana's APIs: a status and plain text, which Grafana shows as it is. Its Tempo data source
//! crashed on statuses from 500 up, so that only a failure of our own has one.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::aside::BrokenOff;
use crate::coverage::{Coverage, DELETED, GONE, Missing};
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
    let names: Vec<String> = coverage.missing.iter().map(with_reason).collect();
    Err(Refusal::new(status, format!("timed out: no answer from {}", names.join(", "))))
}

/// What is missing from an answer and since when, in words; `None` where nothing is.
pub(crate) fn shortfall(coverage: &Coverage) -> Option<String> {
    if coverage.complete {
        return None;
    }
    let lost = |missing: &&Missing| what_was_lost(&missing.reason).is_some();
    let silent: Vec<String> =
        coverage.missing.iter().filter(|missing| !lost(missing)).map(with_reason).collect();
    let silent = (!silent.is_empty()).then(|| format!("no answer from {}", silent.join(", ")));
    // Of one sidecar there may be many pieces.
    let mut pieces: BTreeMap<(&str, &str), Vec<&Missing>> = BTreeMap::new();
    for missing in coverage.missing.iter().filter(lost) {
        pieces.entry((&missing.peer, &missing.reason)).or_default().push(missing);
    }
    let pieces = pieces.into_values().filter_map(|pieces| Some(in_words(pieces.first()?, &pieces)));
    let parts: Vec<String> = silent.into_iter().chain(pieces).collect();
    Some(format!("incomplete: {}", parts.join("; ")))
}

/// What is to be said of records that nobody can answer with any more; `None` where asking again may help.
fn what_was_lost(reason: &str) -> Option<&'static str> {
    match reason {
        GONE => Some("is not there any more, and with it the records that it had"),
        "set_aside" => Some("has set aside damaged records"),
        DELETED => Some("has deleted records, as retention says,"),
        _ => None,
    }
}

fn in_words(of: &Missing, pieces: &[&Missing]) -> String {
    let what = what_was_lost(&of.reason).unwrap_or_default();
    let ends: Option<Vec<(&str, &str)>> =
        pieces.iter().map(|piece| Some((piece.start.as_deref()?, piece.end.as_deref()?))).collect();
    let ends = ends.unwrap_or_default();
    let start = ends.iter().map(|(start, _)| *start).min();
    let end = ends.iter().map(|(_, end)| *end).max();
    let when = match start.zip(end) {
        Some((start, end)) => format!("from {} to {}", whole_seconds(start), whole_seconds(end)),
        None => "of a time that is not known".to_owned(),
    };
    format!("{} {what} {when}", name(of))
}

/// Of `2026-11-22T15:09:36.645000001Z` what people need.
fn whole_seconds(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

fn name(missing: &Missing) -> String {
    match &missing.service {
        Some(service) => format!("{service} ({})", missing.peer),
        None => missing.peer.clone(),
    }
}

fn with_reason(missing: &Missing) -> String {
    match &missing.service {
        Some(service) => format!("{service} ({}: {})", missing.peer, missing.reason),
        None => format!("{} ({})", missing.peer, missing.reason),
    }
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

#[cfg(test)]
mod tests;
