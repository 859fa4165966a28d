//! `query`: the port that answers.

use std::net::SocketAddr;

use crate::section::Section;

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The native API, Grafana's APIs, the peers' gRPC, `/healthz`, `/readyz` and `/metrics`.
    pub endpoint: SocketAddr,
}

impl Default for Query {
    fn default() -> Self {
        Query { endpoint: SocketAddr::from(([127, 0, 0, 1], 7317)) }
    }
}

impl Query {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("endpoint", &mut self.endpoint);
    }
}
