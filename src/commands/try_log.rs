//! `spandrel try-log FILE`.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use spandrel_collector::{Explained, explain};
use spandrel_config::Config;
use spandrel_store::UnixNanos;

use super::{Outcome, output};
use crate::show::{Ink, Line};

pub(super) fn run(arguments: &crate::cli::TryLog) -> anyhow::Result<Outcome> {
    let configuration = &arguments.configuration;
    let file = configuration.config.as_deref();
    let config = Config::load(file, &configuration.set, &spandrel_config::environment)?;
    let bytes_max = config.limits.request_bytes_max;
    let (input, is_cut) = read(&arguments.file, bytes_max.as_usize())?;
    if is_cut {
        let remark = format!("only the first {bytes_max} are read (limits.request_bytes_max)");
        output::remarks(&[Line::new().with(Ink::Plain, &remark)])?;
    }
    let (mut line, mut failed) = (1, None);
    explain(&config, input, UnixNanos::now(), |record| {
        let text = if arguments.json { as_json(line, &record) } else { as_text(line, &record) };
        line += record.lines;
        failed = output::text(&text).err();
        failed.is_none()
    });
    match failed {
        Some(error) => Err(error.into()),
        None if line == 1 => Ok(Outcome::NothingFound),
        None => Ok(Outcome::Found),
    }
}

/// As much of it as one request may be, and whether there is more.
fn read(file: &Path, bytes_max: usize) -> anyhow::Result<(Vec<u8>, bool)> {
    let reading = || format!("read {}", file.display());
    let mut input = Vec::new();
    let and_one_more = (bytes_max as u64).saturating_add(1);
    if file == Path::new("-") {
        std::io::stdin().lock().take(and_one_more).read_to_end(&mut input).with_context(reading)?;
    } else {
        let file = std::fs::File::open(file).with_context(reading)?;
        file.take(and_one_more).read_to_end(&mut input).with_context(reading)?;
    }
    let is_cut = input.len() > bytes_max;
    input.truncate(bytes_max);
    Ok((input, is_cut))
}

fn time(record: &Explained) -> Option<String> {
    let time = i128::from(record.time?.0);
    Some(jiff::Timestamp::from_nanosecond(time).ok()?.to_string())
}

fn as_json(line: usize, record: &Explained) -> String {
    let found_in: serde_json::Map<String, Value> =
        record.found_in.iter().map(|(what, field)| ((*what).to_owned(), field.as_str().into())).collect();
    let value = json!({
        "line": line,
        "lines": record.lines,
        "form": record.form,
        "trace_id": record.trace_id.map(|id| id.to_string()),
        "span_id": record.span_id.map(|id| id.to_string()),
        "level": record.level.map(|level| level.as_str()),
        "time": time(record),
        "message": record.message,
        "service": record.service,
        "attributes": record.attributes,
        "flags": record.flags,
        "found_in": found_in,
    });
    format!("{value}\n")
}

/// Control characters are shown, not passed to the terminal.
fn as_text(line: usize, record: &Explained) -> String {
    let last = line + record.lines.saturating_sub(1);
    let lines = if last == line { format!("line {line}") } else { format!("lines {line} to {last}") };
    let mut text = format!("{lines}: {}\n", record.form);
    let mut add = |what: &str, value: Option<String>, keys: &[&str]| {
        let Some(value) = value else { return };
        let value: String = value.chars().flat_map(shown).collect();
        let field = record.found_in.iter().find(|(found, _)| keys.contains(found));
        let field = field.map(|(_, field)| format!("  from {field}")).unwrap_or_default();
        text.push_str(&format!("  {what:<9} {value}{field}\n"));
    };
    let both = "trace and span id";
    add("trace id", record.trace_id.map(|id| id.to_string()), &["trace id", both]);
    add("span id", record.span_id.map(|id| id.to_string()), &["span id", both]);
    add("level", record.level.map(|level| level.to_string()), &["level"]);
    add("time", time(record), &["time"]);
    add("service", record.service.clone(), &["service"]);
    add("message", Some(record.message.clone()), &["message"]);
    for (key, value) in &record.attributes {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        add(key, Some(value), &[key]);
    }
    add("flags", (!record.flags.is_empty()).then(|| record.flags.join(", ")), &[]);
    text
}

fn shown(c: char) -> impl Iterator<Item = char> {
    let (plain, escaped) = if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(escaped.into_iter().flatten())
}
