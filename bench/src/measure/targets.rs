//! What the figures are to be, and whether they are.
//!
//! Times and rates were set on one machine, and what is counted in decodes travels between machines. So a time or a rate
//! is also given *scaled*: as it would be where a decode takes what it took there.

use std::fmt::Write as _;
use std::time::Duration;

use super::grafana::{LOGQL_TRACE, TEMPO_TRACE, TRACEQL, VOLUME};
use super::questions::{ERRORS, NEWEST, ORDER, TRACE_BY_ID};
use super::report::{decodes, megabytes, thousands};
use super::{Latency, Measured};
use crate::load::Signal;
use crate::sender::quantile;

/// One figure with its bound.
#[derive(Debug)]
pub struct Target {
    pub what: String,
    pub wanted: String,
    pub measured: String,
    /// Of a time or a rate, on the machine that the targets were set on.
    pub scaled: Option<String>,
    pub verdict: Verdict,
    sign: char,
    bound: f64,
    figure: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Met,
    /// Missed here, met when scaled.
    MetScaled,
    Missed,
}

/// CPU time of a decode, of a span and of a log, on the machine that the targets were set on.
const DECODE_OF_SPAN_S: f64 = 1.6e-6;
const DECODE_OF_LOG_S: f64 = 0.73e-6;

/// What the first release promised of spans.
pub fn of_release(spans: &Measured) -> Vec<Target> {
    let mut targets = vec![
        at_least("acknowledged and sustained, spans/s", 30_000.0, spans.sustained_rate()),
        at_most("CPU a span, until indexed, µs", 40.0, spans.cpu_per_record_s() * 1e6),
        at_most("memory, peak resident, MB", 200.0, megabytes(spans.memory_peak)),
    ];
    let by_id = spans.asked(TRACE_BY_ID);
    targets.extend(by_id.map(|asked| at_most("trace by id, p99, ms", 10.0, millis(asked, 0.99))));
    targets
}

/// Of the runs of either signal, and of the binary they were made with.
pub fn of_run(columns: &[Measured], binary_bytes: u64) -> Vec<Target> {
    let mut targets = Vec::new();
    for column in columns {
        let noun = column.plan.signal.noun();
        let (decodes_max, peak_max, disk_max) = match column.plan.signal {
            Signal::Spans => (4.8, 128.0, 60.0),
            Signal::Logs => (6.5, 100.0, 35.0),
        };
        let slower = slower(column);
        let disk = column.disk_bytes as f64 / column.records as f64;
        targets.push(at_most(&format!("CPU a {noun}, until indexed, decodes"), decodes_max, decodes(column)));
        if column.plan.signal == Signal::Spans {
            let what = "acknowledged and sustained until all is indexed, spans/s";
            targets.push(at_least(what, 190_000.0, column.sustained_rate()).scaled(slower));
        }
        let peak = megabytes(column.memory_peak);
        targets.push(at_most(&format!("memory, peak resident, {noun}s, MB"), peak_max, peak));
        let idle = megabytes(column.memory_idle.resident);
        targets.push(at_most(&format!("memory, idle and empty, before the {noun}s, MB"), 12.0, idle));
        targets.push(at_most(&format!("disk a {noun}, 5 s after the last ack, B"), disk_max, disk));
        for (question, median_max, high_max) in [(TRACE_BY_ID, 0.5, 1.5), (ERRORS, 0.8, 2.0)] {
            let Some(asked) = column.asked(question) else { continue };
            for (share, name, max) in [(0.5, "p50", median_max), (0.99, "p99", high_max)] {
                let what = format!("{question}, {noun}s, {name}, ms");
                targets.push(at_most(&what, max, millis(asked, share)).scaled(slower));
            }
        }
    }
    for column in columns {
        let (records, noun) = (thousands(column.records as f64), column.plan.signal.noun());
        for (question, max) in [(TEMPO_TRACE, 3.0), (TRACEQL, 50.0), (LOGQL_TRACE, 5.0), (VOLUME, 300.0)] {
            let what = format!("{question}, {records} {noun}s, p99, ms");
            targets.extend(column.asked(question).map(|asked| at_most(&what, max, millis(asked, 0.99))));
        }
    }
    targets.push(at_most("release binary, MB", 25.0, megabytes(binary_bytes)));
    targets
}

/// Of what is held, from the smallest on: the largest, and how it compares to the one before.
pub fn of_scale(held: &[Measured], paced: Option<&Measured>) -> Vec<Target> {
    let mut targets = Vec::new();
    if let [.., before, most] = held {
        let held = thousands(most.records as f64);
        for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
            if let (Some(few), Some(many)) = (before.asked(TRACE_BY_ID), most.asked(TRACE_BY_ID)) {
                let what = format!(
                    "trace by id, {name}, {held} spans in {} partitions to {} spans, times",
                    most.partitions,
                    thousands(before.records as f64)
                );
                targets.push(at_most(&what, 1.5, millis(many, share) / millis(few, share).max(1e-6)));
            }
        }
        for (question, max) in [(NEWEST, 20.0), (ORDER, 10.0)] {
            let asked = most.asked(question);
            let what = format!("{question}, {held} spans, p99, ms");
            let target = |asked| at_most(&what, max, millis(asked, 0.99)).scaled(slower(most));
            targets.extend(asked.map(target));
        }
        let idle = most.memory_rested.map(|memory| megabytes(memory.resident));
        let what = format!("memory, at rest after the questions, {held} spans held, MB");
        targets.extend(idle.map(|idle| at_most(&what, 40.0, idle)));
    }
    if let Some(paced) = paced {
        let share = share_of_core(paced) * 100.0;
        let what = "paced at 1,000 spans/s: CPU of one core, %";
        targets.push(at_most(what, 2.5, share).scaled(slower(paced)));
        targets.push(at_most("paced at 1,000 spans/s: peak memory, MB", 48.0, megabytes(paced.memory_peak)));
    }
    targets
}

/// All the CPU time it took, what came after the last ack too, over the time of sending.
pub(crate) fn share_of_core(measured: &Measured) -> f64 {
    measured.cpu_until_idle.as_secs_f64() / measured.sending.max(Duration::from_millis(1)).as_secs_f64()
}

/// How many times longer a decode takes here.
pub(super) fn slower(measured: &Measured) -> f64 {
    let there = match measured.plan.signal {
        Signal::Spans => DECODE_OF_SPAN_S,
        Signal::Logs => DECODE_OF_LOG_S,
    };
    measured.pieces.decode_s / there
}

pub fn targets_table(targets: &[Target]) -> String {
    let mut text = "| target | wanted | measured | scaled | |\n|---|---:|---:|---:|---|\n".to_owned();
    for Target { what, wanted, measured, scaled, verdict, .. } in targets {
        let verdict = match verdict {
            Verdict::Met => "met",
            Verdict::MetScaled => "met, scaled",
            Verdict::Missed => "**missed**",
        };
        let scaled = scaled.as_deref().unwrap_or("–");
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {what} | {wanted} | {measured} | {scaled} | {verdict} |");
    }
    text
}

pub(crate) fn at_most(what: &str, max: f64, measured: f64) -> Target {
    Target::new(what, '≤', max, measured)
}

fn at_least(what: &str, min: f64, measured: f64) -> Target {
    Target::new(what, '≥', min, measured)
}

impl Target {
    fn new(what: &str, sign: char, bound: f64, measured: f64) -> Target {
        let (wanted, shown) = (format!("{sign} {}", figure(bound)), figure(measured));
        let holds = move |figure| if sign == '≤' { figure <= bound } else { figure >= bound };
        let verdict = if holds(measured) { Verdict::Met } else { Verdict::Missed };
        Target {
            what: what.to_owned(),
            wanted,
            measured: shown,
            scaled: None,
            verdict,
            sign,
            bound,
            figure: measured,
        }
    }

    /// Of a figure that a machine which is so many times slower makes worse by as much.
    pub(super) fn scaled(self, slower: f64) -> Target {
        let there = if self.sign == '≤' { self.figure / slower } else { self.figure * slower };
        let scaled = Target::new(&self.what, self.sign, self.bound, there);
        let verdict = match (self.verdict, scaled.verdict) {
            (Verdict::Missed, Verdict::Met) => Verdict::MetScaled,
            (_, there) => there,
        };
        Target { scaled: Some(scaled.measured), verdict, ..self }
    }
}

fn figure(value: f64) -> String {
    match value {
        large if large >= 1_000.0 => thousands(large),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

fn millis(asked: &Latency, share: f64) -> f64 {
    quantile(&asked.latencies, share).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
