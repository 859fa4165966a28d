//! What a line costs, and a file of them: from bytes to a record on one core, and followed by the whole program.
//!
//! Beside it stands what parsers of JSON take for the same lines, to see what there would be to win with another one:
//! they are measured by a program of its own, `bench/parsers`, so that nothing else has to build them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use fastrand::Rng;
use spandrel_config::Config;

use crate::api::{self, Histogram};
use crate::eventually::eventually;
use crate::http::Http;
use crate::measure::Process;
use crate::sidecar::Launch;

/// Long enough for a clock that counts CPU time in hundredths of a second.
const MEASURE_TIME: Duration = Duration::from_secs(1);
/// Of so many times the least is taken: what else the machine does costs time in caches and on the same core.
const ROUNDS: usize = 5;
/// Lines of one trace, beside one: a request is seldom logged once, and each trace has terms of its own in the index.
const TRACE_LINES: usize = 10;
/// Lines of one body.
const BODY_LINES: usize = 2_000;
const FOUND_DEADLINE: Duration = Duration::from_secs(300);

/// The targets.
const LINE_MICROS_MAX: f64 = 3.0;
const TAIL_MB_MIN: f64 = 200.0;

#[derive(Debug, Clone)]
pub struct LinesPlan {
    pub binary: PathBuf,
    /// Where files are made.
    pub work: PathBuf,
    /// Lines of the file that is followed.
    pub lines: usize,
    pub seed: u64,
    /// The program of `bench/parsers`, if it is there.
    pub parsers: Option<PathBuf>,
}

/// A row of the table: what, what is wanted, what was measured.
#[derive(Debug)]
struct Row {
    what: String,
    wanted: String,
    measured: String,
}

/// Measures all of it: the table.
pub async fn run(plan: &LinesPlan) -> anyhow::Result<String> {
    let text = json_lines(BODY_LINES, 1, plan.seed);
    let bytes_a_line = text.len() as f64 / BODY_LINES as f64;
    let mut rows = of_lines(&text, plan)?;
    let folder = tempfile::tempdir_in(&plan.work)?;
    for (name, lines_a_trace) in [("apart", 1), ("together", TRACE_LINES)] {
        let folder = folder.path().canonicalize()?.join(name);
        std::fs::create_dir(&folder)?;
        let file = folder.join("a.log");
        write_file(&file, lines_a_trace, plan)?;
        if lines_a_trace == 1 {
            rows.extend(of_tail(&file)?);
        }
        rows.extend(of_program(plan, &folder, &file, lines_a_trace).await?);
    }
    let mut table =
        format!("JSON lines of {bytes_a_line:.0} bytes.\n\n| | wanted | measured |\n|---|---:|---:|\n");
    for Row { what, wanted, measured } in rows {
        table.push_str(&format!("| {what} | {wanted} | {measured} |\n"));
    }
    Ok(table)
}

/// As a service in production writes them.
fn json_lines(count: usize, lines_a_trace: usize, seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let (mut text, mut trace) = (String::new(), 0);
    for number in 0..count {
        let level = ["info", "info", "info", "debug", "warn", "error"][rng.usize(0..6)];
        trace = if number % lines_a_trace == 0 { rng.u128(..) } else { trace };
        let span = rng.u64(..);
        let (order, took) = (rng.u32(..100_000), rng.u16(..2_000));
        text.push_str(&format!(
            "{{\"level\":\"{level}\",\"time\":\"2026-11-22T10:{:02}:{:02}.{:03}Z\",\"msg\":\"order accepted\",\
             \"trace_id\":\"{trace:032x}\",\"span_id\":\"{span:016x}\",\"order.id\":{order},\
             \"http.route\":\"/orders/{{id}}\",\"duration_ms\":{took},\"pid\":4711,\"hostname\":\"orders-7d9f\"}}\n",
            number / 60 % 60,
            number % 60,
            number % 1000,
        ));
    }
    text
}

/// From bytes to a record, CPU a line: in the process that asks, with its allocator.
pub fn micros_of_understanding(seed: u64) -> anyhow::Result<f64> {
    let body = Bytes::from(json_lines(BODY_LINES, 1, seed));
    let config = Config::default();
    micros_a_line(|| spandrel_collector::measure::records(&config, body.clone()))
}

fn of_lines(text: &str, plan: &LinesPlan) -> anyhow::Result<Vec<Row>> {
    // Built beside this program.
    let program = std::env::current_exe()?.with_file_name("spandrel-lines");
    let told = std::process::Command::new(&program).arg(plan.seed.to_string()).output();
    let told = told.with_context(|| format!("run {}; `make tools` builds it", program.display()))?;
    anyhow::ensure!(told.status.success(), "{} ended with {}", program.display(), told.status);
    let whole: f64 = String::from_utf8(told.stdout)?.trim().parse()?;
    let mut rows = vec![Row {
        what: "from bytes to a record, CPU a line on one core".to_owned(),
        wanted: format!("≤ {LINE_MICROS_MAX:.1} µs"),
        measured: format!("{whole:.2} µs"),
    }];
    if let Some(parsers) = &plan.parsers {
        rows.extend(of_parsers(parsers, text)?);
    }
    Ok(rows)
}

/// It reads lines and tells for each parser its name and the nanoseconds a line, with a tab between.
fn of_parsers(parsers: &Path, text: &str) -> anyhow::Result<Vec<Row>> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    let told = std::process::Command::new(parsers).arg(file.path()).output()?;
    anyhow::ensure!(told.status.success(), "{} ended with {}", parsers.display(), told.status);
    let row = |line: &str| {
        let (parser, nanos) = line.split_once('\t').context("a name, a tab, a number")?;
        let measured = format!("{:.2} µs", nanos.parse::<f64>()? / 1e3);
        Ok(Row {
            what: format!("of which a parser of JSON takes: {parser}"),
            wanted: String::new(),
            measured,
        })
    };
    String::from_utf8(told.stdout)?.lines().map(row).collect()
}

/// CPU time a line of what takes [`BODY_LINES`] at a time.
fn micros_a_line(mut once: impl FnMut() -> usize) -> anyhow::Result<f64> {
    let this = Process::this();
    anyhow::ensure!(once() == BODY_LINES, "not all lines were taken");
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (began, before, mut lines) = (Instant::now(), this.cpu()?, 0);
        while began.elapsed() < MEASURE_TIME {
            lines += once();
        }
        least = least.min((this.cpu()? - before).as_secs_f64() / lines as f64 * 1e6);
    }
    Ok(least)
}

fn write_file(path: &Path, lines_a_trace: usize, plan: &LinesPlan) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut left = plan.lines;
    while left > 0 {
        let count = left.min(BODY_LINES);
        let lines = json_lines(count, lines_a_trace, plan.seed + left as u64);
        file.write_all(lines.as_bytes())?;
        left -= count;
    }
    Ok(file.flush()?)
}

/// Reading and cutting to records, without the understanding of lines.
fn of_tail(file: &Path) -> anyhow::Result<Vec<Row>> {
    let (config, this) = (Config::default(), Process::this());
    let (began, before, mut total) = (Instant::now(), this.cpu()?, 0);
    while began.elapsed() < MEASURE_TIME {
        total += spandrel_collector::measure::tail(&config, file)?.0;
    }
    let rate = total as f64 / 1e6 / (this.cpu()? - before).as_secs_f64();
    Ok(vec![Row {
        what: "file tail alone: read, cut to lines and joined, a second of CPU".to_owned(),
        wanted: format!("≥ {TAIL_MB_MIN:.0} MB"),
        measured: format!("{rate:.0} MB"),
    }])
}

/// Records that were taken from files.
async fn accepted(http: &Http) -> anyhow::Result<f64> {
    let metrics = http.get("/metrics").await?.body;
    let metrics = String::from_utf8_lossy(&metrics);
    let of_files = |line: &&str| {
        line.starts_with("spandrel_receiver_accepted_records_total{") && line.contains("\"filelog\"")
    };
    Ok(metrics.lines().filter(of_files).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// The whole program, until everything is found.
async fn of_program(
    plan: &LinesPlan,
    folder: &Path,
    file: &Path,
    lines_a_trace: usize,
) -> anyhow::Result<Vec<Row>> {
    let launch = Launch::new(&plan.binary, folder.join("data"), folder)
        .set(format!("receivers.filelog.include={}", file.display()))
        .set("receivers.filelog.start_at=beginning");
    let began = Instant::now();
    let sidecar = launch.start().await?;
    let process = Process::new(sidecar.pid());
    let http = Http::new(sidecar.addresses.query);
    // Asked of its own metrics, which costs next to nothing: a question about all lines costs more than taking them in.
    eventually("all lines are taken in", FOUND_DEADLINE, async || {
        Ok((accepted(&http).await? >= plan.lines as f64).then_some(()))
    })
    .await?;
    let took = began.elapsed().as_secs_f64();
    let idle = process.until_idle().await.context("wait until all is indexed")?;
    let memory = process.memory()?.resident_peak as f64 / 1e6;
    let found: Histogram = api::ask(&http, &api::histogram_target("source:filelog", "level")).await?;
    let found: u64 = found.series.iter().flat_map(|series| &series.points).map(|point| point.1).sum();
    anyhow::ensure!(found == plan.lines as u64, "{found} of {} lines found", plan.lines);
    let (bytes, lines) = (std::fs::metadata(file)?.len() as f64, plan.lines as f64);
    sidecar.kill().await?;
    let row = |what: &str, measured: String| Row { what: what.to_owned(), wanted: String::new(), measured };
    let cpu = idle.cpu.as_secs_f64();
    Ok(vec![
        row(
            &format!("the whole program, {lines_a_trace} to a trace, from its start until all are taken in"),
            format!("{:.1} MB/s", bytes / took / 1e6),
        ),
        row("the same, lines", format!("{:.0}/s", lines / took)),
        row("its CPU a line, until indexed", format!("{:.2} µs", cpu / lines * 1e6)),
        row("its MB a second of CPU, until indexed", format!("{:.1} MB", bytes / cpu / 1e6)),
        row("its memory at its peak", format!("{memory:.0} MB")),
    ])
}
