//! Which services a store holds records of, found out at once: a sidecar is asked so every ten seconds by each gateway.
//!
//! Resources stand in a partition once, and its dictionary says which of them blocks of records name. No block is read, so
//! that ten million records cost no more than a thousand.

use std::collections::HashMap;

use crate::snapshot::Snapshot;

impl Snapshot {
    /// The services, those first that have the most records: about the most, for a block that has some is counted as if all
    /// of it were theirs.
    pub fn services(&self) -> Vec<String> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        let mut add = |service: &str, records: u64| match counts.get_mut(service) {
            Some(sum) => *sum += records,
            None if service.is_empty() => {}
            None => drop(counts.insert(service.to_owned(), records)),
        };
        for batch in self.state.head.batches() {
            batch.entries().iter().for_each(|entry| add(batch.context(entry).resource.service(), 1));
        }
        for view in &self.state.partitions {
            view.services(&mut add);
        }
        let mut services: Vec<(String, u64)> = counts.into_iter().collect();
        services.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        services.into_iter().map(|(service, _)| service).collect()
    }
}

#[cfg(test)]
mod tests;
