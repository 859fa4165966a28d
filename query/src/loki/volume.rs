//! How much there is: `index/stats`, `index/volume` and `index/volume_range`.
//!
//! Entries are counted; bytes are their number times the mean length of the newest lines of the stream, so that
//! no line has to be read for a number that is only looked at. Loki's own numbers are those of whole chunks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use spandrel_store::TimeRange;

use super::answer::{self, LabelMap, MatrixSeries, Seconds, VectorSample};
use super::eval::{Entry, stream_labels};
use super::query::{about, range_of};
use super::resources::{Stream, StreamKind, matchers, streams};
use crate::api::App;
use crate::coverage::Coverage;
use crate::grafana::params::{Asked, Params};
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::logql::{LogQuery, Matcher};

/// Lines that are measured.
const SAMPLE_LINES: usize = 1_000;

const LIMIT_DEFAULT: usize = 100;

type Labels = BTreeMap<String, String>;

/// The mean length of the lines of each stream, and of all.
struct Lengths {
    of_streams: BTreeMap<Labels, f64>,
    overall: f64,
}

pub(super) async fn stats(State(app): State<Arc<App>>, Asked(params): Asked) -> Result<Response, Refusal> {
    let (matchers, range) = (matchers(&app, params.get("query"))?, range_of(&params)?);
    let (streams, _) = streams(&app, &matchers, range).await?;
    let lengths = lengths(&app, &matchers, range).await?;
    let entries: u64 = streams.iter().map(|stream| stream.entries).sum();
    let bytes: u64 = streams.iter().map(|stream| lengths.bytes(stream)).sum();
    let count = streams.len();
    Ok(Json(json!({ "streams": count, "chunks": count, "bytes": bytes, "entries": entries })).into_response())
}

pub(super) async fn volume(State(app): State<Arc<App>>, Asked(params): Asked) -> Result<Response, Refusal> {
    let (matchers, range) = (matchers(&app, params.get("query"))?, range_of(&params)?);
    let (streams, coverage) = streams(&app, &matchers, range).await?;
    let lengths = lengths(&app, &matchers, range).await?;
    let shown = shown_labels(&params, &matchers);
    let mut volumes: BTreeMap<Labels, u64> = BTreeMap::new();
    for stream in &streams {
        for labels in volume_labels(&stream.labels, &shown, by_labels(&params)) {
            *volumes.entry(labels).or_default() += lengths.bytes(stream);
        }
    }
    let samples = largest(volumes, |bytes| *bytes, limit(&app, &params)?).into_iter();
    let samples = samples.map(|(labels, bytes)| VectorSample {
        metric: LabelMap(labels.into_iter().collect()),
        value: (Seconds(range.end.0 / 1_000_000_000 * 1_000_000_000), bytes.to_string()),
    });
    Ok(answer::vector_of(samples.collect(), &coverage))
}

pub(super) async fn volume_range(
    State(app): State<Arc<App>>,
    Asked(params): Asked,
) -> Result<Response, Refusal> {
    let (matchers, range) = (matchers(&app, params.get("query"))?, range_of(&params)?);
    let step_ns = params.step_ns("step")?;
    let lengths = lengths(&app, &matchers, range).await?;
    let shown = shown_labels(&params, &matchers);
    let (counted, coverage) = counted(&app, &matchers, range, step_ns).await?;
    let mut volumes: BTreeMap<Labels, BTreeMap<u64, u64>> = BTreeMap::new();
    for (labels, points) in counted {
        for shown in volume_labels(&labels, &shown, by_labels(&params)) {
            let of_labels = volumes.entry(shown).or_default();
            for (time, entries) in &points {
                let stream = Stream { labels: labels.clone(), entries: *entries };
                *of_labels.entry(*time).or_default() += lengths.bytes(&stream);
            }
        }
    }
    let total = |points: &BTreeMap<u64, u64>| points.values().sum();
    let series = largest(volumes, total, limit(&app, &params)?).into_iter();
    let series = series.map(|(labels, points)| MatrixSeries {
        metric: LabelMap(labels.into_iter().collect()),
        values: points.into_iter().map(|(time, bytes)| (Seconds(time), bytes.to_string())).collect(),
    });
    Ok(answer::matrix_of(series.collect(), &coverage))
}

type Counted = Vec<(Labels, Vec<(u64, u64)>)>;

/// Entries of each stream over time.
async fn counted(
    app: &App,
    matchers: &[Matcher],
    range: TimeRange,
    step_ns: Option<u64>,
) -> Result<(Counted, Coverage), Refusal> {
    let log = LogQuery { matchers: matchers.to_vec(), stages: Vec::new() };
    let about = about(&log, range);
    let (mut counted, mut coverage) = (Counted::new(), Coverage::new(0));
    for kind in StreamKind::all(app).await? {
        let answer = app.engine().histogram(&kind.among(&about), &kind.by(), step_ns).await?;
        unless_silent(&answer.coverage)?;
        for series in answer.body.series {
            let labels = kind.labels(series.key);
            let value = |matcher: &Matcher| labels.get(&matcher.label).map_or("", String::as_str);
            if matchers.iter().all(|matcher| matcher.matches(value(matcher))) {
                counted
                    .push((labels, series.points.into_iter().map(|(time, count)| (time.0, count)).collect()));
            }
        }
        coverage = answer.coverage;
    }
    Ok((counted, coverage))
}

fn limit(app: &App, params: &Params) -> Result<usize, Refusal> {
    let max = app.engine().limits().list_max;
    Ok(params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT).min(max))
}

fn by_labels(params: &Params) -> bool {
    params.get("aggregateBy") == Some("labels")
}

/// The labels that volumes are told by: those asked for, else those that the selector names.
fn shown_labels(params: &Params, matchers: &[Matcher]) -> BTreeSet<String> {
    match params.get("targetLabels") {
        Some(labels) => labels.split(',').map(|label| label.trim().to_owned()).collect(),
        None => matchers.iter().map(|matcher| matcher.label.clone()).collect(),
    }
}

/// What a stream counts for: the series of the labels shown, or each label's name.
fn volume_labels(labels: &Labels, shown: &BTreeSet<String>, by_labels: bool) -> Vec<Labels> {
    let shown = labels.iter().filter(|(name, _)| shown.is_empty() || shown.contains(*name));
    match by_labels {
        true => shown.map(|(name, _)| Labels::from([(name.clone(), String::new())])).collect(),
        false => {
            let series: Labels = shown.map(|(name, value)| (name.clone(), value.clone())).collect();
            if series.is_empty() { Vec::new() } else { vec![series] }
        }
    }
}

/// The largest first.
fn largest<T>(volumes: BTreeMap<Labels, T>, size: impl Fn(&T) -> u64, limit: usize) -> Vec<(Labels, T)> {
    let mut volumes: Vec<(Labels, T)> = volumes.into_iter().collect();
    volumes.sort_by_key(|(_, volume)| Reverse(size(volume)));
    volumes.truncate(limit);
    volumes
}

async fn lengths(app: &App, matchers: &[Matcher], range: TimeRange) -> Result<Lengths, Refusal> {
    let log = LogQuery { matchers: matchers.to_vec(), stages: Vec::new() };
    let answer = app.engine().search(&about(&log, range), None, SAMPLE_LINES).await?;
    let mut of_streams: BTreeMap<Labels, (f64, f64)> = BTreeMap::new();
    let (mut bytes, mut lines) = (0.0, 0.0);
    for record in &answer.body.items {
        let Some(entry) = Entry::of(record, false) else { continue };
        let length = entry.line.len() as f64;
        let of_stream = of_streams.entry(stream_labels(record).into_iter().collect()).or_default();
        *of_stream = (of_stream.0 + length, of_stream.1 + 1.0);
        (bytes, lines) = (bytes + length, lines + 1.0);
    }
    let means = of_streams.into_iter().map(|(labels, (bytes, lines))| (labels, bytes / lines));
    Ok(Lengths { of_streams: means.collect(), overall: if lines > 0.0 { bytes / lines } else { 0.0 } })
}

impl Lengths {
    fn bytes(&self, stream: &Stream) -> u64 {
        let mean = self.of_streams.get(&stream.labels).copied().unwrap_or(self.overall);
        (mean * stream.entries as f64).round() as u64
    }
}
