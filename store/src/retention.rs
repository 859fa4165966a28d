//! How much is kept: the limits, and what they mean for partitions and commits.

use std::time::Duration;

use spandrel_config::Retention;

use crate::folder::DataFolder;

/// Without a configured limit: this, or the share of the volume below if that is less.
const BYTES_MAX: u64 = 2 << 30;
const VOLUME_PERCENT: u64 = 80;

const COMMIT_BYTES_MAX: u64 = 10 << 20;
const JOURNAL_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub max_age: Duration,
    /// All the folder holds, journal and merges included.
    pub max_bytes: u64,
    /// A partition is closed when it is this large: a tenth of the limit, and no more than is configured.
    pub partition_bytes: u64,
    /// A partition is closed when the store has run for this long since its first commit.
    pub partition_age: Duration,
    /// Encoded bytes of records that a commit takes in at most.
    pub commit_bytes: u64,
    /// Room that is kept for the journal.
    pub journal_bytes: u64,
    /// A journal file is closed when it is this large, so that it can be deleted soon.
    pub journal_file_bytes: u64,
}

impl Limits {
    pub fn new(
        retention: &Retention,
        limits: &spandrel_config::Limits,
        folder: &DataFolder,
    ) -> std::io::Result<Limits> {
        let of_volume = folder.volume_bytes()? / 100 * VOLUME_PERCENT;
        let max_bytes = retention.max_bytes.map_or(BYTES_MAX.min(of_volume), |size| size.0);
        let max_age = retention.max_age;
        Ok(Limits {
            max_age,
            max_bytes,
            partition_bytes: (max_bytes / 10).min(limits.partition_bytes_max.0),
            partition_age: (max_age / 24).clamp(Duration::from_secs(60), Duration::from_secs(3 * 60 * 60)),
            commit_bytes: (max_bytes / 64).clamp(64 << 10, COMMIT_BYTES_MAX),
            journal_bytes: (max_bytes / 8).min(JOURNAL_BYTES_MAX),
            journal_file_bytes: max_bytes / 64,
        })
    }

    /// What a merge of the open partition and the segments of a commit may take for a while.
    pub fn transient(&self, open_partition: u64) -> u64 {
        open_partition.max(self.partition_bytes) + self.commit_bytes
    }

    /// What has to be free for so many bytes of records: they stand in the journal until they do in the index.
    pub fn room_for(bytes: u64) -> u64 {
        bytes.saturating_mul(2)
    }

    /// The bytes of a batch for which room can always be made, whatever is there: beside the open partition, which is not
    /// deleted, and what merging it takes. About two fifths of the limit.
    pub fn batch_bytes_max(&self) -> u64 {
        let taken = self.partition_bytes + self.transient(0);
        self.max_bytes.saturating_sub(taken) / 2
    }

    /// Bytes to delete so that what partitions use, what a merge takes, and records of `wanted` bytes, or the
    /// journal's usual share, stay within the limit. What can never fit is not made room for.
    pub fn excess(&self, used: u64, open_partition: u64, wanted: u64) -> u64 {
        let transient = self.transient(open_partition);
        let fits = open_partition + transient + Limits::room_for(wanted) <= self.max_bytes;
        let records = if fits { wanted.max(self.journal_bytes) } else { self.journal_bytes };
        (used + transient + Limits::room_for(records)).saturating_sub(self.max_bytes)
    }
}
