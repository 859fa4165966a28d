//! What every answer of the older API stands in.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::aside::BrokenOff;
use crate::engine::Rejected;
use crate::grafana::refusal::Refusal;

/// A refusal as this API writes it.
#[derive(Debug)]
pub(crate) struct Failure(Refusal);

/// Written as it is: made into values of JSON first, a large trace takes ten times its text.
#[derive(Serialize)]
struct Envelope<T> {
    data: Vec<T>,
    total: usize,
    limit: usize,
    offset: usize,
    errors: Option<()>,
}

pub(super) fn data<T: Serialize>(data: Vec<T>) -> Response {
    let total = data.len();
    Json(Envelope { data, total, limit: 0, offset: 0, errors: None }).into_response()
}

/// The tab *Monitor* of Jaeger's UI asks for numbers that Prometheus has, from `/metrics/traces`.
pub(super) async fn no_metrics() -> Failure {
    Failure(Refusal::new(StatusCode::NOT_IMPLEMENTED, "metrics querying is currently disabled"))
}

impl Failure {
    pub(super) fn bad(text: impl Into<String>) -> Failure {
        Failure(Refusal::bad(text))
    }

    pub(super) fn into_refusal(self) -> Refusal {
        self.0
    }

    pub(super) fn not_found() -> Failure {
        Failure(Refusal::new(StatusCode::NOT_FOUND, "trace not found"))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure(refusal)
    }
}

impl From<BrokenOff> for Failure {
    fn from(broken: BrokenOff) -> Failure {
        Failure(broken.into())
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Failure {
        Failure(rejected.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Refusal { status, text } = self.0;
        let errors = json!([{ "code": status.as_u16(), "msg": text }]);
        let body = json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors });
        (status, Json(body)).into_response()
    }
}
