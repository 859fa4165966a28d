//! `/api/v1/traces/{trace_id}`: everything about one trace.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use spandrel_store::TraceIdMatch;

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::describe::{Common, TraceAnswer};
use super::problem::Problem;
use crate::engine::{self, TraceFound};
use crate::render::RecordView;

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
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let found = find(&app, &id, &asked).await?;
    let (answer, found) = Answer::to(&asked, found);
    let (spans, logs): (Vec<_>, Vec<_>) =
        found.records.into_iter().map(RecordView::new).partition(|view| view.record.span().is_some());
    answer
        .with("trace_id", found.trace_id.map(|id| id.to_string()))
        .list("spans", spans)
        .list("logs", logs)
        .respond(asked.format)
}

/// The trace, or 404 if it is certain that there is none.
async fn find(app: &App, id: &str, asked: &Asked) -> Result<engine::Answer<TraceFound>, Problem> {
    let wanted =
        TraceIdMatch::parse(id).map_err(|error| Problem::parameter("trace_id", error.to_string()))?;
    let found = app.engine.trace(&wanted, &asked.about).await?;
    if found.body.trace_id.is_none() && found.coverage.complete {
        let problem =
            Problem::new(StatusCode::NOT_FOUND, format!("no retained record belongs to trace `{id}`"));
        return Err(problem.with_coverage(found.coverage));
    }
    Ok(found)
}
