//! The configuration: its schema, its defaults, its limits. Every default lives here and nowhere else.
//!
//! The shape is the OpenTelemetry Collector's (`receivers`, `processors`, `exporters`, `service.pipelines`),
//! with Spandrel's own sections beside it. In comes a YAML file, `--set`s and the environment; out goes a
//! [`Config`] that is right as a whole, or every mistake at once. Nothing below this crate reads the environment.
//!
//! On the way: `document` puts the texts together, `substitute` replaces references to the environment, `section`
//! walks the tree while each section's own file asks for its keys, `validate` checks what must hold between them.

mod cgroup;
mod complaint;
mod components;
mod document;
mod duration;
mod endpoint;
mod error;
mod federation;
mod filelog;
mod limits;
mod load;
mod logs;
mod query;
mod receivers;
mod section;
mod security;
mod service;
mod setting;
mod shutdown;
mod size;
mod storage;
mod substitute;
mod suggest;
mod surroundings;
mod telemetry;
mod validate;

pub use endpoint::is_callable;
pub use error::{ConfigError, ConfigErrors};
pub use federation::Federation;
pub use filelog::{FileLogReceiver, FilePattern, StartAt};
pub use limits::Limits;
pub use logs::{LogFields, Logs, Pattern, Zone};
pub use query::Query;
pub use receivers::{
    FluentForwardReceiver, OtlpReceiver, Receivers, StdinReceiver, SyslogReceiver, TcpLogReceiver,
    UnixLogReceiver,
};
pub use security::{Secret, Security, TlsFiles, read_tokens};
pub use service::{Pipeline, Service, Signal};
pub use shutdown::Shutdown;
pub use size::ByteSize;
pub use storage::{Durability, Retention, Storage};
pub use surroundings::environment;
pub use telemetry::{LogFormat, LogSettings, Telemetry};

/// A whole, validated configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub receivers: Receivers,
    pub logs: Logs,
    pub service: Service,
    pub storage: Storage,
    pub query: Query,
    pub federation: Federation,
    pub limits: Limits,
    pub security: Security,
    pub shutdown: Shutdown,
    pub telemetry: Telemetry,
}
