//! What an answer says about itself: who is missing from it, what is known to be lost, what was odd about the
//! question, what was cut.
//!
//! A sidecar that did not answer and one that answered but has lost records are told apart: the first may be asked
//! again, the second not.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::answer::{Coverage, Missing, Notes};

use super::{Ink, Line, units};

/// Records that a sidecar had and cannot show, whoever asks how often.
#[derive(Default)]
struct Lost {
    gaps: usize,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    /// When they were is not known of all.
    at_any_time: bool,
}

/// A warning line for each; none where the answer is whole.
pub fn lines(notes: &Notes) -> Vec<Line> {
    let mut texts = missing(&notes.coverage);
    if notes.truncated {
        texts.push("cut: there is more than one answer may hold".to_owned());
    }
    texts.extend(notes.warnings.iter().cloned());
    texts.iter().map(|text| Line::new().with(Ink::Warning, "warning: ").with(Ink::Warning, text)).collect()
}

/// What is missing from an answer, in words.
pub fn missing(coverage: &Coverage) -> Vec<String> {
    match coverage.complete {
        true => Vec::new(),
        false => silent(coverage).into_iter().chain(lost(coverage)).collect(),
    }
}

/// Who did not answer.
fn silent(coverage: &Coverage) -> Option<String> {
    let silent: Vec<String> = coverage
        .missing
        .iter()
        .filter(|missing| what_was_lost(&missing.reason).is_none())
        .map(name)
        .collect();
    if silent.is_empty() && !coverage.missing.is_empty() {
        return None;
    }
    let who = if silent.is_empty() { "some sidecars".to_owned() } else { silent.join(", ") };
    let (answered, asked) = (coverage.answered, coverage.asked);
    Some(format!("incomplete: {answered} of {asked} sidecars answered; missing: {who}"))
}

/// What those who answered cannot show any more, one line for each of them and reason.
fn lost(coverage: &Coverage) -> Vec<String> {
    let mut all: BTreeMap<(String, &'static str), Lost> = BTreeMap::new();
    for missing in &coverage.missing {
        if let Some(what) = what_was_lost(&missing.reason) {
            all.entry((who(missing), what)).or_default().add(missing);
        }
    }
    let text =
        |((who, what), lost): ((String, &str), Lost)| format!("incomplete: {who}: {what}{}", lost.when());
    all.into_iter().map(text).collect()
}

fn what_was_lost(reason: &str) -> Option<&'static str> {
    match reason {
        "set_aside" => Some("damaged records were set aside"),
        "deleted" => Some("records were deleted by retention"),
        "gone" => Some("the sidecar is gone with its records"),
        _ => None,
    }
}

impl Lost {
    fn add(&mut self, missing: &Missing) {
        self.gaps += 1;
        self.at_any_time |= missing.start.is_none() || missing.end.is_none();
        self.start = self.start.into_iter().chain(missing.start).min();
        self.end = self.end.into_iter().chain(missing.end).max();
    }

    fn when(&self) -> String {
        let gaps = if self.gaps > 1 { format!(" ({} gaps)", self.gaps) } else { String::new() };
        match (self.start, self.end) {
            (Some(start), Some(end)) if !self.at_any_time => {
                format!(", from {} to {}{gaps}", units::stamp(start), units::stamp(end))
            }
            _ => format!(", of which time is not known{gaps}"),
        }
    }
}

fn who(missing: &Missing) -> String {
    match (missing.service.as_str(), missing.peer.as_str()) {
        ("", peer) => peer.to_owned(),
        (service, "") => service.to_owned(),
        (service, peer) => format!("{service} at {peer}"),
    }
}

fn name(missing: &Missing) -> String {
    if missing.reason.is_empty() { who(missing) } else { format!("{} ({})", who(missing), missing.reason) }
}

#[cfg(test)]
mod tests;
