//! Where the sidecar listens, told to people in the log and to programs in a file.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use spandrel_collector::Collector;
use spandrel_config::Config;
use spandrel_query::QueryServer;

/// The real ports, also where the configuration says 0. Receivers that are off have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Addresses {
    pub grpc: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    pub query: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcplog: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fluentforward: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_tcp: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_udp: Option<SocketAddr>,
}

impl Addresses {
    pub(super) fn of(collector: Option<&Collector>, query: &QueryServer) -> Addresses {
        let receivers = collector.map(Collector::addresses);
        Addresses {
            grpc: receivers.and_then(|receivers| receivers.grpc),
            http: receivers.and_then(|receivers| receivers.http),
            query: query.address(),
            tcplog: receivers.and_then(|receivers| receivers.tcplog),
            fluentforward: receivers.and_then(|receivers| receivers.fluentforward),
            syslog_tcp: receivers.and_then(|receivers| receivers.syslog_tcp),
            syslog_udp: receivers.and_then(|receivers| receivers.syslog_udp),
        }
    }

    pub(super) fn announce(&self, config: &Config) {
        let shown =
            |address: Option<SocketAddr>| address.map_or("off".to_owned(), |address| address.to_string());
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            otlp_grpc = shown(self.grpc),
            otlp_http = shown(self.http),
            stdin = config.receivers.stdin.enabled,
            query = %format_args!("http://{}", self.query),
            data = %config.storage.directory.display(),
            "ready"
        );
    }

    /// To a file, whole or not at all, as readers wait for it to appear; to standard output for `-`.
    pub(super) fn write(&self, file: &Path) -> anyhow::Result<()> {
        if file == Path::new("-") {
            let mut out = std::io::stdout().lock();
            return writeln!(out, "{}", serde_json::to_string(self)?).context("write the addresses");
        }
        let writing = || format!("write the addresses to {}", file.display());
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        std::fs::write(&partial, format!("{}\n", serde_json::to_string(self)?)).with_context(writing)?;
        std::fs::rename(&partial, file).with_context(writing)
    }
}
