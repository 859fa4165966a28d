//! The parameters that calls share, read and checked in one place.
//!
//! What is given is held to its notation, whatever the call; what nobody knows is ignored.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use spandrel_store::filter::Field;
use spandrel_store::snapshot::Position;
use spandrel_store::{Filter, TimeRange, UnixNanos};

use super::App;
use super::cursor::Cursor;
use super::problem::Problem;
use crate::engine::{About, Scope, TracesPlace};
use crate::language;
use crate::time::{parse_step, parse_time};

/// Items of a page when `limit` is not given.
const LIMIT_DEFAULT: usize = 100;

/// A request's parameters.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) about: About,
    pub(super) format: Format,
    /// As asked for, cut to `limits.list_max`; `None` if not given.
    limit: Option<usize>,
    cursor: Option<Cursor>,
    /// What the asker should know about the parameters.
    pub(super) warnings: Vec<String>,
    /// `require=complete`: an answer from which something is missing is refused.
    pub(super) complete_only: bool,
    params: Params,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    /// One item per line, the coverage in the last.
    Ndjson,
    /// OTLP's own JSON, for a trace.
    Otlp,
}

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Asked, Problem> {
        let params = Params::read(parts)?;
        let now = UnixNanos::now();
        let limits = app.engine.limits();
        let filter = match params.get("q")? {
            Some(q) => language::parse(q, limits, now).map_err(|error| Problem::syntax("q", error))?,
            None => Filter::All,
        };
        let (range, open_start) = params.range(now)?;
        let mut warnings = Vec::new();
        let limit = params.limit()?.map(|limit| {
            if limit > limits.list_max {
                warnings.push(format!("limit was cut to {}", limits.list_max));
            }
            limit.min(limits.list_max)
        });
        Ok(Asked {
            about: About { filter, range, open_start, scope: params.scope()? },
            format: params.format()?,
            limit,
            cursor: params.cursor()?,
            warnings,
            complete_only: params.complete_only()?,
            params,
        })
    }
}

/// The variable part of a path, decoded.
#[derive(Debug)]
pub(super) struct InPath(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for InPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<InPath, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| InPath(text)).map_err(|rejection| {
            let detail = "the path has percent-encoded bytes that are not UTF-8; encode its text as UTF-8";
            Problem::new(rejection.status(), detail)
        })
    }
}

impl Asked {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT)
    }

    pub(super) fn limit_or(&self, default: usize) -> usize {
        self.limit.unwrap_or(default)
    }

    pub(super) fn after_record(&self) -> Result<Option<Position>, Problem> {
        match self.cursor {
            None => Ok(None),
            Some(Cursor::Record(position)) => Ok(Some(position)),
            Some(_) => Err(bad_cursor()),
        }
    }

    pub(super) fn after_traces(&self) -> Result<Option<TracesPlace>, Problem> {
        match &self.cursor {
            None => Ok(None),
            Some(Cursor::Trace(place)) => Ok(Some(place.clone())),
            Some(_) => Err(bad_cursor()),
        }
    }

    pub(super) fn offset(&self) -> Result<usize, Problem> {
        match self.cursor {
            None => Ok(0),
            Some(Cursor::Offset(offset)) => Ok(offset),
            Some(_) => Err(bad_cursor()),
        }
    }

    /// `by`: fields, apart by commas or in parameters of their own, with their names as given.
    pub(super) fn by(&self) -> Result<Vec<(String, Field)>, Problem> {
        const FIELDS_MAX: usize = 4;
        let names = self.params.all("by").flat_map(|names| names.split(',')).map(str::trim);
        let by: Vec<(String, Field)> = names
            .filter(|name| !name.is_empty())
            .map(|name| (name.to_owned(), language::field(name)))
            .collect();
        match by.len() > FIELDS_MAX {
            true => Err(Problem::parameter("by", format!("at most {FIELDS_MAX} fields to count by"))),
            false => Ok(by),
        }
    }

    /// `step` in nanoseconds.
    pub(super) fn step_ns(&self) -> Result<Option<u64>, Problem> {
        let Some(text) = self.params.get("step")? else { return Ok(None) };
        let wrong = || format!("`{text}` is no duration such as 30s or 5m, and no number of seconds");
        parse_step(text).map(Some).ok_or_else(|| Problem::parameter("step", wrong()))
    }
}

fn bad_cursor() -> Problem {
    Problem::parameter("cursor", "this is no cursor of this list; take `next_cursor` of its last page")
}

/// Bytes that are not UTF-8 would be replaced on decoding, and something else be looked for than was asked.
fn check_encoding(query: &str) -> Result<(), Problem> {
    let is_text = |part: &str| percent_decode_str(part).decode_utf8().is_ok();
    let Some(pair) = query.split('&').find(|pair| !is_text(pair)) else { return Ok(()) };
    let name = pair.split('=').next().filter(|name| is_text(name)).unwrap_or("query");
    let detail = format!("`{name}` has percent-encoded bytes that are not UTF-8; encode its text as UTF-8");
    Err(Problem::parameter(name, detail))
}

/// The decoded query string.
#[derive(Debug)]
struct Params(Vec<(String, String)>);

impl Params {
    fn read(parts: &Parts) -> Result<Params, Problem> {
        check_encoding(parts.uri.query().unwrap_or_default())?;
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = pairs.map_err(|error| Problem::parameter("query", error.body_text()))?;
        Ok(Params(pairs.0))
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that may be given once; an empty one counts as not given.
    fn get(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        let first = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Problem::parameter(name, format!("`{name}` is given more than once"))),
        }
    }

    fn time(&self, name: &str, now: UnixNanos) -> Result<Option<UnixNanos>, Problem> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let wrong = || {
            let detail = format!(
                "`{text}` is no time: RFC 3339, seconds, milli-, micro- or nanoseconds since 1970, or -15m"
            );
            Problem::parameter(name, detail)
        };
        parse_time(text, now).map(Some).ok_or_else(wrong)
    }

    /// The asked range, and whether it was left open where it begins.
    fn range(&self, now: UnixNanos) -> Result<(TimeRange, bool), Problem> {
        let (start, end) = (self.time("start", now)?, self.time("end", now)?);
        let range = TimeRange { start: start.unwrap_or(UnixNanos::MIN), end: end.unwrap_or(UnixNanos::MAX) };
        match range.start > range.end {
            true => Err(Problem::parameter("start", "`start` is after `end`")),
            false => Ok((range, start.is_none())),
        }
    }

    fn scope(&self) -> Result<Scope, Problem> {
        match self.get("scope")? {
            None | Some("all") => Ok(Scope::All),
            Some("local") => Ok(Scope::Local),
            Some(_) => Err(Problem::parameter("scope", "`scope` is `all` or `local`")),
        }
    }

    fn complete_only(&self) -> Result<bool, Problem> {
        match self.get("require")? {
            None => Ok(false),
            Some("complete") => Ok(true),
            Some(_) => Err(Problem::parameter("require", "`require` is `complete`, or not given")),
        }
    }

    fn format(&self) -> Result<Format, Problem> {
        match self.get("format")? {
            None | Some("json") => Ok(Format::Json),
            Some("ndjson") => Ok(Format::Ndjson),
            Some("otlp") => Ok(Format::Otlp),
            Some(_) => {
                Err(Problem::parameter("format", "`format` is `json` or `ndjson`, or `otlp` of a trace"))
            }
        }
    }

    fn limit(&self) -> Result<Option<usize>, Problem> {
        let Some(text) = self.get("limit")? else { return Ok(None) };
        match text.parse() {
            Ok(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(Problem::parameter("limit", format!("`{text}` is no whole number above 0"))),
        }
    }

    fn cursor(&self) -> Result<Option<Cursor>, Problem> {
        let Some(text) = self.get("cursor")? else { return Ok(None) };
        Cursor::decode(text).map(Some).ok_or_else(bad_cursor)
    }
}
