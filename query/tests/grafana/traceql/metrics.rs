//! Questions for numbers out of spans, evaluated as plainly as possible: every span of every trace is looked at for
//! every interval. It shares no code with the program.

use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;

use super::model::{STATUSES, Span, Trace, Value};
use super::oracle::{Query, query};

#[derive(Debug, Clone)]
pub enum Numbers {
    Of { query: Query, function: Function, by: Vec<By>, above: Option<i64> },
    WithNumber { inner: Box<Numbers>, operator: &'static str, number: i64, on_left: bool },
    Both { left: Box<Numbers>, right: Box<Numbers>, operator: &'static str },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Rate,
    Count,
    Min(Measured),
    Max(Measured),
    Sum(Measured),
    Avg(Measured),
    /// In tenths, each a series of its own.
    Quantiles(Measured, &'static [u8]),
    Histogram,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    Duration,
    Attribute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Service,
    Name,
    Status,
    Attribute,
}

/// Labels, numbers with their intervals, and the quantile that is asked for, in tenths.
type Grouped = (BTreeMap<String, String>, Vec<(u64, f64)>, u8);

/// By labels without names, numbers by interval.
pub type Series = BTreeMap<BTreeMap<String, String>, BTreeMap<u64, f64>>;

const SIGNS: [&str; 4] = ["+", "-", "*", "/"];
pub const INTERVALS: u64 = 6;
pub const INTERVAL_MS: u64 = 10;

fn pick<T: Clone + fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(of.to_vec())
}

fn function() -> impl Strategy<Value = Function> {
    use Function::*;
    use Measured::*;
    pick(&[
        Rate,
        Count,
        Min(Duration),
        Min(Attribute),
        Max(Duration),
        Max(Attribute),
        Sum(Duration),
        Sum(Attribute),
        Avg(Attribute),
        Quantiles(Duration, &[5]),
        Quantiles(Duration, &[0, 9]),
        Quantiles(Attribute, &[10, 3]),
        Histogram,
    ])
}

pub fn numbers() -> impl Strategy<Value = Numbers> {
    let by = prop::sample::subsequence(vec![By::Service, By::Name, By::Status, By::Attribute], 0..3);
    let above = prop::option::weighted(0.2, 0i64..3);
    let leaf = (query(), function(), by, above).prop_map(|(query, function, by, above)| Numbers::Of {
        query,
        function,
        by,
        above,
    });
    leaf.prop_recursive(2, 3, 2, |inner| {
        let with_number = (inner.clone(), pick(&SIGNS), -2i64..4, any::<bool>());
        let both = (inner.clone(), inner, pick(&SIGNS));
        prop_oneof![
            with_number.prop_map(|(inner, operator, number, on_left)| Numbers::WithNumber {
                inner: Box::new(inner),
                operator,
                number,
                on_left
            }),
            both.prop_map(|(left, right, operator)| Numbers::Both {
                left: Box::new(left),
                right: Box::new(right),
                operator
            }),
        ]
    })
}

impl Numbers {
    pub fn series(&self, traces: &[Trace]) -> Series {
        match self {
            Numbers::Of { query, function, by, above } => {
                let mut series = of_spans(query, *function, by, traces);
                if let Some(above) = above {
                    series.values_mut().for_each(|points| points.retain(|_, value| *value > *above as f64));
                    series.retain(|_, points| !points.is_empty());
                }
                series
            }
            Numbers::WithNumber { inner, operator, number, on_left } => {
                let mut series = inner.series(traces);
                for value in series.values_mut().flat_map(BTreeMap::values_mut) {
                    let number = *number as f64;
                    *value = match on_left {
                        true => calculate(operator, number, *value),
                        false => calculate(operator, *value, number),
                    };
                }
                series
            }
            Numbers::Both { left, right, operator } => {
                both(operator, &left.series(traces), &right.series(traces))
            }
        }
    }
}

fn both(operator: &str, left: &Series, right: &Series) -> Series {
    let none = BTreeMap::new();
    let keys = if right.contains_key(&none) { left } else { right }.keys();
    let mut series = Series::new();
    for key in keys {
        let (Some(one), Some(other)) =
            (left.get(key).or(left.get(&none)), right.get(key).or(right.get(&none)))
        else {
            continue;
        };
        let at_both =
            one.iter().filter_map(|(at, value)| Some((*at, calculate(operator, *value, *other.get(at)?))));
        series.insert(key.clone(), at_both.collect());
    }
    series
}

fn calculate(operator: &str, left: f64, right: f64) -> f64 {
    match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        _ if right == 0.0 => f64::NAN,
        _ => left / right,
    }
}

fn of_spans(query: &Query, function: Function, by: &[By], traces: &[Trace]) -> Series {
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<(u64, f64)>> = BTreeMap::new();
    for trace in traces {
        for place in query.matched(trace) {
            let span = &trace[place];
            let Some(number) = function.number(span) else { continue };
            let mut labels: BTreeMap<String, String> =
                by.iter().filter_map(|by| Some((by.name().to_owned(), by.of(span)?))).collect();
            if labels.is_empty()
                && let Some(first) = by.first()
            {
                labels.insert(first.name().to_owned(), "nil".to_owned());
            }
            if function == Function::Histogram {
                labels.insert("__bucket".to_owned(), format!("{:?}", bound(number)));
            }
            groups.entry(labels).or_default().push((span.start_ms / INTERVAL_MS, number));
        }
    }
    let mut series = Series::new();
    let grouped = groups.into_iter().flat_map(|(labels, all)| function.series_of(labels, all));
    for (labels, all, tenths) in grouped {
        let mut points = BTreeMap::new();
        for interval in 0..INTERVALS {
            let inside = all.iter().filter(|(at, _)| *at == interval).map(|(_, number)| *number);
            let inside: Vec<f64> = inside.collect();
            let (count, sum) = (inside.len() as f64, inside.iter().sum::<f64>());
            let counts = matches!(function, Function::Rate | Function::Count);
            if inside.is_empty() && !counts {
                continue;
            }
            points.insert(
                interval,
                match function {
                    Function::Rate => count / (INTERVAL_MS as f64 / 1e3),
                    Function::Count | Function::Histogram => count,
                    Function::Min(_) => inside.iter().copied().fold(f64::INFINITY, f64::min),
                    Function::Max(_) => inside.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Function::Sum(_) => sum,
                    Function::Avg(_) => sum / count,
                    Function::Quantiles(..) => quantile(&inside, tenths),
                },
            );
        }
        series.insert(labels, points);
    }
    series
}

/// The least power of two that is not below the number; of nothing, the least that there is.
fn bound(seconds: f64) -> f64 {
    let mut bound = 2f64.powi(-40);
    while bound < seconds {
        bound *= 2.0;
    }
    bound
}

/// The numbers in their buckets: the wanted one's place among those of its own bucket says how far up it lies,
/// in powers.
fn quantile(numbers: &[f64], tenths: u8) -> f64 {
    let mut bounds: Vec<f64> = numbers.iter().map(|number| bound(*number)).collect();
    bounds.sort_by(f64::total_cmp);
    let mut wanted = 1;
    while wanted * 10 < numbers.len() * usize::from(tenths) {
        wanted += 1;
    }
    let upper = bounds[wanted - 1];
    let below = bounds.iter().filter(|bound| **bound < upper).count();
    let same = bounds.iter().filter(|bound| **bound == upper).count();
    upper / 2.0 * 2f64.powf((wanted - below) as f64 / same as f64)
}

impl Function {
    /// One series of a group of numbers; of quantiles, one for each.
    fn series_of(self, labels: BTreeMap<String, String>, numbers: Vec<(u64, f64)>) -> Vec<Grouped> {
        let Function::Quantiles(_, all) = self else { return vec![(labels, numbers, 0)] };
        let of = |tenths: &u8| {
            let mut labels = labels.clone();
            labels.insert("p".to_owned(), format!("{:?} as double", f64::from(*tenths) / 10.0));
            (labels, numbers.clone(), *tenths)
        };
        all.iter().map(of).collect()
    }

    fn number(self, span: &Span) -> Option<f64> {
        let measured = match self {
            Function::Rate | Function::Count => return Some(1.0),
            Function::Histogram => Measured::Duration,
            Function::Min(of)
            | Function::Max(of)
            | Function::Sum(of)
            | Function::Avg(of)
            | Function::Quantiles(of, _) => of,
        };
        match measured {
            Measured::Duration => Some(span.duration_ms as f64 / 1e3),
            Measured::Attribute => match span.attributes.get("a") {
                Some(Value::Int(int)) => Some(*int as f64),
                Some(Value::Float(float)) => Some(*float),
                _ => None,
            },
        }
    }
}

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Service => "resource.service.name",
            By::Name => "name",
            By::Status => "status",
            By::Attribute => "span.b.c",
        }
    }

    fn of(self, span: &Span) -> Option<String> {
        Some(match self {
            By::Service => span.service.to_owned(),
            By::Name => span.name.to_owned(),
            By::Status => STATUSES[span.status].to_owned(),
            By::Attribute => match span.attributes.get("b.c")? {
                Value::Int(int) => format!("{int} as int"),
                Value::Float(float) => format!("{float:?} as double"),
                Value::Text(text) => (*text).to_owned(),
                Value::Bool(flag) => format!("{flag} as bool"),
            },
        })
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Numbers::Of { query, function, by, above } => {
                write!(f, "({query} | {function}")?;
                if !by.is_empty() {
                    let names: Vec<&str> = by.iter().map(|by| by.name()).collect();
                    write!(f, " by ({})", names.join(", "))?;
                }
                match above {
                    Some(above) => write!(f, " > {above})"),
                    None => write!(f, ")"),
                }
            }
            Numbers::WithNumber { inner, operator, number, on_left: true } => {
                write!(f, "({number} {operator} {inner})")
            }
            Numbers::WithNumber { inner, operator, number, on_left: false } => {
                write!(f, "({inner} {operator} {number})")
            }
            Numbers::Both { left, right, operator } => write!(f, "({left} {operator} {right})"),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |of: &Measured| match of {
            Measured::Duration => "duration",
            Measured::Attribute => "span.a",
        };
        match self {
            Function::Rate => write!(f, "rate()"),
            Function::Count => write!(f, "count_over_time()"),
            Function::Min(measured) => write!(f, "min_over_time({})", of(measured)),
            Function::Max(measured) => write!(f, "max_over_time({})", of(measured)),
            Function::Sum(measured) => write!(f, "sum_over_time({})", of(measured)),
            Function::Avg(measured) => write!(f, "avg_over_time({})", of(measured)),
            Function::Quantiles(measured, all) => {
                write!(f, "quantile_over_time({}", of(measured))?;
                for tenths in *all {
                    write!(f, ", {:?}", f64::from(*tenths) / 10.0)?;
                }
                write!(f, ")")
            }
            Function::Histogram => write!(f, "histogram_over_time(duration)"),
        }
    }
}
