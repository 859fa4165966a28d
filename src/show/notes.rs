//! What an answer says about itself: who is missing from it, what was odd about the question, what was cut.

use crate::answer::{Missing, Notes};

use super::{Ink, Line};

/// A warning line for each; none where the answer is whole.
pub fn lines(notes: &Notes) -> Vec<Line> {
    let mut texts = Vec::new();
    let coverage = &notes.coverage;
    if !coverage.complete {
        let missing: Vec<String> = coverage.missing.iter().map(name).collect();
        let who = if missing.is_empty() { "some sidecars".to_owned() } else { missing.join(", ") };
        texts.push(format!(
            "incomplete: {} of {} sidecars answered; missing: {who}",
            coverage.answered, coverage.asked
        ));
    }
    if notes.truncated {
        texts.push("cut: there is more than one answer may hold".to_owned());
    }
    texts.extend(notes.warnings.iter().cloned());
    texts.iter().map(|text| Line::new().with(Ink::Warning, "warning: ").with(Ink::Warning, text)).collect()
}

fn name(missing: &Missing) -> String {
    let who = match (missing.service.as_str(), missing.peer.as_str()) {
        ("", peer) => peer.to_owned(),
        (service, "") => service.to_owned(),
        (service, peer) => format!("{service} at {peer}"),
    };
    if missing.reason.is_empty() { who } else { format!("{who} ({})", missing.reason) }
}

#[cfg(test)]
mod tests;
