//! `telemetry`: Spandrel's own logs and traces. Its metrics are at `/metrics` of the query port.

use crate::section::Section;

#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    pub logs: LogSettings,
    /// `telemetry.traces.endpoint`: an OTLP/gRPC address for Spandrel's own traces; none are made without it.
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

impl Default for Telemetry {
    fn default() -> Self {
        let logs = LogSettings { level: "info".to_owned(), format: LogFormat::Text };
        Telemetry { logs, traces_endpoint: None }
    }
}

impl Telemetry {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.section("logs", |section| {
            section.set("level", &mut self.logs.level);
            section.set("format", &mut self.logs.format);
        });
        section.section("traces", |section| section.set("endpoint", &mut self.traces_endpoint));
    }
}
