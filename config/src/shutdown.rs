//! `shutdown`: the way out.

use std::time::Duration;

use crate::section::Section;

#[derive(Debug, Clone, PartialEq)]
pub struct Shutdown {
    /// How long receivers stay open after SIGTERM, unless idle before.
    pub linger: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { linger: Duration::from_secs(5) }
    }
}

impl Shutdown {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("linger", &mut self.linger);
    }
}
