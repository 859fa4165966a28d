//! `shutdown`: the way out.

use std::time::Duration;

use crate::section::Section;

/// A stop ends within 15 s, and what is in flight after this has to be finished in the rest.
const LINGER_MAX: Duration = Duration::from_secs(10);

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
        if self.linger > LINGER_MAX {
            let most = LINGER_MAX.as_secs();
            section.fail("linger", format!("expected at most {most}s, as a stop ends within 15s"));
        }
    }
}
