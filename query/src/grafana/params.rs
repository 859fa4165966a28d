//! Parameters as Grafana's data sources send them: unknown ones and empty ones are ignored, the first of
//! several counts, and times come in every notation that any version uses.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use spandrel_store::{TimeRange, UnixNanos};

use super::refusal::Refusal;
use crate::time::{parse_duration, parse_time};

const SECOND_NS: u64 = 1_000_000_000;

/// Numbers up to this many digits count seconds.
const SECONDS_DIGITS_MAX: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        pairs.map(|pairs| Params(pairs.0)).map_err(|error| Refusal::bad(error.body_text()))
    }
}

/// Parameters of the path and, where they are posted as a form, of the body.
pub(crate) struct Asked(pub(crate) Params);

/// Bytes of a posted form; a query is shorter still.
const FORM_BYTES_MAX: usize = 256 << 10;

impl<S: Sync> FromRequest<S> for Asked {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Asked, Refusal> {
        let (mut parts, body) = request.into_parts();
        let mut params = Params::from_request_parts(&mut parts, state).await?;
        if parts.method == http::Method::POST {
            params.0.extend(form(body).await?);
        }
        Ok(Asked(params))
    }
}

async fn form(body: Body) -> Result<Vec<(String, String)>, Refusal> {
    let bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await;
    let bytes = bytes.map_err(|error| Refusal::bad(format!("the form cannot be read: {error}")))?;
    let text = String::from_utf8_lossy(&bytes);
    // A form is written as the query of a path is.
    let uri = format!("/?{text}").parse().map_err(|_| Refusal::bad("the body is no form"))?;
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(&uri);
    pairs.map(|pairs| pairs.0).map_err(|error| Refusal::bad(error.body_text()))
}

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// A whole number; what is none is refused.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number =
            text.parse().map_err(|_| Refusal::bad(format!("invalid {name}: `{text}` is no whole number")));
        number.map(Some)
    }

    pub(crate) fn time(&self, name: &str) -> Result<Option<UnixNanos>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let time =
            read_time(text).ok_or_else(|| Refusal::bad(format!("invalid {name}: `{text}` is no time")));
        time.map(Some)
    }

    /// A step or interval in nanoseconds: a duration, or seconds with or without a fraction.
    pub(crate) fn step_ns(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || Refusal::bad(format!("invalid {name}: `{text}` is no duration above 0"));
        read_step(text).filter(|step| *step > 0).map(Some).ok_or_else(wrong)
    }

    /// From `start` up to `end`; a whole second that is named as the end is in it. Without them, everything.
    pub(crate) fn range_in_seconds(&self) -> Result<TimeRange, Refusal> {
        let start = self.time("start")?.unwrap_or(UnixNanos::MIN);
        let mut end = self.time("end")?.unwrap_or(UnixNanos::MAX);
        if self.get("end").is_some_and(counts_seconds) {
            end = UnixNanos(end.0.saturating_add(SECOND_NS));
        }
        if start > end {
            return Err(Refusal::bad("invalid start and end: `start` is after `end`"));
        }
        Ok(TimeRange { start, end })
    }
}

fn counts_seconds(text: &str) -> bool {
    text.len() <= SECONDS_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Seconds, with or without a fraction, up to ten digits of them; nanoseconds (or whatever the size says)
/// above; RFC 3339; relative to now.
pub(crate) fn read_time(text: &str) -> Option<UnixNanos> {
    if let Ok(seconds) = text.parse::<f64>()
        && (text.contains('.') || text.contains('e'))
    {
        let nanos = seconds * SECOND_NS as f64;
        return (0.0..u64::MAX as f64).contains(&nanos).then_some(UnixNanos(nanos.round() as u64));
    }
    // Grafana's health check of Loki means 4 s after the epoch in nanoseconds; in seconds it would be 2096.
    if text.len() == SECONDS_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit()) && text >= "4" {
        return text.parse().ok().map(UnixNanos);
    }
    parse_time(text, UnixNanos::now())
}

pub(crate) fn read_step(text: &str) -> Option<u64> {
    match text.parse::<f64>() {
        Ok(seconds) => {
            let nanos = seconds * SECOND_NS as f64;
            (0.0..u64::MAX as f64).contains(&nanos).then_some(nanos.round() as u64)
        }
        Err(_) => parse_duration(text),
    }
}
