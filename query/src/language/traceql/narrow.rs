//! Of a question, what the store can decide: a filter that every span of the answer passes, and often others
//! too. The evaluation decides on those.

use spandrel_store::filter::{Comparison, Field, Operand, Place, Test};
use spandrel_store::{Filter, TraceIdMatch};

use super::ast::{
    Attribute, Binary, Compared, Expr, Intrinsic, Of, Pipeline, Relation, Scope, Spanset, Stage, Static,
    Union,
};

/// Every span that the pipeline answers with passes this.
pub fn narrow_pipeline(pipeline: &Pipeline) -> Filter {
    pipeline.0.iter().fold(Filter::All, |filter, stage| match stage {
        Stage::Spanset(spanset) => filter.and(narrow_spanset(spanset)),
        Stage::Scalar(_) | Stage::By(_) | Stage::Coalesce | Stage::Select(_) => filter,
    })
}

fn narrow_spanset(spanset: &Spanset) -> Filter {
    match spanset {
        Spanset::Filter(expr) => narrow(expr),
        Spanset::Pipeline(pipeline) => narrow_pipeline(pipeline),
        Spanset::Operation { relation: Relation::And | Relation::Or, left, right, .. }
        | Spanset::Operation { union: Union::Both, left, right, .. } => {
            either(narrow_spanset(left), narrow_spanset(right))
        }
        Spanset::Operation { right, .. } => narrow_spanset(right),
    }
}

/// Every span that the expression holds for passes this.
pub fn narrow(expr: &Expr) -> Filter {
    match expr {
        Expr::Static(Static::Bool(false)) => Filter::Nothing,
        Expr::Attribute(attribute) => compare(attribute, Compared::Equal, &Static::Bool(true)),
        Expr::Matches { negated, value, pattern } => match value.as_ref() {
            Expr::Attribute(attribute) => match pattern.literals().filter(|_| !negated) {
                Some(texts) => {
                    let one = |text: String| compare(attribute, Compared::Equal, &Static::Text(text));
                    texts.into_iter().map(one).reduce(either).unwrap_or(Filter::All)
                }
                None => exists(attribute),
            },
            _ => Filter::All,
        },
        // Without a text and an expression, neither `=~` nor `!~` holds.
        Expr::MatchesOwn { value, pattern, .. } => match value.as_ref() {
            Expr::Attribute(attribute) => exists(attribute).and(exists(pattern)),
            _ => exists(pattern),
        },
        Expr::Binary(Binary::And, left, right) => narrow(left).and(narrow(right)),
        Expr::Binary(Binary::Or, left, right) => either(narrow(left), narrow(right)),
        Expr::Binary(Binary::Compare(_), _, _) if expr.tells_roots() => {
            Filter::Not(Box::new(Filter::is(Field::ParentSpanId, Test::Exists)))
        }
        Expr::Binary(Binary::Compare(compared), left, right) => match (left.as_ref(), right.as_ref()) {
            (Expr::Attribute(attribute), Expr::Static(value)) => compare(attribute, *compared, value),
            (Expr::Static(value), Expr::Attribute(attribute)) => {
                compare(attribute, compared.mirrored(), value)
            }
            _ => Filter::All,
        },
        Expr::Static(_) | Expr::Negative(_) | Expr::Not(_) | Expr::Binary(..) => Filter::All,
    }
}

fn either(left: Filter, right: Filter) -> Filter {
    match (left, right) {
        (Filter::All, _) | (_, Filter::All) => Filter::All,
        (Filter::Nothing, other) | (other, Filter::Nothing) => other,
        (Filter::Or(mut all), other) => {
            all.push(other);
            Filter::Or(all)
        }
        (left, right) => Filter::Or(vec![left, right]),
    }
}

fn exists(attribute: &Attribute) -> Filter {
    // A status without a message has the message "".
    if attribute.of == Of::Intrinsic(Intrinsic::StatusMessage) {
        return Filter::All;
    }
    any_field(attribute, |field| Filter::is(field, Test::Exists))
}

fn compare(attribute: &Attribute, compared: Compared, value: &Static) -> Filter {
    let operand = match value {
        // What is not there is not found by looking for it.
        Static::Nil if compared == Compared::NotEqual => return exists(attribute),
        Static::Nil => return Filter::All,
        Static::Int(int) | Static::Duration(int) => Operand::new(&int.to_string()),
        Static::Float(float) => Operand::new(&float.to_string()),
        Static::Text(text) => return compare_text(attribute, compared, text),
        Static::Bool(flag) => Operand::new(if *flag { "true" } else { "false" }),
        Static::Status(status) => Operand::new(&status.to_string()),
        Static::Kind(kind) => Operand::new(&kind.to_string()),
    };
    let test = match compared {
        Compared::Equal => Test::Equals(operand),
        Compared::NotEqual => Test::Exists,
        Compared::Less => Test::Compare(Comparison::Less, operand),
        Compared::LessOrEqual => Test::Compare(Comparison::LessOrEqual, operand),
        Compared::Greater => Test::Compare(Comparison::Greater, operand),
        Compared::GreaterOrEqual => Test::Compare(Comparison::GreaterOrEqual, operand),
    };
    any_field(attribute, |field| Filter::is(field, test.clone()))
}

/// The store compares text that reads as a number as one; so only equality is left to it.
fn compare_text(attribute: &Attribute, compared: Compared, text: &str) -> Filter {
    if compared != Compared::Equal {
        return exists(attribute);
    }
    match &attribute.of {
        Of::Intrinsic(Intrinsic::TraceId) => match TraceIdMatch::parse(text) {
            Ok(id) => Filter::is(Field::TraceId, Test::TraceId(id)),
            Err(_) => Filter::Nothing,
        },
        Of::Named { scope: Scope::Resource, parent: false, name } if name == "service.name" => {
            Filter::equals(Field::Service, text)
        }
        _ if text.is_empty() => Filter::All,
        _ => any_field(attribute, |field| Filter::equals(field, text)),
    }
}

/// The filter over every field that the attribute may be in; all, where the store has none for it.
fn any_field(attribute: &Attribute, filter: impl Fn(Field) -> Filter) -> Filter {
    let fields = fields(attribute);
    fields.into_iter().map(filter).reduce(either).unwrap_or(Filter::All)
}

fn fields(attribute: &Attribute) -> Vec<Field> {
    match &attribute.of {
        Of::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::Duration => vec![Field::Duration],
            Intrinsic::Name => vec![Field::Name],
            Intrinsic::Status => vec![Field::Status],
            Intrinsic::StatusMessage => vec![Field::StatusMessage],
            Intrinsic::Kind => vec![Field::SpanKind],
            Intrinsic::SpanId => vec![Field::SpanId],
            Intrinsic::ParentId | Intrinsic::Parent => vec![Field::ParentSpanId],
            Intrinsic::EventName => vec![Field::EventName],
            Intrinsic::InstrumentationName => vec![Field::ScopeName],
            Intrinsic::InstrumentationVersion => vec![Field::ScopeVersion],
            _ => Vec::new(),
        },
        Of::ParentIntrinsic(_) | Of::Named { parent: true, .. } => Vec::new(),
        Of::Named { scope, parent: false, name } => {
            let place = match scope {
                Scope::None => Place::Any,
                Scope::Span => Place::Record,
                Scope::Resource => Place::Resource,
                Scope::Event => Place::Event,
                Scope::Instrumentation => Place::Scope,
                Scope::Link => return Vec::new(),
            };
            let field = Field::Attribute { place, name: name.clone() };
            // `event.name` is how Grafana's form spells the name of an event.
            match (scope, name.as_str()) {
                (Scope::Event, "name") => vec![field, Field::EventName],
                _ => vec![field],
            }
        }
    }
}
