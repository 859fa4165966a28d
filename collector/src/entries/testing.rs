//! A gathering without a request, for tests of readers.

use std::sync::Arc;

use spandrel_store::{MemoryBudget, NewBody, NewRecord, UnixNanos};

use super::Gathering;
use crate::admission::Admission;
use crate::json_log::Rules;
use crate::normalise::{Normaliser, RecordLimits};

impl Gathering {
    pub(crate) fn for_tests(memory_bytes: usize) -> Gathering {
        let limits = RecordLimits::of(&spandrel_config::Limits::default());
        let admission = Admission::new(&MemoryBudget::new(memory_bytes), std::time::Duration::ZERO).unwrap();
        let logs = spandrel_config::Logs {
            timezone: spandrel_config::Zone(jiff::tz::TimeZone::UTC),
            ..Default::default()
        };
        let received = UnixNanos(1_700_000_000_000_000_000);
        let normaliser = Normaliser::new(received, limits, admission);
        Gathering::new(normaliser, Arc::new(Rules::of(&logs)), 20 << 20)
    }

    pub(crate) fn records(&mut self) -> Vec<NewRecord<NewBody>> {
        self.normaliser.take_records().0
    }
}
