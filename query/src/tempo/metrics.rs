//! `/api/metrics/query_range` and `/api/metrics/query`: numbers over time out of spans.
//!
//! A question that each span decides for itself looks at every matching span once; one that needs the trace
//! (structural operators, aggregates, intrinsics of the trace) looks at every candidate trace as a whole.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use spandrel_store::{TimeRange, UnixNanos};

use super::calculation;
use super::eval::{Subject, Trace, holds, spans};
use super::search::{KeyValue, as_text, bad_query, double, spans_only};
use super::series::{Intervals, Measure, Overflow, Series, Spans};
use crate::api::App;
use crate::coverage::Coverage;
use crate::engine::{About, Scope};
use crate::grafana::params::Params;
use crate::grafana::refusal::{Refusal, shortfall, unless_silent};
use crate::language::traceql::{self, Asked, Metrics, Pipeline, narrow_pipeline};

const SECOND_NS: u64 = 1_000_000_000;

/// Without a start, so far back from the end.
const SINCE_DEFAULT_NS: u64 = 3_600 * SECOND_NS;

/// Steps of a range whose step is not given.
const STEPS_WANTED: u64 = 240;

const EXEMPLARS_DEFAULT: usize = 100;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RangeResponse {
    pub(super) series: Vec<RangeSeries>,
    pub(super) metrics: Jobs,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RangeSeries {
    pub(super) labels: Vec<KeyValue>,
    pub(super) samples: Vec<Sample>,
    pub(super) prom_labels: String,
    pub(super) exemplars: Vec<Exemplar>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sample {
    #[serde(serialize_with = "as_text")]
    pub(super) timestamp_ms: u64,
    #[serde(serialize_with = "double")]
    pub(super) value: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exemplar {
    pub(super) labels: Vec<KeyValue>,
    #[serde(serialize_with = "double")]
    pub(super) value: f64,
    #[serde(serialize_with = "as_text")]
    pub(super) timestamp_ms: u64,
}

/// Its keys are all that Grafana's strict reader knows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstantResponse {
    pub(super) series: Vec<InstantSeries>,
    pub(super) metrics: Jobs,
    /// What is missing; the JSON has no place for it.
    #[serde(skip)]
    pub(super) message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstantSeries {
    pub(super) labels: Vec<KeyValue>,
    #[serde(serialize_with = "double")]
    pub(super) value: f64,
    pub(super) prom_labels: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Jobs {
    pub(super) completed_jobs: u32,
    pub(super) total_jobs: u32,
}

pub(super) async fn query_range(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<RangeResponse>, Refusal> {
    range_response(&app, &params).await.map(Json)
}

pub(super) async fn range_response(app: &App, params: &Params) -> Result<RangeResponse, Refusal> {
    let range = range(params)?;
    let step_ns = params.step_ns("step")?.unwrap_or_else(|| default_step(range));
    let intervals = Intervals::aligned(range, step_ns);
    let exemplars = params.number("exemplars")?.unwrap_or(EXEMPLARS_DEFAULT);
    let (found, coverage) = run(app, params, intervals, exemplars).await?;
    let message = shortfall(&coverage).unwrap_or_default();
    let status = if message.is_empty() { "COMPLETE" } else { "PARTIAL" };
    let series = found.into_iter().map(|series| RangeSeries {
        prom_labels: series.prometheus_labels(),
        samples: series
            .points
            .iter()
            .map(|(start, value)| Sample { timestamp_ms: start / 1_000_000, value: *value })
            .collect(),
        exemplars: series
            .exemplars
            .iter()
            .map(|exemplar| Exemplar {
                labels: vec![KeyValue::text("trace:id", &exemplar.trace_id)],
                value: exemplar.value,
                timestamp_ms: exemplar.time.0 / 1_000_000,
            })
            .collect(),
        labels: series.labels,
    });
    Ok(RangeResponse { series: series.collect(), metrics: jobs(&coverage), status, message })
}

pub(super) async fn query(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<InstantResponse>, Refusal> {
    instant_response(&app, &params).await.map(Json)
}

pub(super) async fn instant_response(app: &App, params: &Params) -> Result<InstantResponse, Refusal> {
    let intervals = Intervals::one(range(params)?);
    let (found, coverage) = run(app, params, intervals, 0).await?;
    let series = found.into_iter().filter_map(|series| {
        let prom_labels = series.prometheus_labels();
        let (_, value) = *series.points.first()?;
        Some(InstantSeries { labels: series.labels, value, prom_labels })
    });
    let message = shortfall(&coverage).unwrap_or_default();
    Ok(InstantResponse { series: series.collect(), metrics: jobs(&coverage), message })
}

fn jobs(coverage: &Coverage) -> Jobs {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Jobs { completed_jobs: count(coverage.answered), total_jobs: count(coverage.asked) }
}

fn range(params: &Params) -> Result<TimeRange, Refusal> {
    let now = UnixNanos::now();
    let end = params.time("end")?.unwrap_or(now);
    let since = params.step_ns("since")?.unwrap_or(SINCE_DEFAULT_NS);
    let start = params.time("start")?.unwrap_or(UnixNanos(end.0.saturating_sub(since)));
    match start < end {
        true => Ok(TimeRange { start, end }),
        false => Err(Refusal::bad("invalid start and end: `start` is not before `end`")),
    }
}

/// So that about 240 steps cover the range, in round numbers.
fn default_step(range: TimeRange) -> u64 {
    let step = (range.end.0 - range.start.0) / STEPS_WANTED;
    let round = [3_600, 300, 60, 15, 5, 1].map(|seconds| seconds * SECOND_NS);
    match round.into_iter().find(|round| step >= *round) {
        Some(round) => step / round * round,
        None => (step / 50_000_000).max(1) * 50_000_000,
    }
}

async fn run(
    app: &App,
    params: &Params,
    intervals: Intervals,
    exemplars_max: usize,
) -> Result<(Vec<Series>, Coverage), Refusal> {
    let text = params.get("q").or_else(|| params.get("query")).unwrap_or_default();
    let limits = app.engine().limits();
    let query = traceql::parse(text, limits).map_err(|mistake| bad_query(text, &mistake))?;
    let Asked::Numbers(numbers) = query.asked else {
        return Err(Refusal::bad("invalid TraceQL query: a metrics function such as `| rate()` is missing"));
    };
    if intervals.count() > limits.histogram_points_max {
        return Err(Refusal::bad("the range is too long for this step; choose a longer step"));
    }
    let mut parts: Vec<(Pipeline, Metrics)> = Vec::new();
    numbers.visit(&mut |pipeline, metrics| parts.push((pipeline.clone(), metrics.clone())));
    let (mut series, mut coverage) = (Vec::new(), Coverage::new(0));
    for (pipeline, metrics) in parts {
        let (found, covered) = part(app, pipeline, metrics, intervals, exemplars_max).await?;
        series.push(found);
        // The answer misses what any part of it misses.
        if coverage.asked == 0 || !covered.complete {
            coverage = covered;
        }
    }
    Ok((calculation::series(&numbers, series), coverage))
}

/// The series of one metrics query.
async fn part(
    app: &App,
    pipeline: Pipeline,
    metrics: Metrics,
    intervals: Intervals,
    exemplars_max: usize,
) -> Result<(Vec<Series>, Coverage), Refusal> {
    let filter = spans_only().and(narrow_pipeline(&pipeline));
    let about = About { filter, range: intervals.range(), open_start: true, scope: Scope::All };
    let measure = Measure { metrics: Arc::new(metrics), intervals, exemplars_max };
    let spans = Spans::new(measure, app.engine().limits().histogram_points_max);
    let (spans, coverage) = match single(&pipeline, &spans.measure.metrics) {
        true => of_single_spans(app, &about, pipeline, spans).await?,
        false => of_traces(app, &about, pipeline, spans).await?,
    };
    unless_silent(&coverage)?;
    let series = spans.into_series().map_err(|Overflow| {
        Refusal::too_much("too many series: group by fewer attributes, or choose a longer step")
    })?;
    Ok((series, coverage))
}

/// Whether each span decides for itself.
fn single(pipeline: &Pipeline, metrics: &Metrics) -> bool {
    let grouped = metrics.by.iter().any(|attribute| attribute.needs_trace());
    pipeline.of_single_spans().is_some() && !grouped && !metrics.function.needs_trace()
}

async fn of_single_spans(
    app: &App,
    about: &About,
    pipeline: Pipeline,
    spans: Spans,
) -> Result<(Spans, Coverage), Refusal> {
    let folded = app.engine().fold(about, spans, move |spans, record| {
        let (Some(expr), Some(subject)) = (pipeline.of_single_spans(), Subject::alone(record)) else {
            return ControlFlow::Continue(());
        };
        match holds(expr, &subject) {
            true => spans.observe(&subject),
            false => ControlFlow::Continue(()),
        }
    });
    let answer = folded.await?;
    Ok((answer.body, answer.coverage))
}

async fn of_traces(
    app: &App,
    about: &About,
    pipeline: Pipeline,
    spans_seen: Spans,
) -> Result<(Spans, Coverage), Refusal> {
    let wanted = app.engine().limits().list_max;
    let looked = app.engine().candidates(about, wanted, spans_seen, move |seen, group| {
        for candidate in group {
            let trace = Trace::of(candidate.trace_id, &candidate.records);
            for found in spans(&pipeline, &trace) {
                let subjects = found.spans.iter().filter_map(|index| Subject::in_trace(&trace, *index));
                for subject in subjects {
                    seen.observe(&subject)?;
                }
            }
        }
        ControlFlow::Continue(())
    });
    let answer = looked.await?;
    let (spans, all) = answer.body;
    if !all {
        let max = app.engine().limits().question_traces_max;
        return Err(Refusal::too_much(format!(
            "not all traces could be looked at, for there are more than {max} or time ran out; narrow the query"
        )));
    }
    Ok((spans, answer.coverage))
}
