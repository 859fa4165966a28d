//! How much is kept: the limits, and what they mean for partitions and commits.

use std::time::Duration;

use spandrel_config::Retention;

use crate::folder::DataFolder;

/// Without a configured limit: this, or the share of the volume below if that is less.
const BYTES_MAX: u64 = 2 << 30;
const VOLUME_PERCENT: u64 = 80;

const PARTITION_BYTES_MAX: u64 = 256 << 20;
const COMMIT_BYTES_MAX: u64 = 8 << 20;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub max_age: Duration,
    /// All the folder holds, journal and merges included.
    pub max_bytes: u64,
    /// A partition is closed when it is this large: an eighth of the limit with room for a commit more.
    pub partition_bytes: u64,
    /// A partition that has records is closed when it has been open this long.
    pub partition_age: Duration,
    /// Encoded bytes of records that a commit takes in at most.
    pub commit_bytes: u64,
}

impl Limits {
    pub fn new(retention: &Retention, folder: &DataFolder) -> std::io::Result<Limits> {
        let of_volume = folder.volume_bytes()? / 100 * VOLUME_PERCENT;
        let max_bytes = retention.max_bytes.map_or(BYTES_MAX.min(of_volume), |size| size.0);
        Ok(Limits::of(retention.max_age, max_bytes))
    }

    pub fn of(max_age: Duration, max_bytes: u64) -> Limits {
        Limits {
            max_age,
            max_bytes,
            partition_bytes: (max_bytes / 10).min(PARTITION_BYTES_MAX),
            partition_age: (max_age / 24).clamp(Duration::from_secs(60), Duration::from_secs(3 * 60 * 60)),
            commit_bytes: (max_bytes / 64).clamp(64 << 10, COMMIT_BYTES_MAX),
        }
    }

    /// Bytes to delete so that what is used, a merge of the open partition and what waits in the journal
    /// stay within the limit.
    pub fn excess(&self, used: u64, open_partition: u64) -> u64 {
        let reserve = open_partition.max(self.partition_bytes) + 2 * self.commit_bytes;
        (used + reserve).saturating_sub(self.max_bytes)
    }
}
