//! `/api/v1/fields` and their values: what can be asked for.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value as Json, json};
use spandrel_store::filter::Place;
use spandrel_store::snapshot::{FieldInfo, ValueKind};

use super::App;
use super::answer::Answer;
use super::asked::{Asked, InPath};
use super::cursor::Cursor;
use super::describe::{Common, FieldsAnswer, ListParams, ValuesAnswer};
use super::problem::Problem;
use crate::language;

/// The fields that retained records have: those of every record first, then attributes by name.
#[utoipa::path(get, path = "/api/v1/fields", tag = "query", params(Common, ListParams), responses(
    (status = 200, description = "Fields; all of them unless `limit` is given", body = FieldsAnswer),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn fields(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let (answer, attributes) = Answer::to(&asked, app.engine.fields(&asked.about).await?);
    let intrinsic = language::intrinsic_fields();
    let intrinsic = intrinsic.map(|(name, kind)| json!({ "name": name, "type": kind, "scope": "intrinsic" }));
    let all: Vec<Json> = intrinsic.chain(attributes.into_iter().map(attribute)).collect();
    let (page, next) = page(all, asked.offset()?, asked.limit_or(usize::MAX));
    answer.list("fields", page).next(next).respond(asked.format)
}

/// The values of one field among the matching records, most frequent first.
#[utoipa::path(get, path = "/api/v1/fields/{name}/values", tag = "query",
    params(("name" = String, Path, description = "As in a question: `service`, `http.route`, `attr.kind`"),
        Common, ListParams),
    responses(
        (status = 200, description = "Values with the number of records that have each", body = ValuesAnswer),
        (status = 400, description = "The question is not understood", body = Problem,
            content_type = "application/problem+json")))]
pub(super) async fn values(
    State(app): State<Arc<App>>,
    InPath(name): InPath,
    asked: Asked,
) -> Result<Response, Problem> {
    let counted = app.engine.values(&asked.about, &language::field(&name)).await?;
    let (answer, values) = Answer::to(&asked, counted);
    let (page, next) = page(values, asked.offset()?, asked.limit());
    let values = page.into_iter().map(|(value, count)| json!({ "value": value, "count": count }));
    answer.list("values", values).next(next).respond(asked.format)
}

/// A page of a list that is there whole.
pub(super) fn page<T>(all: Vec<T>, offset: usize, limit: usize) -> (Vec<T>, Option<Cursor>) {
    let end = offset.saturating_add(limit);
    let next = (end < all.len()).then_some(Cursor::Offset(end));
    (all.into_iter().skip(offset).take(limit).collect(), next)
}

fn attribute(field: FieldInfo) -> Json {
    let scope = match field.place {
        Place::Record | Place::Any => "record",
        Place::Resource => "resource",
        Place::Scope => "scope",
        Place::Event => "event",
        Place::Body => "body",
    };
    let kind = match field.kind {
        ValueKind::String => "string",
        ValueKind::Int => "int",
        ValueKind::Double => "double",
        ValueKind::Bool => "bool",
        ValueKind::Bytes => "bytes",
        ValueKind::Map => "map",
    };
    json!({ "name": field.name, "type": kind, "scope": scope })
}
