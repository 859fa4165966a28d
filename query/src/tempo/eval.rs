//! What a question in TraceQL means: which spans of a trace it answers with.
//!
//! [`Trace`] is a trace's spans as a tree, [`Subject`] one span as expressions see it; [`spans`] runs a
//! pipeline over a trace. Nothing here knows of HTTP or of sources.

mod expression;
mod pipeline;
mod subject;
mod trace;
mod value;

pub use expression::{holds, texts, values};
pub use pipeline::{Found, spans};
pub use subject::Subject;
pub use trace::Trace;
pub use value::Value;

#[cfg(test)]
mod tests;
