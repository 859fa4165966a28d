//! The memory that answers of this sidecar's own may take together, from when they are there until they are written.

use std::sync::Arc;

use spandrel_config::ByteSize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

const PERMIT_BYTES: usize = 1 << 10;

#[derive(Debug, Clone)]
pub struct Room {
    free: Arc<Semaphore>,
    all: usize,
}

impl Room {
    pub fn of(bytes: ByteSize) -> Room {
        let all = (bytes.as_usize() / PERMIT_BYTES).clamp(1, u32::MAX as usize);
        Room { free: Arc::new(Semaphore::new(all)), all }
    }

    /// For an answer of so many bytes, or `None` where there is none before the deadline. One that is larger than all
    /// waits until it is alone.
    pub(super) async fn wait(&self, bytes: usize, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let room = self.free.clone().acquire_many_owned(self.permits(bytes));
        timeout_at(deadline, room).await.ok()?.ok()
    }

    /// The same, if there is room now.
    pub(crate) fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(self.permits(bytes)).ok()
    }

    fn permits(&self, bytes: usize) -> u32 {
        bytes.div_ceil(PERMIT_BYTES).min(self.all) as u32
    }
}
