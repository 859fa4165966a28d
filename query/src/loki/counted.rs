//! Questions that only count entries by labels that the store knows of: Explore's volume histogram, the counts of
//! Logs Drilldown. The store counts; no entry is read.
//!
//! Every label that the question names is counted by, so that what is selected is decided here, on the very text of
//! the values: the answer is the same as that of reading each entry.

use spandrel_store::Receiver;
use spandrel_store::filter::{Field, Place};
use spandrel_store::record::streams::STREAM_ATTRIBUTES;

use super::eval::{Samples, Steps, mangled};
use super::query::about_range;
use crate::api::App;
use crate::engine::Answer;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::logql::{Grouping, LabelFilter, Matcher, Measured, RangeFunction, Stage};

const UNKNOWN_SERVICE: &str = "unknown_service";
const UNKNOWN_LEVEL: &str = "unknown";

/// What is counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Service,
    /// `detected_level`.
    Level,
    /// A resource attribute that streams are told apart by.
    Stream(&'static str),
    /// `level`, which is an attribute if anything has one: of the record, its scope, or its resource.
    Attribute(&'static str),
}

/// Attributes that may be counted by though they are no streams': Grafana names them in its histograms.
const ATTRIBUTES: [&str; 1] = ["level"];

const PLACES: [Place; 3] = [Place::Record, Place::Scope, Place::Resource];

/// A question that can be counted.
pub(super) struct Plan {
    labels: Vec<(String, Key)>,
    /// What entries have to pass.
    matchers: Vec<Matcher>,
    grouped: Vec<String>,
}

impl Plan {
    /// `None` where entries have to be looked at.
    pub(super) fn of(measured: &Measured, grouping: Option<&Grouping>) -> Option<Plan> {
        let grouping = grouping.filter(|grouping| !grouping.without)?;
        if !matches!(measured.function, RangeFunction::Count | RangeFunction::Rate) {
            return None;
        }
        let mut plan = Plan {
            labels: Vec::new(),
            matchers: measured.log.matchers.clone(),
            grouped: grouping.labels.clone(),
        };
        for stage in &measured.log.stages {
            match stage {
                Stage::Label(filter) => plan.filter(filter)?,
                // Nothing went wrong yet that could be dropped.
                Stage::Drop(dropped) if dropped.iter().all(|(name, _)| is_about_errors(name)) => {}
                _ => return None,
            }
        }
        let matched: Vec<String> = plan.matchers.iter().map(|matcher| matcher.label.clone()).collect();
        for label in plan.grouped.clone().into_iter().chain(matched) {
            if !is_about_errors(&label) && !plan.labels.iter().any(|(known, _)| *known == label) {
                let key = Key::of(&label)?;
                plan.labels.push((label, key));
            }
        }
        Some(plan)
    }

    /// Conditions that all have to hold. Ids are compared in any notation, so that they are no labels to count by.
    fn filter(&mut self, filter: &LabelFilter) -> Option<()> {
        match filter {
            LabelFilter::And(left, right) => {
                self.filter(left)?;
                self.filter(right)
            }
            LabelFilter::Match(matcher) => {
                self.matchers.push(matcher.clone());
                Some(())
            }
            _ => None,
        }
    }

    fn fields(&self) -> Vec<Field> {
        let own = self.labels.iter().flat_map(|(_, key)| key.fields());
        own.chain([Field::Source]).collect()
    }

    /// Streams that were pushed have labels of their own, which only their entries tell.
    fn is_pushed(values: &[Option<String>]) -> bool {
        values.last().is_some_and(|source| source.as_deref() == Some(Receiver::LokiPush.as_str()))
    }

    /// The labels of a group, if it is selected.
    fn selected(&self, values: &[Option<String>]) -> Option<Vec<(String, String)>> {
        let mut values = values.iter();
        let labels: Vec<(&String, String)> =
            self.labels.iter().map(|(label, key)| (label, key.read(&mut values))).collect();
        let value =
            |name: &str| labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value);
        if !self.matchers.iter().all(|matcher| matcher.matches(value(&matcher.label))) {
            return None;
        }
        let grouped =
            labels.iter().filter(|(label, value)| self.grouped.contains(label) && !value.is_empty());
        Some(grouped.map(|(label, value)| ((*label).clone(), value.clone())).collect())
    }
}

impl Key {
    fn of(label: &str) -> Option<Key> {
        match label {
            "service_name" => Some(Key::Service),
            "detected_level" => Some(Key::Level),
            label => {
                let stream = STREAM_ATTRIBUTES.into_iter().find(|attribute| mangled(attribute) == label);
                let attribute = || ATTRIBUTES.into_iter().find(|name| *name == label).map(Key::Attribute);
                stream.map(Key::Stream).or_else(attribute)
            }
        }
    }

    fn fields(&self) -> Vec<Field> {
        let attribute = |place, name: &str| Field::Attribute { place, name: name.to_owned() };
        match self {
            Key::Service => vec![Field::Service],
            Key::Level => vec![Field::Level],
            Key::Stream(name) => vec![attribute(Place::Resource, name)],
            Key::Attribute(name) => PLACES.into_iter().map(|place| attribute(place, name)).collect(),
        }
    }

    /// The label's value, out of those of its fields.
    fn read<'v>(&self, values: &mut impl Iterator<Item = &'v Option<String>>) -> String {
        let mut next = || values.next().cloned().flatten().filter(|value| !value.is_empty());
        match self {
            Key::Service => next().unwrap_or_else(|| UNKNOWN_SERVICE.to_owned()),
            Key::Level => next().unwrap_or_else(|| UNKNOWN_LEVEL.to_owned()),
            Key::Stream(_) => next().unwrap_or_default(),
            Key::Attribute(_) => {
                let places: Vec<Option<String>> = PLACES.iter().map(|_| next()).collect();
                places.into_iter().flatten().next().unwrap_or_default()
            }
        }
    }
}

fn is_about_errors(label: &str) -> bool {
    label.starts_with("__error")
}

/// Counts what `samples` would be given entry by entry. Gives them back where the store cannot: it would be too many
/// groups or steps, or there are entries whose labels only they tell.
pub(super) async fn run(
    app: &App,
    measured: &Measured,
    plan: &Plan,
    steps: Steps,
    mut samples: Samples,
) -> Result<Result<Answer<Samples>, Samples>, Refusal> {
    let about = about_range(measured, steps);
    // Ranges are made up of whole buckets: they end where the times of the answer do, and begin a range earlier.
    let bucket = if steps.count == 1 { measured.range_ns } else { divisor(measured.range_ns, steps.step_ns) };
    let end = i128::from(steps.start_ns) - i128::from(measured.offset_ns) + 1;
    let origin = u64::try_from(end.rem_euclid(i128::from(bucket))).unwrap_or(0);
    let Ok(answer) = app.engine().counts(&about, &plan.fields(), origin, bucket).await else {
        return Ok(Err(samples));
    };
    unless_silent(&answer.coverage)?;
    if answer.body.iter().any(|series| Plan::is_pushed(&series.key)) {
        return Ok(Err(samples));
    }
    for series in &answer.body {
        let Some(labels) = plan.selected(&series.key) else { continue };
        for (begin, count) in &series.points {
            samples.add_many(&labels, begin.0, *count);
        }
    }
    Ok(Ok(answer.map(|_| samples)))
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}
