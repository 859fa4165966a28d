//! `/api/v1/search`: the records that match.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::cursor::Cursor;
use super::describe::{Common, ListParams, SearchAnswer};
use super::problem::Problem;
use crate::render::RecordView;

/// Matching records by event time, newest first.
#[utoipa::path(get, path = "/api/v1/search", tag = "query", params(Common, ListParams), responses(
    (status = 200, description = "Records", body = SearchAnswer),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn search(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let found = app.engine.search(&asked.about, asked.after_record()?, asked.limit()).await?;
    let (answer, page) = Answer::to(&asked, found);
    answer
        .list("records", page.items.into_iter().map(RecordView::new))
        .next(page.next.map(Cursor::Record))
        .respond(asked.format)
}
