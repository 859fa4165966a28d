//! The memory that answers of this sidecar's own may take together, from when they are there until they are written.

use std::sync::Arc;
use std::time::Duration;

use spandrel_config::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

const PERMIT_BYTES: usize = 1 << 10;
/// How often a waiting answer looks whether others have given room back.
const WAIT_STEP: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
pub struct Room {
    free: Arc<Semaphore>,
    all: usize,
    /// The longest that an answer waits for room.
    patience: Duration,
}

impl Room {
    pub fn of(bytes: ByteSize, patience: Duration) -> Room {
        let all = (bytes.as_usize() / PERMIT_BYTES).clamp(1, u32::MAX as usize);
        Room { free: Arc::new(Semaphore::new(all)), all, patience }
    }

    /// For an answer of so many bytes, or `None` where there is none soon. One that is larger than all has to be alone.
    /// What waits takes nothing before it has all that it needs, so that smaller answers pass it, and waits only for a
    /// moment: readers may take what holds the room as slowly as they like.
    pub(super) async fn wait(&self, bytes: usize, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let until = deadline.min(Instant::now() + self.patience);
        loop {
            match self.take(bytes) {
                None if Instant::now() < until => sleep(WAIT_STEP).await,
                taken => return taken,
            }
        }
    }

    /// The same, if there is room now.
    pub(crate) fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(self.permits(bytes)).ok()
    }

    fn permits(&self, bytes: usize) -> u32 {
        bytes.div_ceil(PERMIT_BYTES).min(self.all) as u32
    }
}
