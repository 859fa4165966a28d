//! `/api/v1/traces/{trace_id}`, its errors and its timeline.
//!
//! A question with an id is about the whole trace. `q`, `start` and `end` choose which of its records the answer
//! lists; its head (times, services, flags) and the root cause are always those of the whole trace.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use spandrel_store::snapshot::TraceRecords;
use spandrel_store::{Record, RecordId, TraceIdMatch};

use super::App;
use super::answer::Answer;
use super::asked::{Asked, Format, InPath};
use super::describe::{Common, ErrorsAnswer, TimelineAnswer, TraceAnswer};
use super::problem::Problem;
use crate::aside::put_together;
use crate::coverage::Coverage;
use crate::engine::{self, About, TraceFound};
use crate::render::otlp::OtlpJson;
use crate::trace::TraceView;

/// Of an answer in OTLP, which has no place for it, the header with the coverage as JSON.
const COVERAGE_HEADER: &str = "spandrel-coverage";

/// Every span and log of a trace. The id may be in any notation.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}", tag = "trace",
    params(("trace_id" = String, Path, description = "Hexadecimal, decimal, traceparent, B3, X-Ray, UUID"),
        Common),
    responses(
        (status = 200, description = "The trace", body = TraceAnswer),
        (status = 400, description = "No trace id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such trace, and nothing is missing from the answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn trace(
    State(app): State<Arc<App>>,
    InPath(id): InPath,
    asked: Asked,
) -> Result<Response, Problem> {
    let (id, found, listed) = find(&app, &id, &asked).await?;
    if asked.format == Format::Otlp {
        if asked.complete_only && !found.coverage.complete {
            return Err(Problem::incomplete(found.coverage));
        }
        return otlp(found, listed).await;
    }
    let (answer, found) = Answer::to(&asked, found);
    let answer = answer.warn(listed.warning());
    let trace = analyse(id, found, move |view| {
        let mut trace = view.to_trace();
        trace.spans.retain(|view| listed.has(view.record.id));
        trace.logs.retain(|view| listed.has(view.record.id));
        trace
    })
    .await?;
    let answer = answer
        .with("trace_id", &trace.trace_id)
        .with("start", trace.start)
        .with("duration_ns", trace.duration_ns)
        .with("services", trace.services)
        .list("spans", trace.spans)
        .list("logs", trace.logs)
        .with("flags", trace.flags);
    if_truncated(answer, trace.truncated).respond(asked.format)
}

/// Every error of a trace in order, the root cause, and the path from it to the entry.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/errors", tag = "trace",
    params(("trace_id" = String, Path, description = "Hexadecimal, decimal, traceparent, B3, X-Ray, UUID"),
        Common),
    responses(
        (status = 200, description = "What failed", body = ErrorsAnswer),
        (status = 400, description = "No trace id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such trace, and nothing is missing from the answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn errors(
    State(app): State<Arc<App>>,
    InPath(id): InPath,
    asked: Asked,
) -> Result<Response, Problem> {
    let (id, found, listed) = find(&app, &id, &asked).await?;
    let (answer, found) = Answer::to(&asked, found);
    analyse(id, found, move |view| {
        let mut errors = view.errors();
        errors.errors.retain(|error| listed.has(error.record));
        let answer = answer
            .warn(listed.warning())
            .with("trace_id", &errors.trace_id)
            .list("errors", owned(&errors.errors))
            .with("root_cause", &errors.root_cause)
            .with("path", &errors.path)
            .with("contributing", &errors.contributing);
        if_truncated(answer, errors.truncated)
    })
    .await?
    .respond(asked.format)
}

/// Spans' starts and ends, events and logs as one sequence.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/timeline", tag = "trace",
    params(("trace_id" = String, Path, description = "Hexadecimal, decimal, traceparent, B3, X-Ray, UUID"),
        Common),
    responses(
        (status = 200, description = "What happened, in order", body = TimelineAnswer),
        (status = 400, description = "No trace id", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such trace, and nothing is missing from the answer", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    InPath(id): InPath,
    asked: Asked,
) -> Result<Response, Problem> {
    let (id, found, listed) = find(&app, &id, &asked).await?;
    let (answer, found) = Answer::to(&asked, found);
    let answer = answer.warn(listed.warning());
    let timeline = analyse(id, found, move |view| {
        let mut timeline = view.timeline();
        timeline.events.retain(|moment| listed.has(moment.record.id));
        timeline
    })
    .await?;
    let answer = answer.with("trace_id", &timeline.trace_id).list("events", timeline.events);
    if_truncated(answer, timeline.truncated).respond(asked.format)
}

/// The records of a trace that an answer lists.
struct Listed {
    /// `None`: all.
    ids: Option<HashSet<RecordId>>,
    /// How many the trace has.
    of: usize,
}

impl Listed {
    fn of(records: &[Arc<Record>], about: &About) -> Listed {
        let some =
            || records.iter().filter(|record| about.concerns(record)).map(|record| record.id).collect();
        Listed { ids: (!about.is_everything()).then(some), of: records.len() }
    }

    fn has(&self, id: RecordId) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&id))
    }

    /// Says so where the trace has more records than are listed.
    fn warning(&self) -> Option<String> {
        let (listed, of) = (self.ids.as_ref()?.len(), self.of);
        (listed < of).then(|| {
            format!(
                "{listed} of the trace's {of} records match `q`, `start` and `end`; only these are listed"
            )
        })
    }
}

/// The trace and which of its records are listed, or 404 if it is certain that there is none.
async fn find(
    app: &App,
    id: &str,
    asked: &Asked,
) -> Result<(TraceIdMatch, engine::Answer<TraceFound>, Listed), Problem> {
    let wanted =
        TraceIdMatch::parse(id).map_err(|error| Problem::parameter("trace_id", error.to_string()))?;
    let found = app.engine.trace(&wanted, &asked.about).await?;
    if found.body.records.is_empty() && found.coverage.complete {
        let detail = format!("no retained record belongs to trace `{id}`");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail).with_coverage(found.coverage));
    }
    let listed = Listed::of(&found.body.records, &asked.about);
    Ok((wanted, found, listed))
}

/// Puts the trace together and does something with it.
async fn analyse<T: Send + 'static>(
    id: TraceIdMatch,
    found: TraceFound,
    work: impl FnOnce(TraceView) -> T + Send + 'static,
) -> Result<T, Problem> {
    let records = TraceRecords { records: found.records, truncated: found.truncated };
    Ok(put_together(records.records.len(), move || work(TraceView::assemble(&id, records))).await?)
}

/// Items that borrow from the trace, as JSON of their own.
fn owned<T: Serialize>(items: &[T]) -> Vec<Box<RawValue>> {
    items.iter().filter_map(|item| to_raw_value(item).ok()).collect()
}

fn if_truncated(answer: Answer, truncated: bool) -> Answer {
    if truncated { answer.with("truncated", true) } else { answer }
}

async fn otlp(found: engine::Answer<TraceFound>, listed: Listed) -> Result<Response, Problem> {
    let (mut records, coverage) = (found.body.records, found.coverage);
    records.retain(|record| listed.has(record.id));
    let body = put_together(records.len(), move || serde_json::to_vec(&OtlpJson(&records))).await?;
    let body = body.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(COVERAGE_HEADER, coverage_header(&coverage));
    Ok(response)
}

fn coverage_header(coverage: &Coverage) -> HeaderValue {
    // A detail may hold what a header cannot; that there is something missing is said all the same.
    let text = serde_json::to_string(coverage).unwrap_or_default();
    let brief = || HeaderValue::from_static(if coverage.complete { "complete" } else { "incomplete" });
    HeaderValue::try_from(text).unwrap_or_else(|_| brief())
}
