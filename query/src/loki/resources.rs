//! What streams there are: their labels, the values of these, the streams themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use spandrel_store::filter::{Field, Place};
use spandrel_store::record::streams::STREAM_ATTRIBUTES;
use spandrel_store::{Filter, Receiver, TimeRange};

use super::answer::{self, LabelMap};
use super::eval::mangled;
use super::query::{about, bad_query, range_of};
use crate::api::App;
use crate::coverage::Coverage;
use crate::engine::About;
use crate::grafana::params::Asked;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::logql::{self, LogQuery, Matcher};

/// Names of labels that pushed streams are told apart by.
const PUSHED_LABELS_MAX: usize = 100;

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
    let mut streams: BTreeMap<BTreeMap<String, String>, u64> = BTreeMap::new();
    let mut coverage = Coverage::new(0);
    for kind in StreamKind::all(app).await? {
        let answer = app.engine().groups(&kind.among(&about), &kind.by()).await?;
        unless_silent(&answer.coverage)?;
        for (key, count) in answer.body {
            let labels = kind.labels(key);
            let value = |matcher: &Matcher| labels.get(&matcher.label).map_or("", String::as_str);
            if matchers.iter().all(|matcher| matcher.matches(value(matcher))) {
                *streams.entry(labels).or_default() += count;
            }
        }
        coverage = answer.coverage;
    }
    let streams = streams.into_iter().map(|(labels, entries)| Stream { labels, entries });
    Ok((streams.collect(), coverage))
}

/// Streams whose labels are made of the same attributes.
pub(super) struct StreamKind {
    /// Their records.
    filter: Filter,
    attributes: Vec<String>,
}

impl StreamKind {
    /// Those that were pushed, if there are any: they keep the labels they were pushed with. And all others.
    pub(super) async fn all(app: &App) -> Result<Vec<StreamKind>, Refusal> {
        let engine = app.engine();
        let fields = engine.fields(&About::everything()).await?;
        unless_silent(&fields.coverage)?;
        let of_resource = fields.body.into_iter().filter(|field| field.place == Place::Resource);
        let held: BTreeSet<String> = of_resource.map(|field| field.name).collect();
        let of_push = Filter::equals(Field::Source, Receiver::LokiPush.as_str());
        let pushed = About { filter: of_push.clone(), ..About::everything() };
        let any_pushed = engine.groups(&pushed, &[]).await?.body.iter().any(|(_, count)| *count > 0);
        let indexed =
            held.iter().filter(|name| STREAM_ATTRIBUTES.contains(&name.as_str())).cloned().collect();
        if !any_pushed {
            return Ok(vec![StreamKind { filter: Filter::All, attributes: indexed }]);
        }
        Ok(vec![
            StreamKind { filter: Filter::Not(Box::new(of_push.clone())), attributes: indexed },
            StreamKind { filter: of_push, attributes: held.into_iter().take(PUSHED_LABELS_MAX).collect() },
        ])
    }

    /// The records of this kind among those asked for.
    pub(super) fn among(&self, about: &About) -> About {
        About { filter: about.filter.clone().and(self.filter.clone()), ..about.clone() }
    }

    /// What its streams are grouped by.
    pub(super) fn by(&self) -> Vec<Field> {
        let resource = |name: &String| Field::Attribute { place: Place::Resource, name: name.clone() };
        self.attributes.iter().map(resource).collect()
    }

    /// The labels of a group of records.
    pub(super) fn labels(&self, key: Vec<Option<String>>) -> BTreeMap<String, String> {
        let pairs = self.attributes.iter().zip(key);
        let labels =
            pairs.filter_map(|(name, value)| Some((mangled(name), value.filter(|v| !v.is_empty())?)));
        let mut labels: BTreeMap<String, String> = labels.collect();
        labels.entry(SERVICE.0.to_owned()).or_insert_with(|| SERVICE.1.to_owned());
        labels
    }
}
