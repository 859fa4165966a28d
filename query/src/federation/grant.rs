//! The memory that what comes from another sidecar may take here: asked for before it is used, whatever is sent.
//!
//! Two things are charged, to a bound of their own and to a pool that is everybody's: bytes that have come and are no
//! whole message yet, from each piece of the body and each piece that unfolds on; and messages, before they are
//! read, for as long as what was read is held, at what they weigh or at three times their bytes if that is more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spandrel_config::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::source::{PeerFault, SourceError};

/// What a message takes for each of its bytes once it is read: records with their names and texts, and their JSON beside
/// them while that is written.
const READ_FACTOR: usize = 3;

/// The least that is charged.
pub(super) const PERMIT_BYTES: usize = 1 << 10;

/// As many permits as there may be bytes.
pub(super) fn pool(bytes: ByteSize) -> Arc<Semaphore> {
    let permits = bytes.as_usize() / PERMIT_BYTES;
    Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS)))
}

#[derive(Debug)]
pub(super) struct Grant {
    pool: Arc<Semaphore>,
    bytes_max: usize,
    /// What sets it, for people.
    limit: &'static str,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Of a message that is still coming.
    coming: Charged,
    read: Charged,
}

#[derive(Debug, Default)]
struct Charged {
    bytes: usize,
    memory: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Grant {
    pub(super) fn new(pool: Arc<Semaphore>, bytes_max: usize, limit: &'static str) -> Arc<Grant> {
        Arc::new(Grant { pool, bytes_max, limit, taken: Mutex::default() })
    }

    /// Something has come, or has unfolded from what has.
    pub(super) fn receive(&self, bytes: usize) -> Result<(), SourceError> {
        self.charge(&mut self.lock().coming, bytes, bytes)
    }

    /// A message is whole and about to be read: what came of it is let go, and what it will be is charged.
    pub(super) fn keep(&self, bytes: usize, weight: usize) -> Result<(), SourceError> {
        let mut taken = self.lock();
        taken.coming = Charged::default();
        self.charge(&mut taken.read, bytes, bytes.saturating_mul(READ_FACTOR).max(weight))
    }

    /// What was read is not held any more.
    pub(super) fn let_go(&self) {
        self.lock().read = Charged::default();
    }

    /// Whether a message may have so many bytes.
    pub(super) fn allows(&self, bytes: usize) -> Result<(), SourceError> {
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let detail = format!("it has more than {} bytes ({})", self.bytes_max, self.limit);
        Err(SourceError::Peer(PeerFault::TooLarge, detail))
    }

    /// Bytes of all messages that are held.
    pub(super) fn bytes_read(&self) -> usize {
        self.lock().read.bytes
    }

    /// For as long as what was read is held.
    pub(super) fn take_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.lock().read.permit.take()
    }

    fn charge(&self, to: &mut Charged, bytes: usize, memory: usize) -> Result<(), SourceError> {
        to.bytes = to.bytes.saturating_add(bytes);
        to.memory = to.memory.saturating_add(memory);
        self.allows(to.bytes)?;
        let held = to.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = to.memory.div_ceil(PERMIT_BYTES).saturating_sub(held);
        let more = u32::try_from(more).map_err(|_| SourceError::NoRoom)?;
        let more = self.pool.clone().try_acquire_many_owned(more).map_err(|_| SourceError::NoRoom)?;
        match &mut to.permit {
            Some(permit) => permit.merge(more),
            permit => *permit = Some(more),
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
