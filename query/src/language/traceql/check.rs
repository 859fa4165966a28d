//! Whether a question has a meaning: types are compared with their like, braces hold what is true or false,
//! and aggregates say something about spans.

use super::ast::{
    Aggregate, Asked, Attribute, Binary, Compared, Expr, Function, Intrinsic, Numbers, Of, Pipeline, Query,
    Scalar, Spanset, Stage, Static,
};
use super::metrics::NOTHING_MORE;
use crate::language::mistake::Mistake;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// An attribute's, which each span has its own of.
    Any,
    Nil,
    Number,
    Text,
    Bool,
    Status,
    Kind,
}

pub(super) fn check(query: &Query) -> Result<(), Mistake> {
    let numbers = match &query.asked {
        Asked::Spans(of) => return pipeline(of),
        Asked::Numbers(numbers) => numbers,
    };
    let alone = matches!(numbers, Numbers::Of(_));
    let mut checked = Ok(());
    numbers.visit(&mut |of, metrics| {
        if checked.is_ok() {
            checked = pipeline(of).and_then(|()| function(&metrics.function));
        }
        if !alone && matches!(metrics.function, Function::Compare { .. }) {
            checked = Err(Mistake::invalid(0, NOTHING_MORE));
        }
    });
    checked
}

fn function(of: &Function) -> Result<(), Mistake> {
    if let Function::Compare { selection, .. } = of {
        return condition(selection);
    }
    match of.measured() {
        Some(of) if !matches!(type_of_attribute(of), Type::Any | Type::Number) => {
            Err(Mistake::invalid(of.position, format!("`{}` is not a number", of.written)))
        }
        _ => Ok(()),
    }
}

fn pipeline(pipeline: &Pipeline) -> Result<(), Mistake> {
    for stage in &pipeline.0 {
        match stage {
            Stage::Spanset(of) => spanset(of)?,
            Stage::Scalar(filter) => {
                let (left, right) = (scalar(&filter.left)?, scalar(&filter.right)?);
                if !left && !right {
                    return Err(Mistake::invalid(
                        0,
                        "a comparison of numbers alone says nothing about spans",
                    ));
                }
            }
            Stage::By(expr) => {
                type_of(expr)?;
                about_spans(expr)?;
            }
            Stage::Coalesce | Stage::Select(_) => {}
        }
    }
    Ok(())
}

fn spanset(of: &Spanset) -> Result<(), Mistake> {
    match of {
        Spanset::Filter(expr) => condition(expr),
        Spanset::Operation { left, right, .. } => {
            spanset(left)?;
            spanset(right)
        }
        Spanset::Pipeline(inner) => pipeline(inner),
    }
}

fn condition(expr: &Expr) -> Result<(), Mistake> {
    match type_of(expr)? {
        Type::Bool | Type::Any => Ok(()),
        _ => Err(Mistake::invalid(place(expr), "a span filter must be true or false")),
    }
}

/// Whether the scalar has an aggregate in it.
fn scalar(scalar_expr: &Scalar) -> Result<bool, Mistake> {
    match scalar_expr {
        Scalar::Static(_) | Scalar::Aggregate(Aggregate::Count, _) | Scalar::Aggregate(_, None) => {
            Ok(!matches!(scalar_expr, Scalar::Static(_)))
        }
        Scalar::Aggregate(_, Some(expr)) => {
            if !matches!(type_of(expr)?, Type::Number | Type::Any) {
                return Err(Mistake::invalid(place(expr), "an aggregate needs a number"));
            }
            about_spans(expr)?;
            Ok(true)
        }
        Scalar::Arithmetic(_, left, right) => Ok(scalar(left)? | scalar(right)?),
    }
}

fn about_spans(expr: &Expr) -> Result<(), Mistake> {
    let mut any = false;
    expr.visit(&mut |_| any = true);
    if any { Ok(()) } else { Err(Mistake::invalid(place(expr), "the expression must reference the span")) }
}

fn type_of(expr: &Expr) -> Result<Type, Mistake> {
    Ok(match expr {
        Expr::Static(value) => match value {
            Static::Nil => Type::Nil,
            Static::Int(_) | Static::Float(_) | Static::Duration(_) => Type::Number,
            Static::Text(_) => Type::Text,
            Static::Bool(_) => Type::Bool,
            Static::Status(_) => Type::Status,
            Static::Kind(_) => Type::Kind,
        },
        Expr::Attribute(attribute) => type_of_attribute(attribute),
        Expr::Negative(inner) => match type_of(inner)? {
            Type::Number | Type::Any => Type::Number,
            _ => return Err(Mistake::invalid(place(expr), "`-` needs a number")),
        },
        Expr::Not(inner) => match type_of(inner)? {
            Type::Bool | Type::Any => Type::Bool,
            _ => return Err(Mistake::invalid(place(expr), "`!` needs what is true or false")),
        },
        Expr::Matches { value, .. } => match type_of(value)? {
            Type::Text | Type::Any => Type::Bool,
            _ => return Err(Mistake::invalid(place(value), "a regular expression matches text")),
        },
        Expr::MatchesOwn { value, pattern, .. } => match (type_of(value)?, type_of_attribute(pattern)) {
            (Type::Text | Type::Any, Type::Text | Type::Any) => Type::Bool,
            (Type::Text | Type::Any, _) => {
                return Err(Mistake::invalid(pattern.position, format!("`{}` is not text", pattern.written)));
            }
            _ => return Err(Mistake::invalid(place(value), "a regular expression matches text")),
        },
        Expr::Binary(binary, left, right) => binary_type(*binary, expr, type_of(left)?, type_of(right)?)?,
    })
}

fn binary_type(binary: Binary, expr: &Expr, left: Type, right: Type) -> Result<Type, Mistake> {
    let both = |fits: &[Type]| fits.contains(&left) && fits.contains(&right);
    match binary {
        Binary::And | Binary::Or if both(&[Type::Bool, Type::Any]) => Ok(Type::Bool),
        Binary::And | Binary::Or => Err(Mistake::invalid(place(expr), "`&&` and `||` join conditions")),
        Binary::Compare(compared) => {
            let any = left == Type::Any || right == Type::Any;
            let nil = left == Type::Nil || right == Type::Nil;
            let equality = matches!(compared, Compared::Equal | Compared::NotEqual);
            let ordered = |of: Type| matches!(of, Type::Number | Type::Text | Type::Any);
            let fits = (any || nil || left == right) && (equality || (ordered(left) && ordered(right)));
            match fits {
                true => Ok(Type::Bool),
                false => Err(Mistake::invalid(place(expr), "values of different types are compared")),
            }
        }
        _ if both(&[Type::Number, Type::Any]) => Ok(Type::Number),
        _ => Err(Mistake::invalid(place(expr), "arithmetic needs numbers")),
    }
}

fn type_of_attribute(attribute: &Attribute) -> Type {
    let (Of::Intrinsic(intrinsic) | Of::ParentIntrinsic(intrinsic)) = attribute.of else { return Type::Any };
    use Intrinsic::*;
    match intrinsic {
        Duration | ChildCount | NestedSetLeft | NestedSetRight | NestedSetParent | TraceDuration
        | EventTimeSinceStart => Type::Number,
        Name
        | StatusMessage
        | RootName
        | RootService
        | TraceId
        | SpanId
        | ParentId
        | EventName
        | LinkTraceId
        | LinkSpanId
        | InstrumentationName
        | InstrumentationVersion => Type::Text,
        Intrinsic::Status => Type::Status,
        Intrinsic::Kind => Type::Kind,
        Parent => Type::Any,
    }
}

/// Where an expression begins, as far as it says.
fn place(expr: &Expr) -> usize {
    let mut place: Option<usize> = None;
    expr.visit(&mut |attribute| {
        place = Some(place.map_or(attribute.position, |at| at.min(attribute.position)))
    });
    place.unwrap_or(0)
}
