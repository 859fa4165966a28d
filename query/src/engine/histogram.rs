//! Counts over time: the range that is counted, the steps it is counted in, the sums.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use spandrel_store::filter::Field;
use spandrel_store::snapshot::Series;
use spandrel_store::{TimeRange, UnixNanos};

use super::gather::{Asking, Share};
use super::{About, Answer, Engine, Rejected, closed_range, credible};
use crate::source::CountQuestion;

/// Steps that are chosen: few enough to draw, as round as people like them.
const BUCKETS_WANTED_MAX: u64 = 100;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// Steps of a second and more that are round in hours and days; below and above, 1, 2 and 5 times a power
/// of ten.
const ROUND_STEPS: [u64; 19] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    300 * SECOND,
    600 * SECOND,
    900 * SECOND,
    1_800 * SECOND,
    3_600 * SECOND,
    7_200 * SECOND,
    10_800 * SECOND,
    21_600 * SECOND,
    43_200 * SECOND,
    DAY,
    7 * DAY,
];

#[derive(Debug, PartialEq, Eq)]
pub struct Histogram {
    pub step_ns: u64,
    /// The series with the most records first.
    pub series: Vec<CountedSeries>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct CountedSeries {
    /// One value for each field counted by; `None` where records have none.
    pub key: Vec<Option<String>>,
    /// Starts of steps and counts, ascending, without empty ones.
    pub points: Vec<(UnixNanos, u64)>,
}

impl Engine {
    /// Counts the matching records by the values of `by`, in steps of `step_ns` or of a round length that
    /// makes up to 100 of them.
    pub async fn histogram(
        &self,
        about: &About,
        by: &[Field],
        step_ns: Option<u64>,
    ) -> Result<Answer<Histogram>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let range = bounded(&mut asking, about).await?;
        let length = range.end.0.saturating_sub(range.start.0);
        let step_ns = step_ns.unwrap_or_else(|| round_step(length));
        let buckets = usize::try_from(length / step_ns.max(1)).unwrap_or(usize::MAX).saturating_add(1);
        let points_max = self.limits.histogram_points_max;
        if buckets > points_max {
            let why =
                format!("{buckets} steps in that time are more than {points_max}; choose a longer step");
            return Err(Rejected(why));
        }
        let groups_max = points_max / buckets;
        let bounded = about.with(range);
        let ask = |about| CountQuestion { about, step_ns, origin_ns: 0, by: by.to_vec(), groups_max };
        let bodies =
            asking.gather_about(Share::All, &bounded, |source, about| source.histogram(ask(about))).await?;
        let mut series = summed(bodies);
        series.sort_by_cached_key(|series| (Reverse(series.total()), series.key.clone()));
        Ok(asking.answer(Histogram { step_ns, series }))
    }
}

impl Engine {
    /// Counts in steps one of which begins at `origin_ns`, in no order. There are too many, where steps and groups
    /// pass `limits.histogram_points_max`.
    pub async fn counts(
        &self,
        about: &About,
        by: &[Field],
        origin_ns: u64,
        step_ns: u64,
    ) -> Result<Answer<Vec<CountedSeries>>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let length = about.range.end.0.saturating_sub(about.range.start.0);
        let steps = usize::try_from(length / step_ns.max(1)).unwrap_or(usize::MAX).saturating_add(1);
        let groups_max = self.limits.histogram_points_max / steps;
        if groups_max == 0 {
            return Err(Rejected("too many steps".to_owned()));
        }
        let ask = |about| CountQuestion { about, step_ns, origin_ns, by: by.to_vec(), groups_max };
        let bodies =
            asking.gather_about(Share::All, about, |source, about| source.histogram(ask(about))).await?;
        Ok(asking.answer(summed(bodies)))
    }
}

/// The counts of all sources.
fn summed(bodies: Vec<Vec<Series>>) -> Vec<CountedSeries> {
    let mut sums: HashMap<Vec<Option<String>>, BTreeMap<UnixNanos, u64>> = HashMap::new();
    for series in bodies.into_iter().flatten() {
        let sum = sums.entry(series.key).or_default();
        series.points.into_iter().for_each(|(time, count)| *sum.entry(time).or_default() += count);
    }
    let series =
        sums.into_iter().map(|(key, points)| CountedSeries { key, points: points.into_iter().collect() });
    series.collect()
}

/// The asked range, open ends replaced by the times of what is held.
async fn bounded(asking: &mut Asking, about: &About) -> Result<TimeRange, Rejected> {
    let asked = about.range;
    if asked.start != UnixNanos::MIN && asked.end != UnixNanos::MAX {
        return Ok(asked);
    }
    let described = asking.gather(Share::Half, |source, deadline| source.extent(deadline)).await?;
    asking.absent_in(about, described.absent);
    let extents = described.bodies.into_iter().flatten();
    let Some((least, greatest)) = extents.reduce(|(a, b), (c, d)| (a.min(c), b.max(d))) else {
        return Ok(closed_range(asked.start, asked.start));
    };
    let held = closed_range(least, greatest);
    let start = if asked.start == UnixNanos::MIN { held.start } else { asked.start };
    let end = if asked.end == UnixNanos::MAX { held.end } else { asked.end };
    credible::narrowed(asking, about, TimeRange { start, end: end.max(start) }).await
}

impl CountedSeries {
    fn total(&self) -> u64 {
        self.points.iter().map(|(_, count)| count).sum()
    }
}

/// The shortest round step that covers a time in no more than 100.
pub(super) fn round_step(length_ns: u64) -> u64 {
    let least = length_ns.div_ceil(BUCKETS_WANTED_MAX).max(1);
    let decimal = |unit: u64| {
        let power = unit.saturating_mul(10u64.saturating_pow(least.div_ceil(unit).max(1).ilog10()));
        let steps = [1, 2, 5, 10].map(|factor| power.saturating_mul(factor));
        steps.into_iter().find(|step| *step >= least).unwrap_or(least)
    };
    match least {
        0..=SECOND => decimal(1),
        _ => ROUND_STEPS.into_iter().find(|step| *step >= least).unwrap_or_else(|| decimal(DAY)),
    }
}
