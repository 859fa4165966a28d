//! `POST /v1/json-logs`: lines of JSON or text, or a JSON array, or one object.

use axum::extract::{Request, State};
use axum::response::Response;

use crate::content;
use crate::intake::Intake;

pub(super) async fn take_in(State(intake): State<Intake>, request: Request) -> Response {
    let refusal = content::check_log_lines(request.headers()).err();
    super::turn_away(&intake, refusal.unwrap_or(crate::refusal::Refusal::UnknownPath), request).await
}
