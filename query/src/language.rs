//! The query language: Lucene-like text, as people type it into Kibana or Quickwit, to a [`Filter`].
//!
//! ```text
//! query   = or
//! or      = and { ("OR" | "||") and }
//! and     = not { ["AND" | "&&"] not }          clauses side by side are ANDed
//! not     = { "NOT" | "!" | "-" | "+" } primary
//! primary = "(" or ")" | [field ":"] value
//! value   = word | phrase | ("<" | "<=" | ">" | ">=") (word | phrase)
//!         | ("[" | "{") word "TO" word ("]" | "}") | "(" or of values ")"
//! ```
//! A word goes on to the next space, operator (`&&`, `||`) or unmatched `)`, so that `{ } [ ] : / '` need no quotes inside one; a
//! backslash takes the next character for itself. `AND`, `OR` and `NOT` are operators in upper case only.
//! Nothing here panics on any text, and every error has the byte it is about and what was expected there.

mod bounds;
mod clause;
mod error;
mod field;
mod lexeme;
pub mod logql;
pub mod mistake;
mod parser;
pub mod pattern;
mod reader;
pub mod traceql;

use spandrel_config::Limits;
use spandrel_store::filter::Field;
use spandrel_store::{Filter, UnixNanos};

pub use error::SyntaxError;
pub(crate) use lexeme::quoted;

/// OpenTelemetry's name for the service of a record that names none. As the value of `service` it stands for
/// those records too, so that what a list of services shows can be asked for.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

/// Reads a question. Times such as `time:>=-15m` count from `now`. Empty text asks for everything.
pub fn parse(text: &str, limits: &Limits, now: UnixNanos) -> Result<Filter, SyntaxError> {
    if text.len() > limits.query_bytes_max {
        let expected = format!("at most {} bytes of query", limits.query_bytes_max);
        return Err(SyntaxError { position: limits.query_bytes_max, expected, found: "more".to_owned() });
    }
    parser::Parser::new(text, limits.query_clauses_max, now).parse()
}

/// The field that a name means, as in a clause before the colon.
pub fn field(name: &str) -> Field {
    field::Meaning::of(name).field()
}

/// The names of the fields that every record may have, whatever its attributes.
pub fn intrinsic_fields() -> impl Iterator<Item = (&'static str, &'static str)> {
    field::INTRINSICS.iter().map(|(name, meaning)| (*name, meaning.type_name()))
}

/// How an attribute is named in a question; the inverse of [`field`]. `None` for what is no attribute.
pub fn attribute_name(field: &Field) -> Option<String> {
    match field {
        Field::Attribute { place, name } => Some(format!("{}{name}", field::prefix(*place))),
        _ => None,
    }
}
