//! What a question in LogQL means: [`Entry`] is a log record as Loki has it, [`Pipeline`] runs stages over one,
//! [`Series`] are numbers over time and what is calculated with them. Nothing here knows of HTTP or of sources.

mod aggregate;
mod entry;
mod parsers;
mod pipeline;
mod window;

pub use aggregate::{Steps, Vector, evaluate, leaves};
pub use entry::{Entry, Kind, index_attributes, mangled, stream_labels};
pub use pipeline::{Pipeline, PipelineError};
pub use window::{Samples, SeriesOverflow};

/// Finds the labels in a line as `json` or `logfmt` would.
pub fn parse_line(entry: &mut Entry, json: bool) {
    match json {
        true => parsers::json(entry, &[]),
        false => parsers::logfmt(entry, false, false, &[]),
    }
}

#[cfg(test)]
mod tests;
