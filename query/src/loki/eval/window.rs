//! The lines of a question for numbers, summed up by series, and the functions over a range of them.
//!
//! What only counts keeps one number for each step; all else keeps every number until it is asked for. Both
//! are bounded.

use std::collections::{BTreeMap, HashMap};

use spandrel_config::Limits;

use super::aggregate::{Labels, Steps, Vector};
use super::entry::Entry;
use crate::language::logql::{Grouping, Matched, Matcher, Measured, RangeFunction};

/// More series or numbers than an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesOverflow {
    Series,
    /// Bytes of their labels.
    Names,
    Samples,
}

pub struct Samples {
    function: RangeFunction,
    range_ns: u64,
    offset_ns: i64,
    steps: Steps,
    /// What names a series that tells of nothing being there.
    absent: Labels,
    grouping: Option<Grouping>,
    series: HashMap<Labels, Numbers>,
    series_max: usize,
    /// Bytes that labels of further series may take.
    names_left: usize,
    samples_left: usize,
    pub overflow: Option<SeriesOverflow>,
}

enum Numbers {
    /// By step, what begins to count there less what ceases to.
    Changes(BTreeMap<usize, Change>),
    /// Times and numbers, the newest first.
    All(Vec<(u64, f64)>),
}

/// Lines and what they count for.
#[derive(Default)]
struct Change {
    lines: i64,
    sum: f64,
}

impl Change {
    fn add(&mut self, lines: i64, number: f64) {
        self.lines += lines;
        self.sum += number;
    }
}

impl Samples {
    /// `grouping` is the function's own, or that of a sum around it where that comes to the same.
    pub fn new(measured: &Measured, grouping: Option<Grouping>, steps: Steps, limits: &Limits) -> Samples {
        Samples {
            function: measured.function,
            range_ns: measured.range_ns,
            offset_ns: measured.offset_ns,
            steps,
            absent: equalities(&measured.log.matchers),
            grouping,
            series: HashMap::new(),
            series_max: limits.series_max,
            names_left: limits.answer_bytes_max.as_usize(),
            samples_left: limits.samples_max,
            overflow: None,
        }
    }

    /// Adds a line, with the number that was taken out of it.
    pub fn add(&mut self, entry: &Entry, unwrapped: Option<f64>) {
        let labels = grouped(entry.all(), self.grouping.as_ref());
        if !self.has_room(&labels) {
            return;
        }
        let Some((first, last)) = self.steps_of(entry.time_ns) else { return };
        let counted = match self.function {
            RangeFunction::Count | RangeFunction::Absent => Some(1.0),
            RangeFunction::Rate if unwrapped.is_none() => Some(1.0),
            RangeFunction::Bytes | RangeFunction::BytesRate => Some(entry.line.len() as f64),
            _ => None,
        };
        let numbers = self.series.entry(labels).or_insert_with(|| match counted {
            Some(_) => Numbers::Changes(BTreeMap::new()),
            None => Numbers::All(Vec::new()),
        });
        match (numbers, counted) {
            (Numbers::Changes(changes), Some(number)) => {
                changes.entry(first).or_default().add(1, number);
                changes.entry(last + 1).or_default().add(-1, -number);
            }
            (Numbers::All(all), _) => {
                if self.samples_left == 0 {
                    self.overflow = Some(SeriesOverflow::Samples);
                    return;
                }
                self.samples_left -= 1;
                all.push((entry.time_ns, unwrapped.unwrap_or(1.0)));
            }
            (Numbers::Changes(_), None) => {}
        }
    }

    /// Adds so many lines of one time, of a function that only counts them.
    pub fn add_many(&mut self, labels: &[(String, String)], time_ns: u64, count: u64) {
        let labels = grouped(labels.to_vec(), self.grouping.as_ref());
        if !self.has_room(&labels) {
            return;
        }
        let Some((first, last)) = self.steps_of(time_ns) else { return };
        let numbers = self.series.entry(labels).or_insert_with(|| Numbers::Changes(BTreeMap::new()));
        if let Numbers::Changes(changes) = numbers {
            let lines = i64::try_from(count).unwrap_or(i64::MAX);
            changes.entry(first).or_default().add(lines, count as f64);
            changes.entry(last + 1).or_default().add(-lines, -(count as f64));
        }
    }

    /// Whether a series is there, or there is room for it; else that there is not is noted.
    fn has_room(&mut self, labels: &Labels) -> bool {
        if self.series.contains_key(labels) {
            return true;
        }
        let bytes = bytes_of(labels);
        if self.series.len() >= self.series_max {
            self.overflow = Some(SeriesOverflow::Series);
        } else if bytes > self.names_left {
            self.overflow = Some(SeriesOverflow::Names);
        } else {
            self.names_left -= bytes;
            return true;
        }
        false
    }

    /// The first and the last step whose range a time lies in: after the range's begin, up to its end.
    fn steps_of(&self, time_ns: u64) -> Option<(usize, usize)> {
        let time = i128::from(time_ns) + i128::from(self.offset_ns);
        let (start, step) = (i128::from(self.steps.start_ns), i128::from(self.steps.step_ns.max(1)));
        let first = (time - start + step - 1).div_euclid(step).max(0);
        let last = (time + i128::from(self.range_ns) - 1 - start).div_euclid(step);
        let last = last.min(self.steps.count as i128 - 1);
        (first <= last).then_some((first as usize, last as usize))
    }

    pub fn into_vector(self) -> Vector {
        let seconds = self.range_ns as f64 / 1e9;
        let mut vector = Vector::new();
        for (labels, numbers) in self.series {
            let points = match numbers {
                Numbers::Changes(changes) => {
                    counted(&changes, self.steps.count, |count| match self.function {
                        RangeFunction::Rate | RangeFunction::BytesRate => count / seconds,
                        _ => count,
                    })
                }
                Numbers::All(mut all) => {
                    all.sort_by_key(|(time, _)| *time);
                    windows(&all, self.function, self.range_ns, self.offset_ns, &self.steps)
                }
            };
            if !points.is_empty() {
                vector.push((labels, points));
            }
        }
        if self.function == RangeFunction::Absent {
            return absent(&vector, self.steps.count, self.absent);
        }
        vector.sort_by(|(a, _), (b, _)| a.cmp(b));
        vector
    }
}

fn counted(
    changes: &BTreeMap<usize, Change>,
    steps: usize,
    number: impl Fn(f64) -> f64,
) -> Vec<(usize, f64)> {
    let (mut points, mut now) = (Vec::new(), Change::default());
    let mut changes = changes.iter().peekable();
    for step in 0..steps {
        while let Some((_, change)) = changes.next_if(|(at, _)| **at <= step) {
            now.add(change.lines, change.sum);
        }
        if now.lines > 0 {
            points.push((step, number(now.sum)));
        } else if changes.peek().is_none() {
            break;
        }
    }
    points
}

/// One where no series has anything.
fn absent(vector: &Vector, steps: usize, labels: Labels) -> Vector {
    let mut there = vec![false; steps];
    vector.iter().flat_map(|(_, points)| points).for_each(|(step, _)| there[*step] = true);
    let points: Vec<(usize, f64)> = (0..steps).filter(|step| !there[*step]).map(|step| (step, 1.0)).collect();
    if points.is_empty() { Vector::new() } else { vec![(labels, points)] }
}

/// The labels that a selector asks for by their values and in no other way.
fn equalities(matchers: &[Matcher]) -> Labels {
    let mut labels = BTreeMap::new();
    for Matcher { label, matched } in matchers {
        match matched {
            Matched::Equal(value) if !labels.contains_key(label) => {
                labels.insert(label.clone(), value.clone())
            }
            _ => labels.insert(label.clone(), String::new()),
        };
    }
    labels.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn windows(
    all: &[(u64, f64)],
    function: RangeFunction,
    range_ns: u64,
    offset_ns: i64,
    steps: &Steps,
) -> Vec<(usize, f64)> {
    let (mut first, mut end, mut points) = (0, 0, Vec::new());
    for step in 0..steps.count {
        let until = i128::from(steps.time_ns(step)) - i128::from(offset_ns);
        let from = until - i128::from(range_ns);
        while all.get(end).is_some_and(|(time, _)| i128::from(*time) <= until) {
            end += 1;
        }
        while first < end && i128::from(all[first].0) <= from {
            first += 1;
        }
        if first < end {
            let number = match function {
                RangeFunction::RateCounter => rate_of_counter(&all[first..end], range_ns, until),
                function => over(&all[first..end], function, range_ns),
            };
            points.push((step, number));
        }
    }
    points
}

fn over(window: &[(u64, f64)], function: RangeFunction, range_ns: u64) -> f64 {
    let numbers = || window.iter().map(|(_, number)| *number);
    let (count, sum) = (window.len() as f64, numbers().sum::<f64>());
    let variance = || {
        let mean = sum / count;
        numbers().map(|number| (number - mean).powi(2)).sum::<f64>() / count
    };
    match function {
        RangeFunction::Sum => sum,
        RangeFunction::Avg => sum / count,
        RangeFunction::Max => numbers().fold(f64::NEG_INFINITY, f64::max),
        RangeFunction::Min => numbers().fold(f64::INFINITY, f64::min),
        RangeFunction::First => window[0].1,
        RangeFunction::Last => window[window.len() - 1].1,
        RangeFunction::Stdvar => variance(),
        RangeFunction::Stddev => variance().sqrt(),
        RangeFunction::Quantile(quantile) => quantile_of(numbers().collect(), quantile),
        RangeFunction::Rate => sum / (range_ns as f64 / 1e9),
        _ => count,
    }
}

/// How fast a counter rises by its numbers up to a time, as Prometheus and Loki have it: what lies between them is
/// drawn out to the range's ends if these are near, else by half the mean distance, and never below zero.
fn rate_of_counter(window: &[(u64, f64)], range_ns: u64, until_ns: i128) -> f64 {
    let ([(first_ns, first), .., (last_ns, _)], risen) = (window, increase(window)) else { return 0.0 };
    let seconds = |ns: i128| ns as f64 / 1e9;
    let sampled = seconds(i128::from(last_ns - first_ns));
    let mean = sampled / (window.len() - 1) as f64;
    let near = |distance: f64| if distance < mean * 1.1 { distance } else { mean / 2.0 };
    let mut before = near(seconds(i128::from(*first_ns) - until_ns + i128::from(range_ns)));
    if risen > 0.0 && *first >= 0.0 {
        before = before.min(sampled * first / risen);
    }
    let after = near(seconds(until_ns - i128::from(*last_ns)));
    risen * (sampled + before + after) / sampled / seconds(i128::from(range_ns))
}

/// How much a counter rose; a fall is a start from zero.
fn increase(window: &[(u64, f64)]) -> f64 {
    let rises = window.windows(2).map(|pair| match pair[1].1 - pair[0].1 {
        rise if rise >= 0.0 => rise,
        _ => pair[1].1,
    });
    rises.sum()
}

pub(super) fn quantile_of(mut numbers: Vec<f64>, quantile: f64) -> f64 {
    if numbers.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    numbers.sort_by(f64::total_cmp);
    let rank = quantile * (numbers.len() - 1) as f64;
    let (lower, upper) = (rank.floor() as usize, rank.ceil() as usize);
    let weight = rank - rank.floor();
    numbers[lower] * (1.0 - weight) + numbers[upper] * weight
}

pub(super) fn bytes_of(labels: &Labels) -> usize {
    labels.iter().map(|(name, value)| 2 * size_of::<String>() + name.len() + value.len()).sum()
}

/// The labels that a series is known by.
pub(super) fn grouped(labels: Vec<(String, String)>, grouping: Option<&Grouping>) -> Labels {
    let kept = labels.into_iter().filter(|(name, value)| {
        !value.is_empty()
            && grouping.is_none_or(|grouping| grouping.labels.contains(name) != grouping.without)
    });
    kept.collect()
}
