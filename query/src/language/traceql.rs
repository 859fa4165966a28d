//! TraceQL: text to a [`Query`], as Grafana and people write it.
//!
//! The whole grammar is read. What has no meaning is a [`Mistake`] with its position, and so is what this
//! program does not evaluate. Only hints (`with(…)`) are read and change nothing: answers are exact and the newest
//! come first without them. `&&` and `||` bind alike and to the left, as
//! in Tempo. [`narrow`] gives the store's filter that every span of a question's answer passes.

mod ast;
mod check;
mod expression;
mod intrinsic;
mod lenient;
mod lexer;
mod math;
mod metrics;
mod narrow;
mod parser;

use spandrel_config::Limits;

use super::SyntaxError;
use super::mistake::Mistake;

pub use ast::{
    Aggregate, Asked, Attribute, Binary, Compared, Expr, Function, Hint, Intrinsic, Kind, Metrics, Numbers,
    Of, Pipeline, Query, Relation, Scalar, ScalarFilter, Scope, SecondStage, Spanset, Stage, Static, Status,
    Union,
};
pub use lenient::conditions;
pub use math::calculate;
pub use narrow::{narrow, narrow_pipeline};

/// Reads a question; empty text asks for every span.
pub fn parse(text: &str, limits: &Limits) -> Result<Query, Mistake> {
    if text.len() > limits.query_bytes_max {
        let expected = format!("at most {} bytes of query", limits.query_bytes_max);
        return Err(
            SyntaxError { position: limits.query_bytes_max, expected, found: "more".to_owned() }.into()
        );
    }
    let text = if text.trim().is_empty() { "{}" } else { text };
    let query = parser::Parser::new(text, limits.query_clauses_max)?.query()?;
    check::check(&query)?;
    Ok(query)
}

/// The attribute that a tag's name means, as Grafana asks for its values: `resource.service.name`, `.foo`,
/// `status`, `event:name`. A bare name that is no intrinsic is an attribute of any scope.
pub fn attribute(name: &str) -> Attribute {
    lexer::whole_attribute(name).unwrap_or_else(|| Attribute {
        of: Of::Named { scope: Scope::None, parent: false, name: name.to_owned() },
        written: name.to_owned(),
        position: 0,
    })
}

#[cfg(test)]
mod tests;
