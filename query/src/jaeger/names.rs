//! Services and their operations.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;
use spandrel_store::Filter;
use spandrel_store::filter::Field;

use super::envelope::{self, Failure};
use crate::api::App;
use crate::engine::About;
use crate::grafana::params::Params;
use crate::grafana::refusal::{Refusal, unless_silent};

pub(super) async fn services(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    Ok(envelope::data(service_names(&app).await?))
}

pub(super) async fn operations_of_service(
    State(app): State<Arc<App>>,
    Path(service): Path<String>,
) -> Result<Response, Failure> {
    let operations = operation_names(&app, &service, None).await?;
    let names: BTreeSet<String> = operations.into_iter().map(|(name, _)| name).collect();
    Ok(envelope::data(names.into_iter().collect()))
}

pub(super) async fn operations(State(app): State<Arc<App>>, params: Params) -> Result<Response, Failure> {
    let Some(service) = params.get("service") else {
        return Err(Failure::bad("parameter 'service' is required"));
    };
    let operations = operation_names(&app, service, params.get("spanKind")).await?;
    let operations = operations.into_iter().map(|(name, kind)| json!({ "name": name, "spanKind": kind }));
    Ok(envelope::data(operations.collect()))
}

pub(super) async fn service_names(app: &App) -> Result<Vec<String>, Refusal> {
    let about = About { filter: spans(), ..About::everything() };
    let answer = app.engine().values(&about, &Field::Service).await?;
    unless_silent(&answer.coverage)?;
    let names: BTreeSet<String> = answer.body.into_iter().map(|(name, _)| name).collect();
    Ok(names.into_iter().collect())
}

/// Names of spans with their kinds.
pub(super) async fn operation_names(
    app: &App,
    service: &str,
    kind: Option<&str>,
) -> Result<BTreeSet<(String, String)>, Refusal> {
    let mut filter = spans().and(Filter::equals(Field::Service, service));
    if let Some(kind) = kind {
        filter = filter.and(Filter::equals(Field::SpanKind, &kind.to_lowercase()));
    }
    let about = About { filter, ..About::everything() };
    let answer = app.engine().groups(&about, &[Field::Name, Field::SpanKind]).await?;
    unless_silent(&answer.coverage)?;
    let names = answer.body.into_iter().filter_map(|(key, _)| match key.as_slice() {
        [Some(name), kind] => Some((name.clone(), jaeger_kind(kind.as_deref()))),
        _ => None,
    });
    Ok(names.collect())
}

/// Jaeger has no word for a kind that is not given.
fn jaeger_kind(kind: Option<&str>) -> String {
    kind.filter(|kind| *kind != "unspecified").unwrap_or_default().to_owned()
}

pub(super) fn spans() -> Filter {
    Filter::equals(Field::Type, "span")
}
