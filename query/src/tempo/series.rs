//! Spans to series: TraceQL's metrics functions.
//!
//! A span counts in the interval in which it starts. Durations are told in seconds. Quantiles and histograms
//! are over buckets whose upper bounds are powers of two, as Tempo's are: constant in size, whatever comes.

mod compare;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use spandrel_store::{TimeRange, UnixNanos};

use super::eval::{Subject, Value};
use super::search::{AnyValue, KeyValue};
use crate::language::traceql::{Attribute, Function, Metrics, SecondStage};
use compare::Comparing;

/// What is measured, and when.
#[derive(Clone)]
pub struct Measure {
    pub metrics: Arc<Metrics>,
    pub intervals: Intervals,
    pub exemplars_max: usize,
}

/// A range of time in steps.
#[derive(Debug, Clone, Copy)]
pub struct Intervals {
    range: TimeRange,
    /// Where the first one begins.
    first_ns: u64,
    step_ns: u64,
}

/// A series of an answer.
#[derive(Debug, Clone)]
pub struct Series {
    pub labels: Vec<KeyValue>,
    /// Starts of intervals in nanoseconds, and values.
    pub points: Vec<(u64, f64)>,
    pub exemplars: Vec<Example>,
}

/// A span that stands for others.
#[derive(Debug, Clone)]
pub struct Example {
    pub trace_id: String,
    pub value: f64,
    pub time: UnixNanos,
}

/// More series than an answer may have.
#[derive(Debug)]
pub struct Overflow;

/// The spans seen so far, summed up.
pub struct Spans {
    pub measure: Measure,
    cells_max: usize,
    cells: usize,
    groups: HashMap<Vec<Option<AnyValueKey>>, Group>,
    examples: usize,
    comparing: Option<Comparing>,
    overflow: bool,
}

/// A value that can be looked up: its type's letter and its text.
type AnyValueKey = (char, String);

#[derive(Default)]
struct Group {
    values: Vec<Option<AnyValue>>,
    cells: BTreeMap<usize, Cell>,
    examples: Vec<Example>,
}

#[derive(Default)]
struct Cell {
    count: u64,
    sum: f64,
    least: f64,
    greatest: f64,
    /// Counts by the power of two that is each bucket's upper bound.
    buckets: BTreeMap<i32, u64>,
}

impl Intervals {
    /// Steps that begin at multiples of the step; one alone, where it is as long as the range.
    pub fn aligned(range: TimeRange, step_ns: u64) -> Intervals {
        if step_ns >= range.end.0 - range.start.0 {
            return Intervals { range, first_ns: range.start.0, step_ns };
        }
        Intervals { range, first_ns: range.start.0 / step_ns * step_ns, step_ns }
    }

    pub fn one(range: TimeRange) -> Intervals {
        Intervals { range, first_ns: range.start.0, step_ns: (range.end.0 - range.start.0).max(1) }
    }

    pub fn count(&self) -> usize {
        usize::try_from((self.range.end.0 - self.first_ns).div_ceil(self.step_ns)).unwrap_or(usize::MAX)
    }

    pub fn range(&self) -> TimeRange {
        self.range
    }

    pub fn of(&self, time: UnixNanos) -> Option<usize> {
        let inside = self.range.contains(time);
        inside.then(|| usize::try_from((time.0 - self.first_ns) / self.step_ns).ok())?
    }

    pub fn start(&self, index: usize) -> u64 {
        self.first_ns.saturating_add(self.step_ns.saturating_mul(index as u64))
    }

    fn step_seconds(&self) -> f64 {
        self.step_ns as f64 / 1e9
    }
}

impl Spans {
    /// More than `cells_max` values in all are refused.
    pub fn new(measure: Measure, cells_max: usize) -> Spans {
        let comparing = match &measure.metrics.function {
            Function::Compare { .. } => Some(Comparing::new(cells_max)),
            _ => None,
        };
        let groups = HashMap::new();
        Spans { measure, cells_max, cells: 0, groups, examples: 0, comparing, overflow: false }
    }

    pub fn observe(&mut self, subject: &Subject<'_>) -> ControlFlow<()> {
        let Some(interval) = self.measure.intervals.of(subject.record.time()) else {
            return ControlFlow::Continue(());
        };
        if let Some(comparing) = &mut self.comparing {
            comparing.observe(&self.measure.metrics.function, subject, interval);
            return ControlFlow::Continue(());
        }
        let metrics = self.measure.metrics.clone();
        let Some(number) = number(&metrics.function, subject) else { return ControlFlow::Continue(()) };
        let values: Vec<Option<AnyValue>> = metrics.by.iter().map(|by| one_value(by, subject)).collect();
        let key = values.iter().map(|value| value.as_ref().map(AnyValue::key)).collect();
        let group = self.groups.entry(key).or_insert_with(|| Group { values, ..Group::default() });
        let new = !group.cells.contains_key(&interval);
        self.cells += usize::from(new);
        let histogram =
            matches!(metrics.function, Function::QuantileOverTime(..) | Function::HistogramOverTime(_));
        group.cells.entry(interval).or_default().add(number, histogram);
        if new && self.examples < self.measure.exemplars_max {
            self.examples += 1;
            group.examples.push(example(&metrics.function, subject, number));
        }
        self.overflow |= self.cells > self.cells_max;
        if self.overflow { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub fn into_series(self) -> Result<Vec<Series>, Overflow> {
        if self.overflow {
            return Err(Overflow);
        }
        let (measure, intervals) = (self.measure.clone(), self.measure.intervals);
        if let (Some(comparing), Function::Compare { top, .. }) = (self.comparing, &measure.metrics.function)
        {
            return Ok(comparing.into_series(&intervals, *top));
        }
        let mut series: Vec<Series> = Vec::new();
        for group in self.groups.into_values() {
            series.extend(group.into_series(&measure));
        }
        // Labels as text put them in an order that does not change from question to question.
        series.sort_by_cached_key(Series::prometheus_labels);
        for stage in &measure.metrics.second {
            series = second(stage, series);
        }
        Ok(series)
    }
}

/// What a span counts for; `None`: it has no number to count.
fn number(function: &Function, subject: &Subject<'_>) -> Option<f64> {
    let Some(of) = function.measured() else { return Some(1.0) };
    let mut number = None;
    subject.visit(of, &mut |value| {
        number = match value {
            Value::Duration(nanos) => Some(nanos as f64 / 1e9),
            value => value.number(),
        };
        number.is_some()
    });
    number.filter(|number| !number.is_nan())
}

fn example(function: &Function, subject: &Subject<'_>, number: f64) -> Example {
    let counted = matches!(function, Function::Rate | Function::CountOverTime);
    let seconds = spandrel_store::record::SpanExt::duration_ns(subject.span) as f64 / 1e9;
    Example {
        trace_id: subject.record.trace_id().map(|id| id.to_string()).unwrap_or_default(),
        value: if counted { seconds } else { number },
        time: subject.record.time(),
    }
}

/// The value of an attribute to group by; several are one text.
pub(super) fn one_value(attribute: &Attribute, subject: &Subject<'_>) -> Option<AnyValue> {
    super::search::shown_value(attribute, subject)
}

impl AnyValue {
    fn key(&self) -> AnyValueKey {
        match self {
            AnyValue::Text(text) => ('s', text.clone()),
            AnyValue::Int(int) => ('i', int.to_string()),
            AnyValue::Double(double) => ('d', double.to_string()),
            AnyValue::Bool(flag) => ('b', flag.to_string()),
        }
    }
}

impl Cell {
    fn add(&mut self, number: f64, histogram: bool) {
        let first = self.count == 0;
        self.least = if first { number } else { self.least.min(number) };
        self.greatest = if first { number } else { self.greatest.max(number) };
        self.count += 1;
        self.sum += number;
        if histogram {
            *self.buckets.entry(bucket(number)).or_default() += 1;
        }
    }

    /// The value below which a part of the numbers lies, on a line between its bucket's bounds whose scale is
    /// that of powers.
    fn quantile(&self, quantile: f64) -> f64 {
        let wanted = ((quantile * self.count as f64).ceil() as u64).max(1);
        let mut below = 0;
        for (power, count) in &self.buckets {
            if below + count >= wanted {
                let part = (wanted - below) as f64 / *count as f64;
                return (f64::from(*power) - 1.0 + part).exp2();
            }
            below += count;
        }
        f64::NAN
    }
}

/// The power of two that is the least at or above the number. Numbers down to a nanosecond's worth of a second
/// have their own; what is not above zero falls into the lowest.
pub(super) fn bucket(number: f64) -> i32 {
    const LOWEST: i32 = -40;
    if number <= 0.0 {
        return LOWEST;
    }
    (number.log2().ceil() as i32).max(LOWEST)
}

impl Group {
    fn into_series(self, measure: &Measure) -> Vec<Series> {
        let labels = labels(&measure.metrics, self.values);
        let intervals = measure.intervals;
        let cells = &self.cells;
        let points = |value: &dyn Fn(&Cell) -> f64| -> Vec<(u64, f64)> {
            cells.iter().map(|(index, cell)| (intervals.start(*index), value(cell))).collect()
        };
        // Where nothing was counted, the count is zero.
        let counts = |unit: f64| -> Vec<(u64, f64)> {
            let count = |index| cells.get(&index).map_or(0.0, |cell| cell.count as f64 / unit);
            (0..intervals.count()).map(|index| (intervals.start(index), count(index))).collect()
        };
        let one = |points| vec![Series { labels: labels.clone(), points, exemplars: self.examples.clone() }];
        match &measure.metrics.function {
            Function::Rate => one(counts(intervals.step_seconds())),
            Function::CountOverTime | Function::Compare { .. } => one(counts(1.0)),
            Function::MinOverTime(_) => one(points(&|cell| cell.least)),
            Function::MaxOverTime(_) => one(points(&|cell| cell.greatest)),
            Function::SumOverTime(_) => one(points(&|cell| cell.sum)),
            Function::AvgOverTime(_) => one(points(&|cell| cell.sum / cell.count as f64)),
            Function::QuantileOverTime(_, quantiles) => {
                let of = |(index, quantile): (usize, &f64)| {
                    let p = KeyValue { key: "p".to_owned(), value: AnyValue::Double(*quantile) };
                    let exemplars = if index == 0 { self.examples.clone() } else { Vec::new() };
                    let points = points(&|cell| cell.quantile(*quantile));
                    Series { labels: with(&labels, p), points, exemplars }
                };
                quantiles.iter().enumerate().map(of).collect()
            }
            Function::HistogramOverTime(_) => {
                let mut powers: BTreeMap<i32, Vec<(u64, f64)>> = BTreeMap::new();
                for (index, cell) in cells {
                    for (power, count) in &cell.buckets {
                        powers.entry(*power).or_default().push((intervals.start(*index), *count as f64));
                    }
                }
                let examples = &self.examples;
                let of = |(power, points): (i32, Vec<(u64, f64)>)| {
                    let bound = f64::from(power).exp2();
                    let bucket_label =
                        KeyValue { key: "__bucket".to_owned(), value: AnyValue::Double(bound) };
                    let own = examples.iter().filter(|example| bucket(example.value) == power);
                    let exemplars = own.cloned().collect();
                    Series { labels: with(&labels, bucket_label), points, exemplars }
                };
                powers.into_iter().map(of).collect()
            }
        }
    }
}

fn with(labels: &[KeyValue], label: KeyValue) -> Vec<KeyValue> {
    // A histogram or a quantile that is not grouped has no name beside its own label.
    let named = labels.iter().filter(|label| label.key != "__name__");
    named.cloned().chain([label]).collect()
}

/// The groups' values under the attributes as written, without those that are not there; if none is, the first
/// is called nil. Not grouped: the function's name.
fn labels(metrics: &Metrics, values: Vec<Option<AnyValue>>) -> Vec<KeyValue> {
    if metrics.by.is_empty() {
        return vec![KeyValue::text("__name__", function_name(&metrics.function))];
    }
    let pairs = metrics.by.iter().zip(values);
    let there = pairs.filter_map(|(by, value)| Some(KeyValue { key: by.written.clone(), value: value? }));
    let mut labels: Vec<KeyValue> = there.collect();
    if labels.is_empty() {
        labels.extend(metrics.by.first().map(|by| KeyValue::text(&by.written, "nil")));
    }
    labels
}

fn function_name(function: &Function) -> &'static str {
    match function {
        Function::Rate => "rate",
        Function::CountOverTime => "count_over_time",
        Function::MinOverTime(_) => "min_over_time",
        Function::MaxOverTime(_) => "max_over_time",
        Function::SumOverTime(_) => "sum_over_time",
        Function::AvgOverTime(_) => "avg_over_time",
        Function::QuantileOverTime(..) => "quantile_over_time",
        Function::HistogramOverTime(_) => "histogram_over_time",
        Function::Compare { .. } => "compare",
    }
}

/// The best series of every interval, or the points that pass.
pub(super) fn second(stage: &SecondStage, mut series: Vec<Series>) -> Vec<Series> {
    match stage {
        SecondStage::Keep(compared, bound) => {
            let passes =
                |value: &f64| value.partial_cmp(bound).is_some_and(|ordering| compared.holds(ordering));
            series.iter_mut().for_each(|series| series.points.retain(|(_, value)| passes(value)));
        }
        SecondStage::Top(count) => best(&mut series, *count, |a, b| b.total_cmp(&a)),
        SecondStage::Bottom(count) => best(&mut series, *count, |a, b| a.total_cmp(&b)),
    }
    series.retain(|series| !series.points.is_empty());
    series
}

fn best(series: &mut [Series], count: usize, better: impl Fn(f64, f64) -> Ordering) {
    let mut at: BTreeMap<u64, Vec<(usize, f64)>> = BTreeMap::new();
    for (index, series) in series.iter().enumerate() {
        for (start, value) in &series.points {
            at.entry(*start).or_default().push((index, *value));
        }
    }
    for values in at.values_mut() {
        values.sort_by(|(i, a), (j, b)| better(*a, *b).then(i.cmp(j)));
        values.truncate(count);
    }
    for (index, series) in series.iter_mut().enumerate() {
        series
            .points
            .retain(|(start, _)| at.get(start).is_some_and(|all| all.iter().any(|(of, _)| *of == index)));
    }
}

impl Series {
    /// The labels as Prometheus writes them, which older readers name a series by.
    pub fn prometheus_labels(&self) -> String {
        let label = |label: &KeyValue| {
            let value = match &label.value {
                AnyValue::Text(text) => text.clone(),
                AnyValue::Int(int) => int.to_string(),
                AnyValue::Double(double) => double.to_string(),
                AnyValue::Bool(flag) => flag.to_string(),
            };
            let plain = label.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            match plain {
                true => format!("{}={value:?}", label.key),
                false => format!("{:?}={value:?}", label.key),
            }
        };
        format!("{{{}}}", self.labels.iter().map(label).collect::<Vec<_>>().join(", "))
    }
}

impl KeyValue {
    pub fn text(key: &str, text: &str) -> KeyValue {
        KeyValue { key: key.to_owned(), value: AnyValue::Text(text.to_owned()) }
    }
}
