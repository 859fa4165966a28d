//! The configuration: its schema, its defaults, its limits. Every default lives here and nowhere else.
//!
//! The shape is the OpenTelemetry Collector's (`receivers`, `processors`, `exporters`, `service.pipelines`),
//! with Spandrel's own sections beside it. Nothing below this crate reads the environment.

mod limits;
mod size;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use limits::Limits;
pub use size::ByteSize;

/// A whole, validated configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub receivers: Receivers,
    pub storage: Storage,
    pub query: Query,
    pub federation: Federation,
    pub limits: Limits,
    pub security: Security,
    pub shutdown: Shutdown,
    pub telemetry: Telemetry,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receivers {
    pub otlp: OtlpReceiver,
    pub stdin: StdinReceiver,
}

/// `receivers.otlp`: gRPC and HTTP. The JSON-log input shares the HTTP port.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpReceiver {
    pub enabled: bool,
    /// `None` where `enabled: false` stands under the protocol.
    pub grpc: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
}

/// `receivers.stdin`: JSON or text lines on standard input, off until enabled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StdinReceiver {
    pub enabled: bool,
    /// Resource attributes of the lines, `service.name` first of all.
    pub resource: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    pub directory: PathBuf,
    pub durability: Durability,
    pub retention: Retention,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledged once synced to the disk.
    Fsync,
    /// Acknowledged once handed to the operating system.
    Write,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    pub max_age: Duration,
    /// `None`: 2 GiB, or 80 % of the volume if that is less.
    pub max_bytes: Option<ByteSize>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub endpoint: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Federation {
    /// Query endpoints of the other sidecars, `host:port`.
    pub peers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Security {
    /// The bearer token of the query port, from `security.token_file` or `security.token`.
    pub token: Option<Secret>,
    /// Serve the query port off loopback without a token.
    pub insecure: bool,
    /// Whether `/metrics` needs the token too, off loopback.
    pub protect_metrics: bool,
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

#[derive(Debug, Clone, PartialEq)]
pub struct Shutdown {
    /// How long receivers stay open after SIGTERM, unless idle before.
    pub linger: Duration,
}

/// Spandrel's own logs, metrics and traces.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    pub logs: LogSettings,
    /// An OTLP/gRPC endpoint for Spandrel's own traces; none are made without it.
    pub traces_endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogSettings {
    /// A filter as `tracing-subscriber` reads it: `info`, `warn,spandrel_store=debug`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for OtlpReceiver {
    fn default() -> Self {
        OtlpReceiver {
            enabled: true,
            grpc: Some(SocketAddr::from(([127, 0, 0, 1], 4317))),
            http: Some(SocketAddr::from(([127, 0, 0, 1], 4318))),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Storage {
            directory: PathBuf::from("./spandrel-data"),
            durability: Durability::Fsync,
            retention: Retention::default(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Retention { max_age: Duration::from_secs(72 * 60 * 60), max_bytes: None }
    }
}

impl Default for Query {
    fn default() -> Self {
        Query { endpoint: SocketAddr::from(([127, 0, 0, 1], 7317)) }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { linger: Duration::from_secs(5) }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        let logs = LogSettings { level: "info".to_owned(), format: LogFormat::Text };
        Telemetry { logs, traces_endpoint: None }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
