//! What can go wrong, in situations a caller can act on.

use std::path::PathBuf;
use std::time::Duration;

/// The store did not open. Damage to single partitions or a torn journal is no error: it is repaired or set
/// aside, and reported by [`Snapshot::gaps`](crate::Snapshot::gaps).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data folder {folder} is in use by another process; give each sidecar its own storage.directory"
    )]
    Locked { folder: PathBuf },
    #[error(
        "the data folder {folder} has format version {found}; this program reads up to {supported}, use a newer one"
    )]
    NewerFormat { folder: PathBuf, found: u32, supported: u32 },
    #[error("cannot use the data folder {folder}: {source}")]
    Io { folder: PathBuf, source: std::io::Error },
    #[error("cannot open the index in {folder}: {reason}")]
    Index { folder: PathBuf, reason: String },
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A batch was not kept. All of these but `TooLarge` are retryable: none is the sender's fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    #[error("the index is behind; try again")]
    Overloaded { retry_after: Duration },
    #[error("no space left for storage; try again")]
    StorageFull { retry_after: Duration },
    #[error("a batch of more than {bytes_max} bytes has no room within the data folder's limit")]
    TooLarge { bytes_max: u64 },
    #[error("the journal cannot be written: {reason}; try again")]
    Journal { reason: String, retry_after: Duration },
    /// A receiver's mistake, or its limit; it has to forget some.
    #[error("{reason}")]
    Checkpoints { reason: &'static str },
    #[error("shutting down")]
    Closed,
}

impl AppendError {
    pub fn retry_after(&self) -> Duration {
        match self {
            AppendError::Overloaded { retry_after }
            | AppendError::StorageFull { retry_after }
            | AppendError::Journal { retry_after, .. } => *retry_after,
            AppendError::TooLarge { .. } | AppendError::Checkpoints { .. } | AppendError::Closed => {
                Duration::from_secs(1)
            }
        }
    }
}

/// A question was not answered in full.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the question took longer than its deadline; narrow it by time or by field")]
    Deadline,
    #[error("nobody waits for the answer any more")]
    Stopped,
    #[error("the question has more than {max} groups; choose a field with fewer values")]
    TooManyGroups { max: usize },
    #[error("cannot read the index: {reason}")]
    Index { reason: String },
}
