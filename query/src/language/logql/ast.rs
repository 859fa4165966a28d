//! The tree that LogQL is read to.

use std::net::IpAddr;

use super::template::Template;
use crate::language::pattern::Pattern;

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Log(LogQuery),
    Metric(Metric),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogQuery {
    pub matchers: Vec<Matcher>,
    pub stages: Vec<Stage>,
}

/// A test of a label's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher {
    pub label: String,
    pub matched: Matched,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Matched {
    Equal(String),
    NotEqual(String),
    Regex(Pattern),
    NotRegex(Pattern),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Line(LineFilter),
    /// Labels with the paths of their values; none for all.
    Json(Vec<(String, Vec<PathPart>)>),
    /// Labels with their keys; none for all.
    Logfmt {
        strict: bool,
        keep_empty: bool,
        fields: Vec<(String, String)>,
    },
    Regexp(Pattern),
    Pattern(Vec<PatternPart>),
    Unpack,
    Decolorize,
    Label(LabelFilter),
    LineFormat(Template),
    LabelFormat(Vec<(String, LabelFormat)>),
    /// Labels, or those whose values match.
    Drop(Vec<(String, Option<Matcher>)>),
    Keep(Vec<(String, Option<Matcher>)>),
    Unwrap {
        label: String,
        conversion: Conversion,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct LineFilter {
    pub negated: bool,
    /// Any of them.
    pub any: Vec<LineTest>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LineTest {
    Contains(String),
    Matches(Pattern),
    /// The pattern's literal parts, with its wildcards between.
    Like(Vec<PatternPart>),
    Ip(IpRange),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    Key(String),
    Index(usize),
}

/// A piece of a pattern such as `<ip> - <_>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternPart {
    Literal(String),
    /// Without a name it is `<_>`.
    Capture(Option<String>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum LabelFilter {
    And(Box<LabelFilter>, Box<LabelFilter>),
    Or(Box<LabelFilter>, Box<LabelFilter>),
    Match(Matcher),
    Number(String, Operator, f64),
    /// Seconds.
    Duration(String, Operator, f64),
    Bytes(String, Operator, f64),
    Ip {
        label: String,
        negated: bool,
        range: IpRange,
    },
}

/// Addresses from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    pub first: IpAddr,
    pub last: IpAddr,
}

#[derive(Debug, Clone, PartialEq)]
pub enum LabelFormat {
    Rename(String),
    Template(Template),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    Number,
    /// Seconds.
    Duration,
    Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    Range(Box<Measured>),
    Aggregate {
        aggregation: Aggregation,
        grouping: Option<Grouping>,
        inner: Box<Metric>,
    },
    Binary(Box<Binary>),
    Number(f64),
    /// A number in a vector without labels.
    Vector(f64),
    LabelReplace {
        inner: Box<Metric>,
        to: String,
        replacement: String,
        from: String,
        pattern: Pattern,
    },
}

/// A function over the lines of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub function: RangeFunction,
    pub log: LogQuery,
    pub range_ns: u64,
    /// Back in time, or forth where negative.
    pub offset_ns: i64,
    /// The one time at which it is evaluated, whatever the time of the answer.
    pub at: Option<At>,
    pub grouping: Option<Grouping>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Nanoseconds since 1970.
    Time(u64),
    /// Of the question's range.
    Start,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RangeFunction {
    Rate,
    RateCounter,
    Count,
    BytesRate,
    Bytes,
    Absent,
    Sum,
    Avg,
    Max,
    Min,
    First,
    Last,
    Stdvar,
    Stddev,
    Quantile(f64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregation {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    Top(usize),
    Bottom(usize),
    Sort,
    SortDescending,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub operator: Operator,
    /// A comparison says 0 or 1 in place of keeping what passes.
    pub as_bool: bool,
    pub vectors: Option<Vectors>,
    pub left: Metric,
    pub right: Metric,
}

/// How the series of both sides find each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vectors {
    pub matching: Matching,
    /// The side with many series for one of the other, and labels that it takes over.
    pub many: Option<(Side, Vec<String>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    On(Vec<String>),
    Ignoring(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Left,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Unless,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

impl Matcher {
    pub fn matches(&self, value: &str) -> bool {
        match &self.matched {
            Matched::Equal(text) => value == text,
            Matched::NotEqual(text) => value != text,
            Matched::Regex(pattern) => pattern.matches(value),
            Matched::NotRegex(pattern) => !pattern.matches(value),
        }
    }
}

impl Operator {
    /// Whether a comparison holds; `None` for what compares nothing.
    pub fn compares(self, left: f64, right: f64) -> Option<bool> {
        Some(match self {
            Operator::Equal => left == right,
            Operator::NotEqual => left != right,
            Operator::Less => left < right,
            Operator::LessOrEqual => left <= right,
            Operator::Greater => left > right,
            Operator::GreaterOrEqual => left >= right,
            _ => return None,
        })
    }

    pub fn calculate(self, left: f64, right: f64) -> f64 {
        match self {
            Operator::Add => left + right,
            Operator::Sub => left - right,
            Operator::Mul => left * right,
            Operator::Div if right == 0.0 => f64::NAN,
            Operator::Mod if right == 0.0 => f64::NAN,
            Operator::Div => left / right,
            Operator::Mod => left % right,
            Operator::Pow => left.powf(right),
            _ => f64::NAN,
        }
    }

    pub fn is_set(self) -> bool {
        matches!(self, Operator::Or | Operator::And | Operator::Unless)
    }
}

impl IpRange {
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.first, self.last, ip) {
            (IpAddr::V4(first), IpAddr::V4(last), IpAddr::V4(ip)) => first <= ip && ip <= last,
            (IpAddr::V6(first), IpAddr::V6(last), IpAddr::V6(ip)) => first <= ip && ip <= last,
            _ => false,
        }
    }

    /// One address, `a-b`, or `a/bits`.
    pub fn parse(text: &str) -> Option<IpRange> {
        if let Some((first, last)) = text.split_once('-') {
            let range = IpRange { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? };
            return (range.first.is_ipv4() == range.last.is_ipv4()).then_some(range);
        }
        let Some((address, bits)) = text.split_once('/') else {
            let address = text.parse().ok()?;
            return Some(IpRange { first: address, last: address });
        };
        let bits: u32 = bits.parse().ok()?;
        match address.parse().ok()? {
            IpAddr::V4(address) => {
                let rest = u32::MAX.checked_shr(bits).filter(|_| bits <= 32).or((bits == 32).then_some(0))?;
                let address = u32::from(address);
                Some(IpRange {
                    first: IpAddr::V4((address & !rest).into()),
                    last: IpAddr::V4((address | rest).into()),
                })
            }
            IpAddr::V6(address) => {
                let rest =
                    u128::MAX.checked_shr(bits).filter(|_| bits <= 128).or((bits == 128).then_some(0))?;
                let address = u128::from(address);
                Some(IpRange {
                    first: IpAddr::V6((address & !rest).into()),
                    last: IpAddr::V6((address | rest).into()),
                })
            }
        }
    }
}
