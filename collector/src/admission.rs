//! The bytes that one request holds of the memory budget, from its first body bytes to its records.
//!
//! A request holds two permits: one for its body, given back once it is decoded, and one for its records,
//! which travels inside the batch. Both grow before the memory that they stand for is taken, so no client
//! makes the process hold more than the budget, whatever it sends and however well it compresses.

use std::time::Duration;

use spandrel_store::{MemoryBudget, Permit};

use crate::refusal::Refusal;

/// How often a waiting request looks whether others have given bytes back.
const WAIT_STEP: Duration = Duration::from_millis(10);

/// A connection holds about so much of a body that is being read, besides what is charged of it.
const CONNECTION_BYTES: usize = 24 << 10;

/// What an overloaded client is told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Admission {
    budget: MemoryBudget,
    body: Permit,
    records: Permit,
    /// Of the records' permit, what no record has needed yet.
    reserved: usize,
    /// Bytes that the request holds besides, of which this is for a part.
    around: usize,
    /// `limits.admission_wait`.
    wait: Duration,
}

impl Admission {
    pub(crate) fn new(budget: &MemoryBudget, wait: Duration) -> Option<Admission> {
        let (body, records) = (budget.try_acquire(0)?, budget.try_acquire(0)?);
        Some(Admission { budget: budget.clone(), body, records, reserved: 0, around: 0, wait })
    }

    /// For a part of the request that this one is for: what the request holds counts as the part's own, so that a
    /// request that is large by itself finds room for its parts.
    pub(crate) fn for_part(&self) -> Option<Admission> {
        let part = Admission::new(&self.budget, self.wait)?;
        Some(Admission { around: self.own(0), ..part })
    }

    /// Counts what the connection holds of a body that is being read. It holds it in any case.
    pub(crate) fn count_connection(&mut self) {
        self.body.try_grow(CONNECTION_BYTES);
    }

    /// Takes bytes for the body, waiting a moment where others hold them.
    pub(crate) async fn grow_body_patiently(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.patiently(|admission| admission.grow_body(bytes)).await
    }

    /// The same for records that will need about so many: to wait before anything is decoded is better than to be refused
    /// in the middle of it.
    pub(crate) async fn reserve_records_patiently(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.patiently(|admission| admission.grow_records(bytes)).await?;
        self.reserved += bytes;
        Ok(())
    }

    async fn patiently(
        &mut self,
        grow: impl Fn(&mut Admission) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let deadline = tokio::time::Instant::now() + self.wait;
        loop {
            match grow(self) {
                Err(Refusal::Overloaded { .. }) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(WAIT_STEP).await;
                }
                outcome => return outcome,
            }
        }
    }

    pub(crate) fn grow_body(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.has_room(bytes) && self.body.try_grow(bytes) { Ok(()) } else { Err(self.refusal(bytes)) }
    }

    /// Gives the body's bytes back: it is no longer held.
    pub(crate) fn release_body(&mut self) {
        if let Some(empty) = self.budget.try_acquire(0) {
            self.body = empty;
        }
    }

    /// Takes bytes for a decoded record, or for what a decoder is about to hold.
    pub(crate) fn grow_records(&mut self, bytes: usize) -> Result<(), Refusal> {
        let reserved = self.reserved.min(bytes);
        self.reserved -= reserved;
        let bytes = bytes - reserved;
        if bytes == 0 {
            return Ok(());
        }
        if self.has_room(bytes) && self.records.try_grow(bytes) { Ok(()) } else { Err(self.refusal(bytes)) }
    }

    /// The records' permit so far; the next records start a new one.
    pub(crate) fn take_records(&mut self) -> Option<Permit> {
        let fresh = self.budget.try_acquire(0)?;
        let mut records = std::mem::replace(&mut self.records, fresh);
        records.shrink_to(records.bytes() - std::mem::take(&mut self.reserved));
        Some(records)
    }

    /// Half of the budget is for the many small requests. One that is large by itself may use the rest too, or
    /// it could never be taken; the others are told to try again meanwhile.
    fn has_room(&self, bytes: usize) -> bool {
        let max = self.budget.bytes_max();
        self.own(bytes) > max / 4 || self.budget.bytes_used().saturating_add(bytes) <= max / 2
    }

    fn own(&self, bytes: usize) -> usize {
        [self.body.bytes(), self.records.bytes(), self.around].into_iter().fold(bytes, usize::saturating_add)
    }

    /// What alone is more than the whole budget is never to be had, so nobody shall try again.
    fn refusal(&self, bytes: usize) -> Refusal {
        if self.own(bytes) > self.budget.bytes_max() {
            return Refusal::TooLarge { what: "the decoded request", limit_bytes: self.budget.bytes_max() };
        }
        Refusal::Overloaded { retry_after: RETRY_AFTER }
    }
}

#[cfg(test)]
mod tests;
