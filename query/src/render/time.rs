//! Times in answers: RFC 3339, in UTC, with nine digits of the second, so that text order is time order.

use std::fmt;

use jiff::Timestamp;
use serde::ser::{Serialize, Serializer};
use spandrel_store::UnixNanos;

/// A point in time that displays and serialises as answers show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rfc3339(pub UnixNanos);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 64 bits of nanoseconds end in the year 2554, well within a timestamp's range.
        let time = Timestamp::from_nanosecond(i128::from(self.0.0)).unwrap_or(Timestamp::MAX);
        write!(f, "{time:.9}")
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
