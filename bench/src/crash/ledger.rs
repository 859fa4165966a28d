//! What was sent, what of it was acknowledged, and whether an answer agrees.
//!
//! Every record carries a marker of its own in the attribute [`MARKER`]; the ledger knows records by nothing
//! else, so that a record that is there twice is told by its marker alone, whatever ids it was given.

use std::collections::{BTreeMap, HashMap};

use crate::api::Record;
use crate::crash::writer::{Outcome, Sending};

/// The attribute that tells every record of a run from every other.
pub const MARKER: &str = "crash.marker";
/// The attribute that all records of one round share.
pub(super) const ROUND: &str = "crash.round";

#[derive(Debug, Default)]
pub struct Ledger {
    acknowledged: HashMap<String, bool>,
    by_trace: BTreeMap<String, Vec<String>>,
    by_round: BTreeMap<usize, Vec<String>>,
    traces_by_round: BTreeMap<usize, Vec<String>>,
}

impl Ledger {
    /// Notes a request; one that is noted again keeps its best outcome.
    pub fn note(&mut self, sending: &Sending) {
        let acknowledged = sending.outcome == Outcome::Acknowledged;
        for record in &sending.records {
            if let Some(known) = self.acknowledged.get_mut(&record.marker) {
                *known |= acknowledged;
                continue;
            }
            self.acknowledged.insert(record.marker.clone(), acknowledged);
            self.by_round.entry(sending.round).or_default().push(record.marker.clone());
            let of_trace = self.by_trace.entry(record.trace_id.clone()).or_default();
            if of_trace.is_empty() {
                self.traces_by_round.entry(sending.round).or_default().push(record.trace_id.clone());
            }
            of_trace.push(record.marker.clone());
        }
    }

    pub fn rounds(&self) -> impl Iterator<Item = usize> {
        self.by_round.keys().copied()
    }

    pub fn traces(&self) -> impl Iterator<Item = &str> {
        self.by_trace.keys().map(String::as_str)
    }

    pub fn traces_of(&self, round: usize) -> impl Iterator<Item = &str> {
        self.traces_by_round.get(&round).into_iter().flatten().map(String::as_str)
    }

    /// Acknowledged records, and those sent in vain.
    pub fn counts(&self) -> (usize, usize) {
        let acknowledged = self.acknowledged.values().filter(|acknowledged| **acknowledged).count();
        (acknowledged, self.acknowledged.len() - acknowledged)
    }

    /// How many acknowledged records are not among `found`; for damage that may cost some.
    pub fn missing(&self, found: &[String]) -> usize {
        let found: std::collections::HashSet<&str> = found.iter().map(String::as_str).collect();
        let required = self.acknowledged.iter().filter(|(_, acknowledged)| **acknowledged);
        required.filter(|(marker, _)| !found.contains(marker.as_str())).count()
    }

    pub fn check_round(&self, round: usize, found: &[String]) -> anyhow::Result<()> {
        let sent = self.by_round.get(&round).map_or(&[][..], Vec::as_slice);
        self.check(&format!("search for round {round}"), sent, found)
    }

    pub fn check_trace(&self, trace_id: &str, found: &[String]) -> anyhow::Result<()> {
        let sent = self.by_trace.get(trace_id).map_or(&[][..], Vec::as_slice);
        self.check(&format!("trace {trace_id}"), sent, found)
    }

    /// Of what was sent, what was acknowledged is found, nothing is found twice, and nothing else is.
    fn check(&self, what: &str, sent: &[String], found: &[String]) -> anyhow::Result<()> {
        let mut times: HashMap<&str, usize> = found.iter().map(|marker| (marker.as_str(), 0)).collect();
        for marker in found {
            let times = times.entry(marker).or_default();
            *times += 1;
            anyhow::ensure!(*times == 1, "{what}: {marker} is there twice");
        }
        let mut missing = Vec::new();
        for marker in sent {
            let is_found = times.remove(marker.as_str()).is_some();
            if !is_found && self.acknowledged.get(marker).copied().unwrap_or_default() {
                missing.push(marker.as_str());
            }
        }
        let first = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        anyhow::ensure!(
            missing.is_empty(),
            "{what}: {} acknowledged records missing: {first}",
            missing.len()
        );
        let stranger = times.into_keys().next();
        anyhow::ensure!(stranger.is_none(), "{what}: {stranger:?} was never sent there");
        Ok(())
    }

    pub fn describe(&self) -> String {
        let (acknowledged, unacknowledged) = self.counts();
        format!("{acknowledged} records acknowledged in all, {unacknowledged} not")
    }
}

pub(super) fn round_name(round: usize) -> String {
    format!("r{round}")
}

/// The marker of a record of an answer.
pub(super) fn marker_of(record: &Record) -> anyhow::Result<String> {
    let marker = record.attributes.get(MARKER).and_then(|value| value.as_str());
    marker.map(str::to_owned).ok_or_else(|| anyhow::anyhow!("record {} has no {MARKER}", record.id))
}

#[cfg(test)]
mod tests;
