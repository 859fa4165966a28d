//! The tree that TraceQL is read to.

use crate::language::pattern::{OfData, Pattern};

pub use super::intrinsic::{Intrinsic, Kind, Status};

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub asked: Asked,
    pub hints: Vec<Hint>,
}

/// What a question asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Spans(Pipeline),
    Numbers(Numbers),
}

/// Series of numbers over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    Of(Box<(Pipeline, Metrics)>),
    Number(f64),
    /// `+`, `-`, `*` or `/` between series with the same labels, or with a number.
    Arithmetic(Binary, Box<Numbers>, Box<Numbers>),
    /// Of what comes out of arithmetic.
    Then(Box<Numbers>, Vec<SecondStage>),
}

/// `with(most_recent=true)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    pub name: String,
    pub value: Static,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline(pub Vec<Stage>);

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    Spanset(Spanset),
    Scalar(ScalarFilter),
    By(Expr),
    Coalesce,
    Select(Vec<Attribute>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Spanset {
    Filter(Expr),
    Operation { relation: Relation, union: Union, left: Box<Spanset>, right: Box<Spanset> },
    Pipeline(Pipeline),
}

/// How spans of the right side stand to spans of the left side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    And,
    Or,
    /// `>`: the right one is a child.
    Child,
    /// `<`: the right one is the parent.
    Parent,
    /// `>>`.
    Descendant,
    /// `<<`.
    Ancestor,
    /// `~`.
    Sibling,
}

/// What a structural operation answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Union {
    /// Spans of the right side that have such a span on the left side.
    Right,
    /// `&>>`: those, and the ones on the left side that they have.
    Both,
    /// `!>>`: spans of the right side that have none.
    Not,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    pub left: Scalar,
    pub compared: Compared,
    pub right: Scalar,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Static(Static),
    /// Everything but a count has an expression.
    Aggregate(Aggregate, Option<Expr>),
    Arithmetic(Binary, Box<Scalar>, Box<Scalar>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Count,
    Avg,
    Max,
    Min,
    Sum,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Static(Static),
    Attribute(Attribute),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `=~`, or `!~` where negated.
    Matches {
        negated: bool,
        value: Box<Expr>,
        pattern: Pattern,
    },
    /// `=~` or `!~` with an attribute on the right: each span's own value is the regular expression.
    MatchesOwn {
        negated: bool,
        value: Box<Expr>,
        pattern: Attribute,
        compiled: OfData,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    And,
    Or,
    Compare(Compared),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Static {
    Nil,
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    Status(Status),
    Kind(Kind),
}

#[derive(Debug, Clone)]
pub struct Attribute {
    pub of: Of,
    /// As the question has it, which is how a series is labelled.
    pub written: String,
    pub position: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Of {
    Intrinsic(Intrinsic),
    /// Of the parent of the span.
    ParentIntrinsic(Intrinsic),
    Named {
        scope: Scope,
        parent: bool,
        name: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    None,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    pub function: Function,
    pub by: Vec<Attribute>,
    pub second: Vec<SecondStage>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    Rate,
    CountOverTime,
    MinOverTime(Attribute),
    MaxOverTime(Attribute),
    SumOverTime(Attribute),
    AvgOverTime(Attribute),
    QuantileOverTime(Attribute, Vec<f64>),
    HistogramOverTime(Attribute),
    /// The time, where given, in nanoseconds since 1970.
    Compare {
        selection: Expr,
        top: usize,
        range: Option<(i64, i64)>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum SecondStage {
    Top(usize),
    Bottom(usize),
    Keep(Compared, f64),
}

impl Attribute {
    /// How the attribute is called in an answer: without its scope, unless it is the parent's.
    pub fn key(&self) -> &str {
        match &self.of {
            Of::Intrinsic(intrinsic) => intrinsic.name(),
            Of::ParentIntrinsic(_) | Of::Named { parent: true, .. } => &self.written,
            Of::Named { parent: false, name, .. } => name,
        }
    }

    pub fn needs_trace(&self) -> bool {
        match &self.of {
            Of::Intrinsic(intrinsic) => intrinsic.needs_trace(),
            Of::ParentIntrinsic(_) => true,
            Of::Named { parent, .. } => *parent,
        }
    }
}

impl PartialEq for Attribute {
    /// What is meant counts, not how or where it was written.
    fn eq(&self, other: &Attribute) -> bool {
        self.of == other.of
    }
}

impl Compared {
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Compared::Equal => ordering.is_eq(),
            Compared::NotEqual => ordering.is_ne(),
            Compared::Less => ordering.is_lt(),
            Compared::LessOrEqual => ordering.is_le(),
            Compared::Greater => ordering.is_gt(),
            Compared::GreaterOrEqual => ordering.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    pub fn mirrored(self) -> Compared {
        match self {
            Compared::Less => Compared::Greater,
            Compared::LessOrEqual => Compared::GreaterOrEqual,
            Compared::Greater => Compared::Less,
            Compared::GreaterOrEqual => Compared::LessOrEqual,
            same => same,
        }
    }
}

impl Expr {
    /// Visits every attribute of the expression.
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Attribute)) {
        match self {
            Expr::Static(_) => {}
            Expr::Attribute(attribute) => visit(attribute),
            Expr::Negative(inner) | Expr::Not(inner) => inner.visit(visit),
            Expr::Matches { value, .. } => value.visit(visit),
            Expr::MatchesOwn { value, pattern, .. } => {
                value.visit(visit);
                visit(pattern);
            }
            Expr::Binary(_, left, right) => {
                left.visit(visit);
                right.visit(visit);
            }
        }
    }

    /// Whether one span alone doesn't tell if this holds. Whether it is a root, it tells itself; its parent's number,
    /// only the trace.
    pub fn needs_trace(&self) -> bool {
        match self {
            Expr::Static(_) => false,
            Expr::Attribute(attribute) => attribute.needs_trace(),
            Expr::Negative(inner) | Expr::Not(inner) => inner.needs_trace(),
            Expr::Matches { value, .. } => value.needs_trace(),
            Expr::MatchesOwn { value, pattern, .. } => value.needs_trace() || pattern.needs_trace(),
            Expr::Binary(_, left, right) => {
                !self.tells_roots() && (left.needs_trace() || right.needs_trace())
            }
        }
    }

    /// `nestedSetParent < 0` and `nestedSetParent = -1`: the span is a root.
    pub fn tells_roots(&self) -> bool {
        let Expr::Binary(Binary::Compare(compared), left, right) = self else { return false };
        let number = match (left.as_ref(), right.as_ref()) {
            (Expr::Attribute(attribute), Expr::Static(Static::Int(number)))
                if attribute.of == Of::Intrinsic(Intrinsic::NestedSetParent) =>
            {
                *number
            }
            _ => return false,
        };
        matches!((compared, number), (Compared::Less, 0) | (Compared::Equal, -1))
    }
}

impl Spanset {
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Attribute)) {
        match self {
            Spanset::Filter(expr) => expr.visit(visit),
            Spanset::Operation { left, right, .. } => {
                left.visit(visit);
                right.visit(visit);
            }
            Spanset::Pipeline(pipeline) => pipeline.visit(visit),
        }
    }
}

impl Pipeline {
    /// Visits every attribute, in the order in which they stand.
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Attribute)) {
        for stage in &self.0 {
            match stage {
                Stage::Spanset(spanset) => spanset.visit(visit),
                Stage::Scalar(filter) => {
                    filter.left.visit(visit);
                    filter.right.visit(visit);
                }
                Stage::By(expr) => expr.visit(visit),
                Stage::Coalesce => {}
                Stage::Select(attributes) => attributes.iter().for_each(&mut *visit),
            }
        }
    }

    /// The one expression that decides on each span alone, where the pipeline is no more than that (and
    /// selections).
    pub fn of_single_spans(&self) -> Option<&Expr> {
        let mut stages = self.0.iter().filter(|stage| !matches!(stage, Stage::Select(_)));
        match (stages.next(), stages.next()) {
            (Some(Stage::Spanset(Spanset::Filter(expr))), None) if !expr.needs_trace() => Some(expr),
            _ => None,
        }
    }
}

impl Scalar {
    fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Attribute)) {
        match self {
            Scalar::Static(_) | Scalar::Aggregate(_, None) => {}
            Scalar::Aggregate(_, Some(expr)) => expr.visit(visit),
            Scalar::Arithmetic(_, left, right) => {
                left.visit(visit);
                right.visit(visit);
            }
        }
    }
}

impl Numbers {
    /// The questions that the numbers are made of, in the order in which they stand.
    pub fn visit<'a>(&'a self, visit: &mut dyn FnMut(&'a Pipeline, &'a Metrics)) {
        match self {
            Numbers::Of(of) => visit(&of.0, &of.1),
            Numbers::Number(_) => {}
            Numbers::Arithmetic(_, left, right) => {
                left.visit(visit);
                right.visit(visit);
            }
            Numbers::Then(inner, _) => inner.visit(visit),
        }
    }
}

impl Query {
    /// The spans that are asked for; nothing where numbers are.
    pub fn spans(&self) -> Option<&Pipeline> {
        match &self.asked {
            Asked::Spans(pipeline) => Some(pipeline),
            Asked::Numbers(_) => None,
        }
    }

    pub fn hint(&self, name: &str) -> Option<&Static> {
        self.hints.iter().find(|hint| hint.name == name).map(|hint| &hint.value)
    }
}

impl Function {
    /// What is measured of a span; nothing, where spans are counted.
    pub fn measured(&self) -> Option<&Attribute> {
        match self {
            Function::Rate | Function::CountOverTime | Function::Compare { .. } => None,
            Function::MinOverTime(of)
            | Function::MaxOverTime(of)
            | Function::SumOverTime(of)
            | Function::AvgOverTime(of)
            | Function::QuantileOverTime(of, _)
            | Function::HistogramOverTime(of) => Some(of),
        }
    }

    pub fn needs_trace(&self) -> bool {
        match self {
            Function::Compare { selection, .. } => selection.needs_trace(),
            of => of.measured().is_some_and(Attribute::needs_trace),
        }
    }
}
