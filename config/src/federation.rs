//! `federation`: the other sidecars.

use crate::section::Section;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Federation {
    /// Query endpoints of the other sidecars, `host:port`.
    pub peers: Vec<String>,
}

impl Federation {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("peers", &mut self.peers);
    }
}
