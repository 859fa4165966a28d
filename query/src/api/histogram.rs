//! `/api/v1/histogram`: how many records match, over time.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value as Json, json};

use super::App;
use super::answer::Answer;
use super::asked::Asked;
use super::describe::{Common, CountParams, HistogramAnswer};
use super::problem::Problem;
use crate::engine::CountedSeries;
use crate::render::time::Rfc3339;

/// Counts over time, a series for each combination of the values of `by`. Counts are summed over sidecars.
#[utoipa::path(get, path = "/api/v1/histogram", tag = "query", params(Common, CountParams), responses(
    (status = 200, description = "Counts; steps without records are left out", body = HistogramAnswer),
    (status = 400, description = "The question is not understood", body = Problem,
        content_type = "application/problem+json")))]
pub(super) async fn histogram(State(app): State<Arc<App>>, asked: Asked) -> Result<Response, Problem> {
    let (names, fields): (Vec<_>, Vec<_>) = asked.by()?.into_iter().unzip();
    let counted = app.engine.histogram(&asked.about, &fields, asked.step_ns()?).await?;
    let (answer, histogram) = Answer::to(&asked, counted);
    answer
        .with("step_ns", histogram.step_ns)
        .list("series", histogram.series.into_iter().map(move |series| json(&names, series)))
        .respond(asked.format)
}

fn json(names: &[String], series: CountedSeries) -> Json {
    let by: Map<String, Json> = names.iter().cloned().zip(series.key.into_iter().map(Json::from)).collect();
    let points: Vec<Json> =
        series.points.into_iter().map(|(time, count)| json!([Rfc3339(time).to_string(), count])).collect();
    json!({ "by": by, "points": points })
}
