//! `/api/v1/traces`: the traces that match.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::cursor::Cursor;
use super::describe::{Common, ListParams, TracesAnswer};
use super::problem::Problem;

/// Traces of which one record matches all of `q`, ordered by their newest matching record.
#[utoipa::path(get, path = "/api/v1/traces", tag = "query", params(Common, ListParams), responses(
    (status = 200, description = "Traces, each summed up over all sidecars", body = TracesAnswer),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn traces(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let found = app.engine.traces(&asked.about, asked.after_traces()?, asked.limit()).await?;
    let (answer, page) = Answer::to(&asked, found);
    answer
        .list("traces", page.items.into_iter().map(|overview| overview.summary))
        .next(page.next.map(Cursor::Trace))
        .respond(asked.format)
}
