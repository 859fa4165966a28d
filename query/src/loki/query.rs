//! `query_range` and `query`: lines, and numbers out of lines.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use spandrel_store::{TimeRange, UnixNanos};

use super::answer;
use super::eval::{Entry, Pipeline, Steps, index_attributes};
use super::metric;
use crate::api::App;
use crate::aside::put_together;
use crate::coverage::Coverage;
use crate::engine::{About, Scope};
use crate::grafana::params::Asked;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::logql::{self, Expr, LogQuery, Matcher, Measured, Metric, narrow};
use crate::language::mistake::Mistake;

const LIMIT_DEFAULT: usize = 100;

/// Answers of this size are not written on the threads that serve connections.
const BYTES_OF_A_MOMENT: usize = 256 << 10;
const SECOND_NS: u64 = 1_000_000_000;

/// Without a start, so far back from the end.
const SINCE_DEFAULT_NS: u64 = 3_600 * SECOND_NS;

/// Steps of a range whose step is not given.
const STEPS_WANTED: u64 = 250;

/// Steps that Loki allows for.
const STEPS_MAX: u64 = 11_000;

/// What Grafana sends to have labels by where they are from.
const ENCODING_FLAGS: &str = "x-loki-response-encoding-flags";

pub(super) async fn range(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(params): Asked,
) -> Result<Response, Refusal> {
    let range = range_of(&params)?;
    match parsed(&app, params.get("query").unwrap_or_default())? {
        Expr::Log(log) => {
            let forward = match params.get("direction").map(str::to_ascii_lowercase).as_deref() {
                None | Some("backward") => false,
                Some("forward") => true,
                Some(_) => return Err(Refusal::bad("invalid direction: `forward` or `backward`")),
            };
            let limit = params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT);
            let limit = limit.min(app.engine().limits().list_max);
            let (entries, coverage) = entries(&app, log, range, limit, forward).await?;
            let (categorized, size) = (categorized(&headers), size_of_work(&entries));
            Ok(put_together(size, move || answer::streams(entries, categorized, &coverage)).await?)
        }
        Expr::Metric(metric) => {
            let step_ns = match params.step_ns("step")? {
                Some(step) => step,
                None => ((range.end.0 - range.start.0) / STEPS_WANTED / SECOND_NS).max(1) * SECOND_NS,
            };
            let count = (range.end.0 - range.start.0) / step_ns + 1;
            if count > STEPS_MAX {
                return Err(Refusal::bad(
                    "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of \
                     the step parameter",
                ));
            }
            let steps = Steps { start_ns: range.start.0, step_ns, count: count as usize };
            if let Metric::Number(_) = metric {
                return Err(Refusal::bad("a number alone has no series; ask for `vector(…)`"));
            }
            let (vector, coverage) = metric::run(&app, &metric, steps).await?;
            Ok(answer::matrix(vector, steps, &coverage))
        }
    }
}

pub(super) async fn instant(State(app): State<Arc<App>>, Asked(params): Asked) -> Result<Response, Refusal> {
    let time = params.time("time")?.unwrap_or_else(UnixNanos::now);
    let steps = Steps { start_ns: time.0, step_ns: 1, count: 1 };
    match parsed(&app, params.get("query").unwrap_or_default())? {
        Expr::Log(_) => Err(Refusal::bad(
            "log queries are not supported as an instant query type, please change your query to a range query type",
        )),
        Expr::Metric(Metric::Number(number)) => Ok(answer::scalar(number, time.0)),
        Expr::Metric(metric) => {
            let (vector, coverage) = metric::run(&app, &metric, steps).await?;
            Ok(answer::vector(vector, steps, &coverage))
        }
    }
}

/// The question written anew.
pub(super) async fn format(
    State(app): State<Arc<App>>,
    Asked(params): Asked,
) -> Result<Json<serde_json::Value>, Refusal> {
    let text = params.get("query").unwrap_or_default();
    let formatted = logql::format(text, app.engine().limits());
    let formatted = formatted.map_err(|mistake| bad_query(text, &mistake))?;
    Ok(Json(json!({ "status": "success", "data": formatted })))
}

pub(super) fn categorized(headers: &HeaderMap) -> bool {
    let flags = headers.get_all(ENCODING_FLAGS).into_iter().filter_map(|value| value.to_str().ok());
    flags.flat_map(|value| value.split(',')).any(|flag| flag.trim() == "categorize-labels")
}

/// From `start` up to `end`, by default the last hour.
pub(super) fn range_of(params: &crate::grafana::params::Params) -> Result<TimeRange, Refusal> {
    let end = params.time("end")?.unwrap_or_else(UnixNanos::now);
    let since = params.step_ns("since")?.unwrap_or(SINCE_DEFAULT_NS);
    let start = params.time("start")?.unwrap_or(UnixNanos(end.0.saturating_sub(since)));
    match start <= end {
        true => Ok(TimeRange { start, end }),
        false => Err(Refusal::bad(
            "invalid start and end: end timestamp must not be before or equal to start time",
        )),
    }
}

fn parsed(app: &App, text: &str) -> Result<Expr, Refusal> {
    let expr = logql::parse(text, app.engine().limits()).map_err(|mistake| bad_query(text, &mistake))?;
    match &expr {
        Expr::Log(log) => selects_something(&log.matchers)?,
        Expr::Metric(metric) => {
            for (leaf, _) in super::eval::leaves(metric) {
                selects_something(&leaf.log.matchers)?;
            }
        }
    }
    Ok(expr)
}

pub(super) fn bad_query(text: &str, mistake: &Mistake) -> Refusal {
    Refusal::bad(mistake.located(text))
}

pub(super) fn selects_something(matchers: &[Matcher]) -> Result<(), Refusal> {
    if matchers.iter().any(|matcher| !matcher.matched.passes_empty()) {
        return Ok(());
    }
    Err(Refusal::bad(
        "queries require at least one regexp or equality matcher that does not have an empty-compatible value. For \
         instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will",
    ))
}

/// The lines that a function looks at: after the first step's range begins, up to the last step's end.
pub(super) fn about_range(measured: &Measured, steps: Steps) -> About {
    let shift = |time: i128| {
        let time = time - i128::from(measured.offset_ns) + 1;
        UnixNanos(u64::try_from(time.max(0)).unwrap_or(u64::MAX))
    };
    let first = i128::from(steps.start_ns) - i128::from(measured.range_ns);
    let last = i128::from(steps.time_ns(steps.count - 1));
    about(&measured.log, TimeRange { start: shift(first), end: shift(last) })
}

pub(super) fn about(log: &LogQuery, range: TimeRange) -> About {
    About { filter: narrow(log, &index_attributes), range, open_start: true, scope: Scope::All }
}

struct Collected {
    pipeline: Pipeline,
    limit: usize,
    /// The oldest are asked for: the newest go when it gets too many.
    forward: bool,
    entries: VecDeque<Entry>,
    bytes: usize,
}

/// What [`put_together`] is told of what there is to do with these: their number, unless they are large.
pub(super) fn size_of_work(entries: &[Entry]) -> usize {
    let bytes: usize = entries.iter().map(Entry::bytes).sum();
    if bytes <= BYTES_OF_A_MOMENT { entries.len() } else { usize::MAX }
}

/// The lines that the question answers with, in the asked direction.
pub(super) async fn entries(
    app: &App,
    log: LogQuery,
    range: TimeRange,
    limit: usize,
    forward: bool,
) -> Result<(Vec<Entry>, Coverage), Refusal> {
    let about = about(&log, range);
    let bytes_max = app.engine().limits().answer_bytes_max;
    let (pipeline, entries) = (Pipeline::new(log), VecDeque::new());
    let collected = Collected { pipeline, limit, forward, entries, bytes: 0 };
    let folded = app.engine().fold(&about, collected, move |collected, record| {
        let passed = Entry::of(record, true).and_then(|entry| collected.pipeline.run(entry));
        let Some(passed) = passed else { return ControlFlow::Continue(()) };
        collected.bytes += passed.entry.bytes();
        collected.entries.push_back(passed.entry);
        if collected.bytes > bytes_max.as_usize() {
            return ControlFlow::Break(());
        }
        if collected.entries.len() < collected.limit {
            return ControlFlow::Continue(());
        }
        if !collected.forward {
            return ControlFlow::Break(());
        }
        if collected.entries.len() > collected.limit {
            let oldest = collected.entries.pop_front();
            collected.bytes -= oldest.map_or(0, |oldest| oldest.bytes());
        }
        ControlFlow::Continue(())
    });
    let answer = folded.await?;
    unless_silent(&answer.coverage)?;
    if answer.body.bytes > bytes_max.as_usize() {
        return Err(Refusal::bad(format!(
            "the lines and their labels have more than {bytes_max} (limits.answer_bytes_max); ask for fewer by \
             `limit` or time"
        )));
    }
    let mut entries: Vec<Entry> = answer.body.entries.into();
    if forward {
        entries.reverse();
    }
    Ok((entries, answer.coverage))
}
