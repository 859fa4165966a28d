//! What can be filtered by, found by looking at some lines: `detected_labels`, `detected_fields` and the values
//! of a field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value as Json_, json};

use super::eval::{Entry, Kind};
use super::query::{bad_query, entries, range_of, size_of_work};
use super::resources::{matchers, streams};
use crate::api::App;
use crate::aside::put_together;
use crate::grafana::params::{Asked, Params};
use crate::grafana::refusal::Refusal;
use crate::language::logql::{self, Expr, LogQuery, Stage, bytes_of};
use crate::time::parse_duration;

/// Lines that are looked at.
const LINES_DEFAULT: usize = 1_000;

const LIMIT_DEFAULT: usize = 1_000;

/// A field that lines or their metadata have.
#[derive(Debug, Default)]
struct Detected {
    values: BTreeSet<String>,
    parsers: BTreeSet<&'static str>,
    json_path: Vec<String>,
}

pub(super) async fn labels(
    State(app): State<Arc<App>>,
    Asked(params): Asked,
) -> Result<Json<Json_>, Refusal> {
    let matchers = matchers(&app, params.get("query"))?;
    let (streams, _) = streams(&app, &matchers, range_of(&params)?).await?;
    let mut values: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (name, value) in streams.iter().flat_map(|stream| &stream.labels) {
        values.entry(name).or_default().insert(value);
    }
    let labels =
        values.into_iter().map(|(label, values)| json!({ "label": label, "cardinality": values.len() }));
    Ok(Json(json!({ "detectedLabels": labels.collect::<Vec<_>>() })))
}

pub(super) async fn fields(
    State(app): State<Arc<App>>,
    Asked(params): Asked,
) -> Result<Json<Json_>, Refusal> {
    let limit = limit(&params)?;
    let detected = detected(&app, &params).await?;
    let fields = detected.into_iter().take(limit).map(|(label, field)| {
        let parsers = (!field.parsers.is_empty()).then_some(&field.parsers);
        let mut json = json!({
            "label": label,
            "type": type_of(&field.values),
            "cardinality": field.values.len(),
            "parsers": parsers,
        });
        if !field.json_path.is_empty() {
            json["jsonPath"] = json!(field.json_path);
        }
        json
    });
    Ok(Json(json!({ "fields": fields.collect::<Vec<_>>(), "limit": limit })))
}

pub(super) async fn field_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Asked(params): Asked,
) -> Result<Json<Json_>, Refusal> {
    let limit = limit(&params)?;
    let mut detected = detected(&app, &params).await?;
    let values = detected.remove(&name).unwrap_or_default().values;
    Ok(Json(json!({ "values": values.into_iter().take(limit).collect::<Vec<_>>(), "limit": limit })))
}

fn limit(params: &Params) -> Result<usize, Refusal> {
    Ok(params.number("limit")?.filter(|limit| *limit > 0).unwrap_or(LIMIT_DEFAULT))
}

async fn detected(app: &App, params: &Params) -> Result<BTreeMap<String, Detected>, Refusal> {
    let text = params.get("query").unwrap_or("{service_name=~\".+\"}");
    let parsed = logql::parse(text, app.engine().limits()).map_err(|mistake| bad_query(text, &mistake))?;
    let Expr::Log(log) = parsed else {
        return Err(Refusal::bad("only log queries have fields"));
    };
    let lines = params.number("line_limit")?.filter(|lines| *lines > 0).unwrap_or(LINES_DEFAULT);
    let lines = lines.min(app.engine().limits().list_max);
    let parsers = parsers_of(&log);
    let (entries, _) = entries(app, log, range_of(params)?, lines, false).await?;
    let size = size_of_work(&entries);
    let work = move || {
        let mut detected = BTreeMap::new();
        entries.into_iter().for_each(|entry| look_at(entry, &parsers, &mut detected));
        detected
    };
    Ok(put_together(size, work).await?)
}

/// The parsers that the question has already.
fn parsers_of(log: &LogQuery) -> Vec<&'static str> {
    let parser = |stage: &Stage| match stage {
        Stage::Json(_) => Some("json"),
        Stage::Logfmt { .. } => Some("logfmt"),
        Stage::Regexp(_) => Some("regexp"),
        Stage::Pattern(_) => Some("pattern"),
        Stage::Unpack => Some("unpack"),
        _ => None,
    };
    log.stages.iter().filter_map(parser).collect()
}

fn look_at(mut entry: Entry, parsers: &[&'static str], detected: &mut BTreeMap<String, Detected>) {
    for label in
        entry.labels.iter().filter(|label| label.kind != Kind::Stream && !label.name.starts_with("__"))
    {
        let field = detected.entry(label.name.to_string()).or_default();
        field.values.insert(label.value.clone());
        if label.kind == Kind::Parsed {
            field.parsers.extend(parsers);
        }
    }
    if !parsers.is_empty() {
        return;
    }
    // What a parser would find.
    let before = entry.labels.len();
    let json = entry.line.trim_start().starts_with('{');
    let paths = if json { json_paths(&entry.line) } else { BTreeMap::new() };
    super::eval::parse_line(&mut entry, json);
    for label in entry.labels.iter().skip(before).filter(|label| !label.name.starts_with("__")) {
        let field = detected.entry(label.name.to_string()).or_default();
        field.values.insert(label.value.clone());
        field.parsers.insert(if json { "json" } else { "logfmt" });
        if let Some(path) = paths.get(label.name.trim_end_matches("_extracted")) {
            field.json_path.clone_from(path);
        }
    }
}

/// The keys that lead to each label of a JSON line.
fn json_paths(line: &str) -> BTreeMap<String, Vec<String>> {
    fn walk(json: &Json_, path: &mut Vec<String>, paths: &mut BTreeMap<String, Vec<String>>) {
        let Json_::Object(map) = json else { return };
        for (key, value) in map {
            path.push(key.clone());
            let names: Vec<String> = path.iter().map(|key| super::eval::mangled(key)).collect();
            paths.insert(names.join("_"), path.clone());
            walk(value, path, paths);
            path.pop();
        }
    }
    let mut paths = BTreeMap::new();
    if let Ok(json) = serde_json::from_str(line) {
        walk(&json, &mut Vec::new(), &mut paths);
    }
    paths
}

/// The type that all values read as.
fn type_of(values: &BTreeSet<String>) -> &'static str {
    let all = |reads: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| reads(value));
    if all(|value| value.parse::<i64>().is_ok()) {
        "int"
    } else if all(|value| value.parse::<f64>().is_ok()) {
        "float"
    } else if all(|value| matches!(value, "true" | "false")) {
        "boolean"
    } else if all(|value| parse_duration(value).is_some()) {
        "duration"
    } else if all(|value| bytes_of(value).is_some()) {
        "bytes"
    } else {
        "string"
    }
}
