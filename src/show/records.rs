//! Hits of a search or a tail, a line each: time, level, service, message.

use crate::answer::{Log, Record, Span};

use super::{Ink, Line, Palette, Screen, units};

const LEVEL_WIDTH: usize = 5;
const SERVICE_WIDTH: usize = 16;

/// Lines fit a terminal's width; through a pipe they are whole, as a program may look for their ends.
pub fn line(record: &Record, palette: &mut Palette, screen: Screen, whole: bool) -> Line {
    let line = match record {
        Record::Span(span) => span_line(span, palette),
        Record::Log(log) => log_line(log, palette),
        Record::Unknown => Line::new().with(Ink::Dim, "(a kind of record that this version doesn't know)"),
    };
    if whole { line } else { line.clip(screen.width) }
}

fn log_line(log: &Log, palette: &mut Palette) -> Line {
    let mut line = start(log.time, &log.level, &log.service, palette);
    line.push(message_ink(&log.level), &log.message);
    line
}

fn span_line(span: &Span, palette: &mut Palette) -> Line {
    let mut line = start(span.start, &span.level, &span.service, palette);
    line.push(message_ink(&span.level), &span.name);
    line.push(Ink::Dim, &format!("  {}", units::duration(span.duration_ns)));
    if !span.status_message.is_empty() {
        line.push(Ink::Error, &format!("  {}", span.status_message));
    }
    line
}

fn start(time: Option<jiff::Timestamp>, level: &str, service: &str, palette: &mut Palette) -> Line {
    let mut line = Line::new();
    line.push(Ink::Dim, &time.map(units::stamp).unwrap_or_else(|| "-".to_owned())).push(Ink::Plain, " ");
    let level_start = line.width();
    let level = if level.is_empty() { "-" } else { level };
    line.push(level_ink(level), level).pad(level_start + LEVEL_WIDTH + 1);
    let service_start = line.width();
    let service = service_name(service);
    line.push(palette.ink(service), service).pad(service_start + SERVICE_WIDTH).push(Ink::Plain, " ");
    line
}

/// OpenTelemetry's word for the service of a record that names none; `service:unknown_service` finds such.
pub fn service_name(service: &str) -> &str {
    if service.is_empty() { "unknown_service" } else { service }
}

pub fn level_ink(level: &str) -> Ink {
    match level {
        "error" | "fatal" => Ink::Error,
        "warn" => Ink::Warning,
        "trace" | "debug" => Ink::Dim,
        _ => Ink::Plain,
    }
}

fn message_ink(level: &str) -> Ink {
    if crate::answer::is_error(level) { Ink::Error } else { Ink::Plain }
}

#[cfg(test)]
mod tests;
