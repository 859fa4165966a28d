//! `/api/v1/services`: who sends.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::describe::{Common, ListParams, ServicesAnswer};
use super::fields::page;
use super::problem::Problem;

/// The services of the matching records, by name. Records that name none are listed as `unknown_service`.
#[utoipa::path(get, path = "/api/v1/services", tag = "query", params(Common, ListParams), responses(
    (status = 200, description = "Services with their counts, summed over sidecars", body = ServicesAnswer),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn services(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let (answer, services) = Answer::to(&asked, app.engine.services(&asked.about).await?);
    let (services, next) = page(services, asked.offset()?, asked.limit());
    let services = services.into_iter().map(|service| {
        json!({
            "name": service.name,
            "spans": service.spans,
            "logs": service.logs,
            "errors": service.errors,
        })
    });
    answer.list("services", services).next(next).respond(asked.format)
}
