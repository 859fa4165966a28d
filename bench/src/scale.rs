//! How each figure grows with the work: one thing varied at a time, all else as in the benchmark.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::load::{Shape, Signal};
use crate::measure::{
    self, Asking, Measured, Plan, both, decodes, megabytes, per_record, share_of_core, thousands,
};

/// Spans of a row in which something else is varied.
const SPANS: usize = 500_000;
const PER_REQUEST: usize = 512;
const CONNECTIONS: usize = 4;
/// Requests at most of a row: small ones carry fewer spans in all.
const REQUESTS_MAX: usize = 100_000;
const PACE: f64 = 1_000.0;
const PACED_SECONDS: usize = 30;
/// `--quick` measures one part in so many.
const QUICK: usize = 10;
/// The largest row is held in partitions of so many bytes: about 24 of them.
const PARTITION_BYTES_OF_MOST: usize = 22 << 20;
/// And nothing of it is deleted. A partition is no larger than a tenth of this.
const MAX_BYTES_OF_MOST: &str = "16GiB";

/// What is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Varied {
    Held,
    Attributes,
    SpansPerTrace,
    DistinctValues,
    Connections,
    RequestSize,
    Paced,
}

/// What to measure, and with what.
#[derive(Debug)]
pub struct Scale {
    pub binary: PathBuf,
    pub work: PathBuf,
    pub seed: u64,
    /// A tenth of all sizes, to see whether it works.
    pub quick: bool,
    /// Of the sidecar where the most is held; without any, those that make many partitions.
    pub settings_of_most: Vec<String>,
}

/// The rows of one table.
#[derive(Debug)]
pub struct Table {
    pub varied: Varied,
    rows: Vec<(String, Result<Measured, String>)>,
}

impl Varied {
    /// The name of the markers in the document.
    pub fn name(self) -> &'static str {
        match self {
            Varied::Held => "held",
            Varied::Attributes => "attributes",
            Varied::SpansPerTrace => "spans-per-trace",
            Varied::DistinctValues => "distinct-values",
            Varied::Connections => "connections",
            Varied::RequestSize => "request-size",
            Varied::Paced => "paced",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Varied::Held => "spans held",
            Varied::Attributes => "attributes a span",
            Varied::SpansPerTrace => "spans a trace",
            Varied::DistinctValues => "distinct values of an attribute",
            Varied::Connections => "connections",
            Varied::RequestSize => "spans a request",
            Varied::Paced => "spans/s sent",
        }
    }
}

impl Scale {
    /// Measures every row; one that fails says so in its place, and the others go on.
    pub async fn run(&self, varied: Varied, mut say: impl FnMut(&str)) -> Table {
        let mut rows = Vec::new();
        for (label, plan) in self.plans(varied) {
            say(&format!("{}: {label}", varied.title()));
            let measured = measure::run(&self.binary, &self.work, plan).await;
            let measured = measured.map_err(|error| format!("{error:#}"));
            if let Err(error) = &measured {
                say(&format!("  failed: {error}"));
            }
            rows.push((label, measured));
        }
        Table { varied, rows }
    }

    fn plans(&self, varied: Varied) -> Vec<(String, Plan)> {
        let base = self.base();
        let label = |number: u64| thousands(number as f64);
        let shaped = |number, shape| (label(number), Plan { shape, ..base.clone() });
        match varied {
            Varied::Held => {
                [100_000, 1_000_000, 10_000_000].map(|spans| self.held(spans / self.divisor())).into()
            }
            Varied::Attributes => [5, 20, 100]
                .map(|count| shaped(count, Shape { attributes: Some(count as usize), ..Shape::default() }))
                .into(),
            Varied::SpansPerTrace => [1, 10, 100, 10_000, 100_000]
                .map(|count| shaped(count, Shape { spans_per_trace: Some(count), ..Shape::default() }))
                .into(),
            Varied::DistinctValues => [1, 100, 10_000, base.records as u64]
                .map(|count| shaped(count, Shape { distinct_values: Some(count), ..Shape::default() }))
                .into(),
            Varied::Connections => [1, 4, 16, 64, 256]
                .map(|connections| (label(connections as u64), Plan { connections, ..base.clone() }))
                .into(),
            Varied::RequestSize => [1, 8, 64, 512, 4_096, 8_192]
                .map(|per_request| {
                    let records = base.records.min(REQUESTS_MAX / self.divisor() * per_request);
                    (label(per_request as u64), Plan { per_request, records, ..base.clone() })
                })
                .into(),
            Varied::Paced => {
                let records = PACE as usize * PACED_SECONDS / self.divisor();
                vec![(thousands(PACE), Plan { rate: Some(PACE), records, ..base })]
            }
        }
    }

    fn held(&self, spans: usize) -> (String, Plan) {
        let mut plan = Plan { records: spans, asking: Asking::Everything, ..self.base() };
        if spans > 1_000_000 / self.divisor() {
            let partition_bytes = PARTITION_BYTES_OF_MOST / self.divisor();
            plan.settings = match &self.settings_of_most[..] {
                [] => vec![
                    format!("storage.retention.max_bytes={MAX_BYTES_OF_MOST}"),
                    format!("limits.partition_bytes_max={partition_bytes}"),
                ],
                settings => settings.to_vec(),
            };
        }
        (thousands(spans as f64), plan)
    }

    fn base(&self) -> Plan {
        Plan {
            signal: Signal::Spans,
            records: SPANS / self.divisor(),
            per_request: PER_REQUEST,
            connections: CONNECTIONS,
            rate: None,
            seed: self.seed,
            shape: Shape::default(),
            asking: Asking::Traces,
            settings: Vec::new(),
        }
    }

    fn divisor(&self) -> usize {
        if self.quick { QUICK } else { 1 }
    }
}

impl Table {
    pub fn failures(&self) -> usize {
        self.rows.iter().filter(|(_, row)| row.is_err()).count()
    }

    /// The rows that were measured, in order.
    pub fn measured(self) -> Vec<Measured> {
        self.rows.into_iter().filter_map(|(_, row)| row.ok()).collect()
    }

    pub fn markdown(&self) -> String {
        let columns = columns();
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let mut text = format!("| {} | {} |\n", self.varied.title(), names.join(" | "));
        // Writing to a string does not fail.
        let _ = writeln!(text, "|---:|{}", "---:|".repeat(columns.len()));
        for (label, row) in &self.rows {
            let cells = match row {
                Ok(measured) => columns.iter().map(|(_, cell)| cell(measured)).collect(),
                Err(error) => vec![format!("failed: {}", error.replace(['\n', '|'], " "))],
            };
            let _ = writeln!(text, "| {label} | {} |", cells.join(" | "));
        }
        text
    }
}

type Column = (&'static str, fn(&Measured) -> String);

fn columns() -> [Column; 9] {
    [
        ("acknowledged", |m| format!("{}/s", thousands(m.ack_rate()))),
        ("ack p50 / p99", |m| both(&m.ack_latencies)),
        ("refused requests", |m| m.refusals.to_string()),
        ("a decode", |m| format!("{:.2} µs", m.pieces.decode_s * 1e6)),
        ("CPU a span", |m| format!("{:.1} decodes", decodes(m))),
        ("CPU of one core", |m| format!("{:.1} %", share_of_core(m) * 100.0)),
        ("peak memory", |m| format!("{:.0} MB", megabytes(m.memory_peak))),
        ("disk a span", |m| per_record(m.disk_bytes, m.records)),
        ("trace by id, p50 / p99", |m| {
            let asked = m.questions.first().filter(|asked| !asked.latencies.is_empty());
            asked.map_or("–".to_owned(), |asked| both(&asked.latencies))
        }),
    ]
}

#[cfg(test)]
mod tests;
