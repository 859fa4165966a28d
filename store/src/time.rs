//! Points in time and ranges of them, in nanoseconds since the Unix epoch, as OTLP counts them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970-01-01T00:00:00Z. Zero is OTLP's "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    pub const MIN: UnixNanos = UnixNanos(0);
    pub const MAX: UnixNanos = UnixNanos(u64::MAX);

    /// The wall clock's reading; the epoch itself if the clock stands before it.
    pub fn now() -> UnixNanos {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixNanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Event times from `start` up to and without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start: UnixNanos,
    pub end: UnixNanos,
}

impl TimeRange {
    /// Everything that is retained. The only range that includes [`UnixNanos::MAX`] itself.
    pub const ALL: TimeRange = TimeRange { start: UnixNanos::MIN, end: UnixNanos::MAX };

    pub fn contains(&self, time: UnixNanos) -> bool {
        self.start <= time && (time < self.end || self.end == UnixNanos::MAX)
    }

    /// Whether a set of records whose least and greatest event times are given can hold one in range.
    pub fn overlaps(&self, least: UnixNanos, greatest: UnixNanos) -> bool {
        self.start <= greatest && (least < self.end || self.end == UnixNanos::MAX)
    }
}
