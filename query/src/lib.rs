//! Answers: from a question over HTTP to the records that match, over all sources.
//!
//! The API modules parse a request and write the response; [`language`] turns query text into a filter; the
//! [`engine`] asks every [`source`] and merges, and knows no wire format. Trace analysis works on records
//! alone. Nothing here imports the collector.

pub mod coverage;
pub mod engine;
pub mod language;
pub mod render;
pub mod source;
pub mod time;
pub mod trace;
