//! The tables of a fleet, and what the figures are to be.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Measured, OfSize, Refusals, members};
use crate::measure::{Memory, Target, at_most, both, megabytes, thousands};
use crate::sender::quantile;

/// `limits.peer_timeout`, and what an answer may take beyond it.
const HUNG_MS_MAX: f64 = 500.0 + 10.0;
const LOCAL_TIMES_MAX: f64 = 5.0;
/// "In microseconds": below a millisecond.
const REFUSAL_US_MAX: f64 = 1_000.0;

pub fn targets(measured: &Measured) -> Vec<Target> {
    let local = millis(&measured.local, 0.99);
    let by_id = millis(&measured.by_id, 0.99);
    let after = millis(&measured.hung_after, 0.99);
    let held = thousands(measured.plan.records as f64);
    let mut targets = vec![
        at_most("trace by id over 15 sidecars, p99, ms", 10.0, by_id),
        at_most("the same, to one local lookup, p99, times", LOCAL_TIMES_MAX, by_id / local.max(1e-6)),
        at_most(
            "with one sidecar stopped, the first times, ms",
            HUNG_MS_MAX,
            millis(&measured.hung_first, 1.0),
        ),
        at_most("with one sidecar stopped, from then on, p99, ms", 10.0, after),
    ];
    for size in measured.sizes.iter().filter(|size| size.sidecars > members::SERVICES) {
        let max = match size.sidecars {
            ..=100 => 40.0,
            _ => 150.0,
        };
        let what = format!("trace by id over {} sidecars, p99, ms", size.sidecars);
        targets.push(at_most(&what, max, millis(&size.by_id, 0.99)));
    }
    let refusal = measured.refused_alone.took.as_secs_f64() * 1e6;
    let what = "a sidecar without the trace says so, mean, µs";
    targets.push(at_most(what, REFUSAL_US_MAX, refusal));
    let errors = "`trace_id:x AND level:error` over 15 sidecars, p99, ms";
    targets.push(at_most(errors, 10.0, millis(&measured.errors_of_trace, 0.99)));
    let newest = format!("newest 100 of `level:error` over 15 sidecars with {held} records each, p99, ms");
    targets.push(at_most(&newest, 50.0, millis(&measured.newest_errors, 0.99)));
    targets.push(at_most("gateway, idle, MB", 15.0, megabytes(measured.gateway_idle.resident)));
    let under = "gateway under 100 questions a second, at its peak, MB";
    targets.push(at_most(under, 64.0, megabytes(measured.gateway_peak.0)));
    targets
}

/// `context` says where, when and how it was measured.
pub fn report(context: &str, measured: &Measured) -> String {
    let mut text = format!("{context}\n\n| question | p50 / p99 |\n|---|---:|\n");
    let rows = [
        ("trace by id, one sidecar that holds everything", both(&measured.local)),
        ("a trace that is not there, one of the fifteen asked alone", both(&measured.unknown)),
        ("trace by id over 15 sidecars", both(&measured.by_id)),
        ("the same with one stopped, first times", both(&measured.hung_first)),
        ("the same with one stopped, from then on", both(&measured.hung_after)),
        ("`trace_id:x AND level:error`", both(&measured.errors_of_trace)),
        ("newest 100 of `level:error`", both(&measured.newest_errors)),
    ];
    let asked = format!(
        "{:.0} a second, nine traces by id to one search for the newest errors",
        measured.paced.rate()
    );
    let rows = rows.into_iter().map(|(name, cell)| (name.to_owned(), cell));
    for (name, cell) in rows.chain([(asked, both(&measured.paced.latencies))]) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {cell} |");
    }
    for (who, Refusals { questions, took, cpu }) in [
        ("asked alone", measured.refused_alone),
        ("of fifteen asked at once by the gateway, on the same cores", measured.refused_by_all),
    ] {
        let _ = writeln!(
            text,
            "\nA sidecar that has nothing of a trace, {who}: {:.0} µs from the question's arrival to the answer, {:.0} µs of CPU time of its process (means of {}).",
            took.as_secs_f64() * 1e6,
            cpu.as_secs_f64() * 1e6,
            thousands(questions as f64),
        );
    }
    let held = thousands(measured.records_held as f64);
    let _ =
        writeln!(text, "\n{held} records in all, of them {} traces over all fifteen.", measured.plan.traces);
    let _ = writeln!(
        text,
        "\n| sidecars | trace by id, p50 / p99 | gateway idle, all / anonymous | after the questions |\n|---:|---:|---:|---:|"
    );
    let (smaller, larger): (Vec<&OfSize>, Vec<&OfSize>) =
        measured.sizes.iter().partition(|size| size.sidecars < members::SERVICES);
    smaller.iter().for_each(|size| row(&mut text, size));
    let under = format!(
        "{:.0} / {:.0} MB under load",
        megabytes(measured.gateway_peak.0),
        megabytes(measured.gateway_peak.1)
    );
    let _ =
        writeln!(text, "| 15 | {} | {} | {under} |", both(&measured.by_id), memory(measured.gateway_idle));
    larger.iter().for_each(|size| row(&mut text, size));
    text
}

fn row(text: &mut String, size: &OfSize) {
    let (idle, after) = (memory(size.idle), memory(size.after));
    let _ = writeln!(text, "| {} | {} | {idle} | {after} |", size.sidecars, both(&size.by_id));
}

fn memory(memory: Memory) -> String {
    format!("{:.0} / {:.0} MB", megabytes(memory.resident), megabytes(memory.anonymous))
}

fn millis(latencies: &[Duration], share: f64) -> f64 {
    quantile(latencies, share).as_secs_f64() * 1e3
}
