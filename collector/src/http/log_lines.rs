//! `POST /v1/json-logs`: lines of JSON or text, or a JSON array, or one object.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;

use crate::intake::Intake;

pub(super) async fn take_in(State(_intake): State<Intake>, _request: Request) -> Response {
    Response::new(Body::empty())
}
