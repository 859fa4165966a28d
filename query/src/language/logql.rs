//! LogQL: text to an [`Expr`], as Grafana and people write it.
//!
//! Keywords are read in any case, comments and both kinds of quotes as Loki does. What has no meaning is a
//! [`Mistake`] with its position, and so is what this program does not evaluate. [`narrow`] gives the store's
//! filter that every log record of a question passes.

mod ast;
mod format;
mod lexer;
mod narrow;
mod parser;
mod pipeline;
pub mod template;

use spandrel_config::Limits;

use super::SyntaxError;
use super::mistake::Mistake;

pub use ast::{
    Aggregation, At, Binary, Conversion, Expr, Grouping, IpRange, LabelFilter, LabelFormat, LineFilter,
    LineTest, LogQuery, Matched, Matcher, Matching, Measured, Metric, Operator, PathPart, PatternPart,
    RangeFunction, Side, Stage, Vectors,
};
pub use format::format;
pub use lexer::bytes_of;
pub use narrow::narrow;
pub use parser::pattern_parts;

/// Reads a question.
pub fn parse(text: &str, limits: &Limits) -> Result<Expr, Mistake> {
    parser::Parser::new(checked(text, limits)?, limits.query_clauses_max)?.question()
}

/// Reads a selector with nothing behind it; `{}` selects everything.
pub fn selector(text: &str, limits: &Limits) -> Result<Vec<Matcher>, Mistake> {
    parser::Parser::new(checked(text, limits)?, limits.query_clauses_max)?.only_selector()
}

fn checked<'t>(text: &'t str, limits: &Limits) -> Result<&'t str, Mistake> {
    if text.len() <= limits.query_bytes_max {
        return Ok(text);
    }
    let expected = format!("at most {} bytes of query", limits.query_bytes_max);
    Err(SyntaxError { position: limits.query_bytes_max, expected, found: "more".to_owned() }.into())
}

#[cfg(test)]
mod tests;
