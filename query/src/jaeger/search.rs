//! Traces: by id, and those with a span that has all that is asked for.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use spandrel_store::filter::{Comparison, Field, Operand, Place, Test};
use spandrel_store::{Filter, Record, TimeRange, TraceIdMatch, UnixNanos};

use super::envelope::{self, Failure};
use super::model;
use super::names::spans;
use crate::api::App;
use crate::aside::put_together;
use crate::engine::{About, Answer, Candidate, Scope, TraceFound};
use crate::grafana::params::Params;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::time::parse_duration;

const LIMIT_DEFAULT: usize = 100;

/// What spans are searched for, and how many of their traces.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) filter: Filter,
    pub(super) range: TimeRange,
    pub(super) limit: usize,
}

pub(crate) async fn trace(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, Failure> {
    let found = find(&app, &id).await?;
    let records = found.body.records;
    let trace_id = records.iter().find_map(|record| record.trace_id());
    let work = move |records: &[Arc<Record>]| trace_id.and_then(|trace_id| model::trace(trace_id, records));
    match put_together(records.len(), move || work(&records)).await? {
        Some(trace) => Ok(envelope::data(vec![trace])),
        None => Err(Failure::not_found()),
    }
}

pub(super) async fn search(State(app): State<Arc<App>>, params: Params) -> Result<Response, Failure> {
    let ids: Vec<&str> = params.all("traceID").collect();
    if !ids.is_empty() {
        let mut traces = Vec::new();
        for id in ids {
            let found = find(&app, id).await?;
            let trace_id = found.body.records.iter().find_map(|record| record.trace_id());
            traces.extend(trace_id.and_then(|trace_id| model::trace(trace_id, &found.body.records)));
        }
        return Ok(envelope::data(traces));
    }
    let asked = read(&params)?;
    let traces =
        candidates(&app, asked, |candidate| model::trace(candidate.trace_id, &candidate.records)).await?;
    Ok(envelope::data(traces))
}

pub(super) async fn find(app: &App, id: &str) -> Result<Answer<TraceFound>, Refusal> {
    let wanted =
        TraceIdMatch::parse(id).map_err(|error| Refusal::bad(format!("invalid trace id: {error}")))?;
    let found = app.engine().trace(&wanted, &About::everything()).await?;
    unless_silent(&found.coverage)?;
    Ok(found)
}

/// What is made of the traces with a matching span, the newest first; those of which nothing is made are left
/// out. Not more spans are in an answer than one trace may have.
pub(super) async fn candidates<T: Send + 'static>(
    app: &App,
    asked: Search,
    make: impl Fn(Candidate) -> Option<T> + Send + Sync + 'static,
) -> Result<Vec<T>, Refusal> {
    let about = About { filter: asked.filter, range: asked.range, open_start: true, scope: Scope::All };
    let (limit, records_max) = (asked.limit, app.engine().limits().trace_records_max);
    let looked = app.engine().candidates(&about, limit, (Vec::new(), 0), move |(made, records), group| {
        for candidate in group {
            *records += candidate.records.len();
            made.extend(make(candidate));
            if made.len() >= limit || *records >= records_max {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    let answer = looked.await?;
    unless_silent(&answer.coverage)?;
    Ok(answer.body.0.0)
}

fn read(params: &Params) -> Result<Search, Failure> {
    let mut filter = spans();
    if let Some(service) = params.get("service") {
        filter = filter.and(Filter::equals(Field::Service, service));
    }
    if let Some(operation) = params.get("operation").filter(|name| !name.eq_ignore_ascii_case("all")) {
        filter = filter.and(Filter::equals(Field::Name, operation));
    }
    for (name, comparison) in
        [("minDuration", Comparison::GreaterOrEqual), ("maxDuration", Comparison::LessOrEqual)]
    {
        if let Some(text) = params.get(name) {
            filter = filter.and(duration(name, comparison, text)?);
        }
    }
    if let Some(json) = params.get("tags") {
        filter = filter.and(tags_of_json(json)?);
    }
    for pair in params.all("tag") {
        let (key, value) =
            pair.split_once(':').ok_or_else(|| Failure::bad("malformed 'tag' parameter: key:value"))?;
        filter = filter.and(tag(key, value));
    }
    let time = |name: &str| -> Result<Option<UnixNanos>, Failure> {
        let Some(text) = params.get(name) else { return Ok(None) };
        let micros: u64 =
            text.parse().map_err(|_| Failure::bad(format!("unable to parse param '{name}'")))?;
        Ok(Some(UnixNanos(micros.saturating_mul(1_000))))
    };
    let start = time("start")?.unwrap_or(UnixNanos::MIN);
    let end = time("end")?.map_or(UnixNanos::MAX, |end| UnixNanos(end.0.saturating_add(1_000)));
    if start > end {
        return Err(Failure::bad("'start' is after 'end'"));
    }
    let limit = params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT);
    Ok(Search { filter, range: TimeRange { start, end }, limit })
}

pub(super) fn duration(name: &str, comparison: Comparison, text: &str) -> Result<Filter, Failure> {
    let nanos =
        parse_duration(text).ok_or_else(|| Failure::bad(format!("unable to parse param '{name}'")))?;
    Ok(Filter::is(Field::Duration, Test::Compare(comparison, Operand::from_nanos(nanos))))
}

/// `{"http.method":"GET"}`: all of them.
pub(super) fn tags_of_json(json: &str) -> Result<Filter, Failure> {
    let tags: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).map_err(|error| {
        Failure::bad(format!("malformed 'tags' parameter, expecting {{\"key\":\"value\"}}: {error}"))
    })?;
    let filters = tags.iter().map(|(key, value)| match value {
        serde_json::Value::String(text) => tag(key, text),
        other => tag(key, &other.to_string()),
    });
    Ok(filters.fold(Filter::All, Filter::and))
}

/// Some tags are no attributes but what OTLP keeps beside them.
fn tag(key: &str, value: &str) -> Filter {
    let attribute = Filter::equals(Field::Attribute { place: Place::Any, name: key.to_owned() }, value);
    let own = match (key, value) {
        ("error", "true") => Filter::equals(Field::Status, "error"),
        ("error", "false") => Filter::Not(Box::new(Filter::equals(Field::Status, "error"))),
        ("span.kind", kind) => Filter::equals(Field::SpanKind, &kind.to_lowercase()),
        ("otel.status_code", code) => Filter::equals(Field::Status, &code.to_lowercase()),
        ("otel.status_description", text) => Filter::equals(Field::StatusMessage, text),
        ("otel.scope.name", name) => Filter::equals(Field::ScopeName, name),
        ("otel.scope.version", version) => Filter::equals(Field::ScopeVersion, version),
        _ => return attribute,
    };
    Filter::Or(vec![own, attribute])
}
