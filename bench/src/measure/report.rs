//! The table, as Markdown, and its place in a document.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Latency, Measured, Memory};
use crate::load::Signal;
use crate::sender::quantile;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// One column for each signal; `context` says where, when and how they were measured.
pub fn table(context: &str, columns: &[Measured]) -> String {
    let mut text = format!("{context}\n\n| |");
    let mut rule = "|---|".to_owned();
    for column in columns {
        let noun = column.plan.signal.noun();
        // Writing to a string does not fail.
        let _ = write!(text, " {} {noun}s |", thousands(column.records as f64));
        rule.push_str("---:|");
    }
    let _ = writeln!(text, "\n{rule}");
    for (name, cell) in rows() {
        let cells: Vec<String> = columns.iter().map(cell).collect();
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    for question in questions(columns) {
        let cells: Vec<String> = columns.iter().map(|column| latency_cell(column, question)).collect();
        let _ = writeln!(text, "| {question}, p50 / p99 | {} |", cells.join(" | "));
    }
    text
}

/// Replaces what stands between the markers of a document.
pub fn write_between_markers(document: &Path, table: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(document)?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        anyhow::bail!("{} has no place for the table: {BEGIN} and {END}", document.display());
    };
    std::fs::write(document, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}

type Row = (&'static str, fn(&Measured) -> String);

fn rows() -> [Row; 13] {
    [
        ("bytes a record, as sent", |m| format!("{:.0}", m.bytes_per_record)),
        ("decoding alone, prost on one core", |m| micros(m.decode, m.records)),
        ("acknowledged", |m| format!("{}/s", thousands(m.ack_rate))),
        ("sustained, until all is indexed", |m| format!("{}/s", thousands(m.sustained_rate))),
        ("CPU a record, until acknowledged", |m| micros(m.cpu_until_ack, m.records)),
        ("CPU a record, until indexed", in_decodes),
        ("ack latency, p50 / p99", |m| both(&m.ack_latencies)),
        ("refused and sent again", |m| format!("{} requests", m.refusals)),
        ("memory idle after start, all / anonymous", |m| memory(m.memory_idle)),
        ("memory at its peak under load, all / anonymous", |m| {
            format!("{:.0} / {:.0} MB", megabytes(m.memory_peak), megabytes(m.memory_peak_anonymous))
        }),
        ("memory after the questions, all / anonymous", |m| memory(m.memory_after)),
        ("disk a record, 5 s after the last ack", |m| per_record(m.disk_bytes, m.records)),
        ("disk a record, once idle", |m| per_record(m.disk_bytes_idle, m.records)),
    ]
}

fn in_decodes(measured: &Measured) -> String {
    let decodes = measured.cpu_until_idle.as_secs_f64() / measured.decode.as_secs_f64().max(1e-9);
    format!("{} = {decodes:.1} decodes", micros(measured.cpu_until_idle, measured.records))
}

/// The kinds of question that any column has, in order.
fn questions(columns: &[Measured]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for latency in columns.iter().flat_map(|column| &column.questions) {
        if !latency.latencies.is_empty() && !names.contains(&latency.question) {
            names.push(latency.question);
        }
    }
    names
}

fn latency_cell(measured: &Measured, question: &str) -> String {
    let asked = |latency: &&Latency| latency.question == question && !latency.latencies.is_empty();
    measured.questions.iter().find(asked).map_or("–".to_owned(), |latency| both(&latency.latencies))
}

fn both(latencies: &[Duration]) -> String {
    let millis = |share| quantile(latencies, share).as_secs_f64() * 1e3;
    format!("{:.1} / {:.1} ms", millis(0.5), millis(0.99))
}

fn micros(time: Duration, records: usize) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6 / records as f64)
}

fn per_record(bytes: u64, records: usize) -> String {
    format!("{:.0} B", bytes as f64 / records as f64)
}

fn memory(memory: Memory) -> String {
    format!("{:.0} / {:.0} MB", megabytes(memory.resident), megabytes(memory.anonymous))
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether the signal's figures meet the first targets of the project.
pub fn misses(measured: &Measured) -> Vec<String> {
    if measured.plan.signal != Signal::Spans {
        return Vec::new();
    }
    let cpu = measured.cpu_until_idle.as_secs_f64() * 1e6 / measured.records as f64;
    let by_id = measured.questions.iter().find(|latency| latency.question == "trace by id");
    let by_id = by_id.map_or(0.0, |latency| quantile(&latency.latencies, 0.99).as_secs_f64() * 1e3);
    let checks = [
        (
            measured.sustained_rate < 30_000.0,
            format!("sustained {:.0}/s, not 30,000", measured.sustained_rate),
        ),
        (cpu > 40.0, format!("{cpu:.1} µs CPU a span, not 40")),
        (
            measured.memory_peak > 200_000_000,
            format!("peak of {:.0} MB, not 200", megabytes(measured.memory_peak)),
        ),
        (by_id > 10.0, format!("trace by id p99 {by_id:.1} ms, not 10")),
    ];
    checks.into_iter().filter(|(missed, _)| *missed).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests;
