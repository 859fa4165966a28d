//! `telemetry`: Spandrel's own logs and traces. Its metrics are at `/metrics` of the query port.

use crate::endpoint;
use crate::section::Section;
use crate::setting::{Given, Setting};

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

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
            let mut level = LogLevel(std::mem::take(&mut self.logs.level));
            section.set("level", &mut level);
            self.logs.level = level.0;
            section.set("format", &mut self.logs.format);
        });
        section.section("traces", |section| {
            let mut endpoint = Url(self.traces_endpoint.take());
            section.set("endpoint", &mut endpoint);
            self.traces_endpoint = endpoint.0;
        });
    }
}

/// A level, or levels by module. Anything else would be taken for a module's name, and all others would be silent.
struct LogLevel(String);

impl Setting for LogLevel {
    const EXPECTED: &'static str =
        "off, error, warn, info, debug or trace, or levels by module such as warn,spandrel_store=debug";

    fn read(given: Given<'_>) -> Option<LogLevel> {
        String::read(given).filter(|text| text.split(',').all(is_directive)).map(LogLevel)
    }
}

fn is_directive(text: &str) -> bool {
    let of_a_module = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-');
    let level = match text.trim().split_once('=') {
        Some((module, _)) if module.is_empty() || !module.bytes().all(of_a_module) => return false,
        Some((_, level)) => level,
        None => text.trim(),
    };
    LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level))
}

/// `http://host:port` or `https://host`; an empty text is none.
struct Url(Option<String>);

impl Setting for Url {
    const EXPECTED: &'static str = "a URL such as http://127.0.0.1:4317";

    fn read(given: Given<'_>) -> Option<Url> {
        let text = String::read(given)?;
        let usable = text.is_empty() || is_url(&text);
        usable.then(|| Url(Some(text).filter(|text| !text.is_empty())))
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest.filter(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic())) else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // Without a port it is that of the scheme.
    endpoint::is_callable(host) || endpoint::is_callable(&format!("{host}:1"))
}
