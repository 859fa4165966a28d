//! The table, as Markdown, and its place in a document.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Measured, Memory};
use crate::sender::quantile;

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

/// Replaces what stands between the markers `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a document.
pub fn write_between_markers(document: &Path, name: &str, table: &str) -> anyhow::Result<()> {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let text = std::fs::read_to_string(document)?;
    let parts = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else {
        anyhow::bail!("{} has no place for the table: {begin} and {end}", document.display());
    };
    std::fs::write(document, format!("{before}{begin}\n{table}{end}{after}"))?;
    Ok(())
}

type Row = (&'static str, fn(&Measured) -> String);

fn rows() -> [Row; 17] {
    [
        ("bytes a record, as sent", |m| format!("{:.0}", m.bytes_per_record)),
        ("decode only: CPU a record, prost on one core", |m| micros(m.pieces.decode_s)),
        ("journal only: CPU a record, and records written and synced", |m| {
            format!("{}, {}/s", micros(m.pieces.journal_cpu_s), thousands(m.pieces.journal_rate))
        }),
        ("acknowledged", |m| format!("{}/s", thousands(m.ack_rate()))),
        ("sustained, until all is indexed", |m| format!("{}/s", thousands(m.sustained_rate()))),
        ("CPU a record, until acknowledged", |m| in_pieces(m, m.cpu_until_ack)),
        ("CPU a record, until indexed", |m| in_pieces(m, m.cpu_until_idle)),
        ("ack latency, p50 / p99", |m| both(&m.ack_latencies)),
        ("refused and sent again", |m| format!("{} requests", m.refusals)),
        ("memory idle after start, all / anonymous", |m| memory(m.memory_idle)),
        ("memory at its peak under load, all / anonymous", |m| {
            format!("{:.0} / {:.0} MB", megabytes(m.memory_peak), megabytes(m.memory_peak_anonymous))
        }),
        ("memory after the questions, all / anonymous", |m| memory(m.memory_after)),
        ("memory at rest after the questions, all / anonymous", |m| {
            m.memory_rested.map_or("–".to_owned(), memory)
        }),
        ("memory idle after a start on what is held, all / anonymous", |m| {
            m.memory_restarted.map_or("–".to_owned(), memory)
        }),
        ("disk a record, 5 s after the last ack", |m| per_record(m.disk_bytes, m.records)),
        ("disk a record, once idle", |m| per_record(m.disk_bytes_idle, m.records)),
        ("partitions", |m| m.partitions.to_string()),
    ]
}

fn in_pieces(measured: &Measured, cpu: Duration) -> String {
    let cpu_s = cpu.as_secs_f64() / measured.records as f64;
    let journals = cpu_s / measured.pieces.journal_cpu_s.max(1e-9);
    let decodes = cpu_s / measured.pieces.decode_s.max(1e-9);
    format!("{} = {decodes:.1} × decode only = {journals:.0} × journal only", micros(cpu_s))
}

/// CPU a record until it is indexed, in the machine's yardstick.
pub(crate) fn decodes(measured: &Measured) -> f64 {
    measured.cpu_per_record_s() / measured.pieces.decode_s.max(1e-9)
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
    measured.asked(question).map_or("–".to_owned(), |asked| both(&asked.latencies))
}

pub(crate) fn both(latencies: &[Duration]) -> String {
    let millis = |share| quantile(latencies, share).as_secs_f64() * 1e3;
    format!("{:.2} / {:.2} ms", millis(0.5), millis(0.99))
}

fn micros(seconds: f64) -> String {
    format!("{:.2} µs", seconds * 1e6)
}

pub(crate) fn per_record(bytes: u64, records: usize) -> String {
    format!("{:.0} B", bytes as f64 / records as f64)
}

fn memory(memory: Memory) -> String {
    format!("{:.0} / {:.0} MB", megabytes(memory.resident), megabytes(memory.anonymous))
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

pub(crate) fn thousands(number: f64) -> String {
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

#[cfg(test)]
mod tests;
