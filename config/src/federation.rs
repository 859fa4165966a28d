//! `federation`: the other sidecars.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::section::Section;

#[derive(Debug, Clone, PartialEq)]
pub struct Federation {
    /// Query endpoints of the other sidecars, `host:port`.
    pub peers: Vec<String>,
    /// Names in DNS: `host:port`, where every address of the host is a peer, or `_service._proto.name`.
    pub dns: Vec<String>,
    /// The name server that is asked; `None`: as the system does it.
    pub dns_server: Option<SocketAddr>,
    /// A file with a query endpoint on each line.
    pub file: Option<PathBuf>,
    /// How often DNS and the file are looked at again.
    pub refresh: Duration,
}

impl Default for Federation {
    fn default() -> Self {
        let (peers, dns) = (Vec::new(), Vec::new());
        Federation { peers, dns, dns_server: None, file: None, refresh: Duration::from_secs(10) }
    }
}

impl Federation {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("peers", &mut self.peers);
        section.set("dns", &mut self.dns);
        section.set("dns_server", &mut self.dns_server);
        section.set("file", &mut self.file);
        section.set_above_zero("refresh", &mut self.refresh);
    }
}
