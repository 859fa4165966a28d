//! `service.pipelines`, as the Collector has them.
//!
//! The store is fed by every enabled receiver whether or not pipelines are given: a pipeline adds ways out, it
//! never takes the store away. A pipeline may name only what the sections above it define.

use crate::components::{self, Kind};
use crate::section::Section;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Service {
    pub pipelines: Vec<Pipeline>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub signal: Signal,
    /// The whole name, `logs` or `logs/audit`.
    pub name: String,
    pub receivers: Vec<String>,
    pub processors: Vec<String>,
    pub exporters: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Traces,
    Logs,
    Metrics,
}

impl Service {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        for name in section.names("pipelines") {
            let Some(signal) = signal_of(&name) else {
                let expected =
                    "expected `traces`, `logs` or `metrics`, or one with a name such as `logs/audit`";
                section.fail(&format!("pipelines.{name}"), expected);
                continue;
            };
            let mut pipeline = Pipeline {
                signal,
                name: name.clone(),
                receivers: vec![],
                processors: vec![],
                exporters: vec![],
            };
            section.free_section("pipelines", &name, |section| pipeline.read(section));
            self.pipelines.push(pipeline);
        }
        components::refuse_service_settings(section);
    }
}

impl Pipeline {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("receivers", &mut self.receivers);
        section.set("processors", &mut self.processors);
        section.set("exporters", &mut self.exporters);
        for (kind, names) in [
            (Kind::Receiver, &self.receivers),
            (Kind::Processor, &self.processors),
            (Kind::Exporter, &self.exporters),
        ] {
            for name in names.iter().filter(|name| !kind.has(name)) {
                section.fail(kind.section(), kind.refusal(name));
            }
        }
        if self.receivers.is_empty() && !section.is_absent() {
            section.fail("receivers", "a pipeline needs at least one receiver: `otlp` or `stdin`");
        }
    }
}

fn signal_of(name: &str) -> Option<Signal> {
    match name.split('/').next() {
        Some("traces") => Some(Signal::Traces),
        Some("logs") => Some(Signal::Logs),
        Some("metrics") => Some(Signal::Metrics),
        _ => None,
    }
}
