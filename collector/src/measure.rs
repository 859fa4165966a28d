//! Parts of the way of a line, for the benchmarks: nothing of what they read is kept.

use std::io;
use std::path::Path;

use bytes::Bytes;
use spandrel_config::Config;
use spandrel_store::{MemoryBudget, UnixNanos};

use crate::admission::Admission;
use crate::entries::Gathering;
use crate::filelog;
use crate::json_log::Rules;
use crate::lines::body::BodyLines;
use crate::lines::{ChunkLimits, LineOwner};
use crate::normalise::{Normaliser, RecordLimits};

/// Bytes that the records of one call may take.
const BUDGET_BYTES: usize = 1 << 30;

/// From the bytes of lines to records, as on the way in: how many there were.
pub fn records(config: &Config, lines: Bytes) -> usize {
    let (limits, join) = (RecordLimits::of(&config.limits), ChunkLimits::of(&config.limits).join);
    let Some(admission) = Admission::new(&MemoryBudget::new(BUDGET_BYTES), std::time::Duration::ZERO) else {
        return 0;
    };
    let normaliser = Normaliser::new(UnixNanos::now(), limits, admission);
    let body_bytes_max = config.limits.request_bytes_max.as_usize();
    let mut gathering = Gathering::new(normaliser, Rules::of(&config.logs).into(), body_bytes_max);
    let whose = LineOwner::new(&[], Vec::new(), None, &mut gathering);
    for line in BodyLines::of(lines, limits.line_bytes_max, join) {
        if whose.take(&line, &mut gathering).is_err() {
            break;
        }
    }
    gathering.finish().records.len()
}

/// Reads a file to its end as file tail does, up to the lines that would be understood next: bytes and records.
pub fn tail(config: &Config, file: &Path) -> io::Result<(u64, usize)> {
    filelog::read_alone(&config.limits, file)
}
