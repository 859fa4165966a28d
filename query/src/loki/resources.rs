//! What streams there are: their labels, the values of these, the streams themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use spandrel_store::TimeRange;
use spandrel_store::filter::{Field, Place};

use super::answer::{self, LabelMap};
use super::eval::{INDEX_LABELS, mangled};
use super::query::{about, bad_query, range_of};
use crate::api::App;
use crate::coverage::Coverage;
use crate::engine::About;
use crate::grafana::params::Asked;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::logql::{self, LogQuery, Matcher};

const SERVICE: (&str, &str) = ("service_name", "unknown_service");

/// A stream and how many entries it has.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) entries: u64,
}

pub(super) async fn labels(State(app): State<Arc<App>>, Asked(params): Asked) -> Result<Response, Refusal> {
    let matchers = matchers(&app, params.get("query"))?;
    let (streams, coverage) = streams(&app, &matchers, range_of(&params)?).await?;
    let names: BTreeSet<&String> = streams.iter().flat_map(|stream| stream.labels.keys()).collect();
    Ok(answer::list(names, &coverage))
}

pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Asked(params): Asked,
) -> Result<Response, Refusal> {
    let matchers = matchers(&app, params.get("query"))?;
    let (streams, coverage) = streams(&app, &matchers, range_of(&params)?).await?;
    let values: BTreeSet<&String> = streams.iter().filter_map(|stream| stream.labels.get(&name)).collect();
    Ok(answer::list(values, &coverage))
}

pub(super) async fn series(State(app): State<Arc<App>>, Asked(params): Asked) -> Result<Response, Refusal> {
    let range = range_of(&params)?;
    let selectors: Vec<&str> = params.all("match[]").chain(params.all("match")).collect();
    let mut found: BTreeSet<Vec<(String, String)>> = BTreeSet::new();
    let mut coverage = Coverage::new(0);
    for selector in if selectors.is_empty() { vec!["{}"] } else { selectors } {
        let matchers = matchers(&app, Some(selector))?;
        let (streams, covered) = streams(&app, &matchers, range).await?;
        found.extend(streams.into_iter().map(|stream| stream.labels.into_iter().collect()));
        coverage = covered;
    }
    Ok(answer::list(found.into_iter().map(LabelMap).collect::<Vec<_>>(), &coverage))
}

/// A selector's matchers; none for no selector, which some versions of Grafana send as `{}`.
pub(super) fn matchers(app: &App, selector: Option<&str>) -> Result<Vec<Matcher>, Refusal> {
    let Some(text) = selector else { return Ok(Vec::new()) };
    logql::selector(text, app.engine().limits()).map_err(|mistake| bad_query(text, &mistake))
}

/// The streams with entries in the range that the matchers select.
pub(super) async fn streams(
    app: &App,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<(Vec<Stream>, Coverage), Refusal> {
    let log = LogQuery { matchers: matchers.to_vec(), stages: Vec::new() };
    let about = about(&log, range);
    let attributes = index_attributes_held(app).await?;
    let by: Vec<Field> = attributes.iter().map(|name| resource(name)).collect();
    let answer = app.engine().groups(&about, &by).await?;
    unless_silent(&answer.coverage)?;
    let mut streams: BTreeMap<BTreeMap<String, String>, u64> = BTreeMap::new();
    for (key, count) in answer.body {
        let pairs = attributes.iter().zip(key);
        let labels =
            pairs.filter_map(|(name, value)| Some((mangled(name), value.filter(|v| !v.is_empty())?)));
        let mut labels: BTreeMap<String, String> = labels.collect();
        labels.entry(SERVICE.0.to_owned()).or_insert_with(|| SERVICE.1.to_owned());
        let value = |matcher: &Matcher| labels.get(&matcher.label).map_or("", String::as_str);
        if matchers.iter().all(|matcher| matcher.matches(value(matcher))) {
            *streams.entry(labels).or_default() += count;
        }
    }
    let streams = streams.into_iter().map(|(labels, entries)| Stream { labels, entries });
    Ok((streams.collect(), answer.coverage))
}

pub(super) fn resource(name: &str) -> Field {
    Field::Attribute { place: Place::Resource, name: name.to_owned() }
}

/// Of the attributes that streams are made of, those that any record has.
pub(super) async fn index_attributes_held(app: &App) -> Result<Vec<&'static str>, Refusal> {
    let answer = app.engine().fields(&About::everything()).await?;
    unless_silent(&answer.coverage)?;
    let held =
        |name: &&str| answer.body.iter().any(|field| field.place == Place::Resource && field.name == *name);
    Ok(INDEX_LABELS.into_iter().filter(held).collect())
}
