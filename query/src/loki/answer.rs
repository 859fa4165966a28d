//! Loki's answers. The order of keys matters: Grafana reads them as they come.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::json;

use super::eval::{Entry, Kind, Steps, Vector};
use crate::coverage::Coverage;
use crate::grafana::refusal::shortfall;

#[derive(Debug, Serialize)]
struct Envelope<T> {
    status: &'static str,
    data: Data<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<T> {
    result_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_flags: Option<[&'static str; 1]>,
    result: Vec<T>,
    stats: serde_json::Value,
}

/// Labels as an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LabelMap(pub(super) Vec<(String, String)>);

#[derive(Debug, Serialize)]
struct Stream {
    stream: LabelMap,
    values: Vec<Line>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Plain(String, String),
    Categorized(String, String, Categories),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Categories {
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_metadata: Option<LabelMap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parsed: Option<LabelMap>,
}

#[derive(Debug, Serialize)]
pub(super) struct MatrixSeries {
    pub(super) metric: LabelMap,
    pub(super) values: Vec<(Seconds, String)>,
}

#[derive(Debug, Serialize)]
pub(super) struct VectorSample {
    pub(super) metric: LabelMap,
    pub(super) value: (Seconds, String),
}

/// Seconds since 1970, with up to three decimals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds(pub(super) u64);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0 / 1_000_000;
        match millis % 1_000 {
            0 => serializer.serialize_u64(millis / 1_000),
            _ => serializer.serialize_f64(millis as f64 / 1e3),
        }
    }
}

impl Serialize for LabelMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn respond<T: Serialize>(
    result_type: &'static str,
    categorized: bool,
    result: Vec<T>,
    coverage: &Coverage,
    lines: usize,
) -> Response {
    let encoding_flags = categorized.then_some(["categorize-labels"]);
    let stats = json!({ "summary": { "totalLinesProcessed": lines } });
    let data = Data { result_type, encoding_flags, result, stats };
    let warnings = shortfall(coverage).into_iter().collect();
    Json(Envelope { status: "success", data, warnings }).into_response()
}

/// Entries in their order, by stream. `categorized`: labels of the stream alone name it, all others stand with
/// each line; else all labels name the stream.
pub(super) fn streams(entries: Vec<Entry>, categorized: bool, coverage: &Coverage) -> Response {
    let lines = entries.len();
    let mut streams: Vec<Stream> = Vec::new();
    let mut places: std::collections::HashMap<LabelMap, usize> = std::collections::HashMap::new();
    for entry in entries {
        let labels = LabelMap(if categorized { of_kind(&entry, Kind::Stream) } else { entry.all() });
        let time = entry.time_ns.to_string();
        let line = match categorized {
            true => {
                let some = |kind| Some(LabelMap(of_kind(&entry, kind))).filter(|labels| !labels.0.is_empty());
                let (structured_metadata, parsed) = (some(Kind::Metadata), some(Kind::Parsed));
                Line::Categorized(time, entry.line, Categories { structured_metadata, parsed })
            }
            false => Line::Plain(time, entry.line),
        };
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            streams.push(Stream { stream: labels, values: Vec::new() });
            streams.len() - 1
        });
        streams[place].values.push(line);
    }
    respond("streams", categorized, streams, coverage, lines)
}

fn of_kind(entry: &Entry, kind: Kind) -> Vec<(String, String)> {
    let labels = entry.labels.iter().filter(|label| label.kind == kind && !label.value.is_empty());
    let mut labels: Vec<(String, String)> =
        labels.map(|label| (label.name.to_string(), label.value.clone())).collect();
    labels.sort();
    labels
}

/// A number as Prometheus writes it.
pub(super) fn number(number: f64) -> String {
    match number {
        number if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => number.to_string(),
    }
}

pub(super) fn matrix(vector: Vector, steps: Steps, coverage: &Coverage) -> Response {
    let series = vector.into_iter().map(|(labels, points)| MatrixSeries {
        metric: LabelMap(labels.into_iter().collect()),
        values: points
            .into_iter()
            .map(|(step, value)| (Seconds(steps.time_ns(step)), number(value)))
            .collect(),
    });
    matrix_of(series.collect(), coverage)
}

pub(super) fn matrix_of(series: Vec<MatrixSeries>, coverage: &Coverage) -> Response {
    respond("matrix", false, series, coverage, 0)
}

/// The first step's numbers.
pub(super) fn vector(vector: Vector, steps: Steps, coverage: &Coverage) -> Response {
    let samples = vector.into_iter().filter_map(|(labels, points)| {
        let (step, value) = *points.first()?;
        let metric = LabelMap(labels.into_iter().collect());
        Some(VectorSample { metric, value: (Seconds(steps.time_ns(step)), number(value)) })
    });
    vector_of(samples.collect(), coverage)
}

pub(super) fn vector_of(samples: Vec<VectorSample>, coverage: &Coverage) -> Response {
    respond("vector", false, samples, coverage, 0)
}

/// A number alone, which has no labels.
pub(super) fn scalar(value: f64, time_ns: u64) -> Response {
    let data = json!({ "resultType": "scalar", "result": (Seconds(time_ns), number(value)), "stats": {} });
    Json(json!({ "status": "success", "data": data })).into_response()
}

/// The short form of the calls about labels.
pub(super) fn list<T: Serialize>(data: T, coverage: &Coverage) -> Response {
    let warnings: Vec<String> = shortfall(coverage).into_iter().collect();
    match warnings.is_empty() {
        true => Json(json!({ "status": "success", "data": data })).into_response(),
        false => Json(json!({ "status": "success", "data": data, "warnings": warnings })).into_response(),
    }
}
