//! `spandrel-bench`: load, benchmarks, replay and the crash harness, from the command line.
#![allow(clippy::print_stdout, reason = "a command-line tool that prints what it found")]
#![allow(clippy::print_stderr, reason = "and how far it is")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum as _};
use spandrel_bench::crash;
use spandrel_bench::fleet;
use spandrel_bench::http::Http;
use spandrel_bench::lines::{self, LinesPlan};
use spandrel_bench::load::{self, Shop, Signal};
use spandrel_bench::measure::{self, Asking, Held, Machine, Measured, Plan, Target, Together, Verdict};
use spandrel_bench::overload::{self, Flood, Kind};
use spandrel_bench::replay::Case;
use spandrel_bench::scale::{self, Varied};
use spandrel_bench::sender::{Sending, quantile, send};
use spandrel_bench::sidecar::Launch;
use spandrel_config::ByteSize;

#[derive(Debug, Parser)]
#[command(
    name = "spandrel-bench",
    version,
    about = "Measures and torments the spandrel binary",
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure a binary in a fresh folder and write the table
    Run(Run),
    /// Measure how each figure grows, one thing varied at a time, and write the tables
    Scale(Scale),
    /// Measure what lines cost, and a file of them
    Lines(Lines),
    /// Send the shop's load to a running sidecar
    Load(LoadArguments),
    /// Ask a sidecar that holds the load, and check and time the answers
    QueryOnly(QueryOnly),
    /// Send a recorded incident to a running sidecar
    Replay(Replay),
    /// Measure a gateway over fifteen sidecars, and over many more
    Fleet(Fleet),
    /// Kill a binary under load, again and again, and check that nothing acknowledged is lost
    Crash(Crash),
    /// Kill a binary while it follows files that are rotated, and check that each line is found once
    CrashTail(Crash),
    /// Send more than a binary can take, and check its memory and that it keeps what it acknowledges
    Overload(Overload),
}

#[derive(Debug, Args)]
struct Shape {
    /// Spans to send, or that were sent; 0 for none
    #[arg(long, default_value_t = 1_000_000)]
    spans: usize,
    /// Logs to send, or that were sent; 0 for none
    #[arg(long, default_value_t = 660_000)]
    logs: usize,
    /// What the load follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Pace {
    /// Keep-alive connections, each with one request at a time
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Records of a request
    #[arg(long, default_value_t = 512)]
    per_request: usize,
    /// Records a second over all connections; without it as fast as they are taken
    #[arg(long)]
    rate: Option<f64>,
}

#[derive(Debug, Args)]
struct Run {
    /// The binary to measure; build it with `cargo build --release`
    #[arg(long, default_value = "target/release/spandrel")]
    binary: PathBuf,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    pace: Pace,
    /// Where the sidecars' folders are made; a real disk, or fsync costs nothing
    #[arg(long, default_value = "target")]
    work: PathBuf,
    /// A document to write the table into, between its markers
    #[arg(long)]
    output: Option<PathBuf>,
    /// End with status 1 if a target is missed
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
struct Scale {
    /// The binary to measure; build it with `cargo build --release`
    #[arg(long, default_value = "target/release/spandrel")]
    binary: PathBuf,
    /// Where the sidecars' folders are made; a real disk, or fsync costs nothing
    #[arg(long, default_value = "target")]
    work: PathBuf,
    /// A document to write the tables into, each between its markers
    #[arg(long)]
    output: Option<PathBuf>,
    /// A tenth of all sizes, to see that it works
    #[arg(long)]
    quick: bool,
    /// A setting of the sidecar that holds the most, `key=value`; by default those that make 24 partitions
    #[arg(long = "set")]
    settings: Vec<String>,
    /// Only this, any number of times; everything without it
    #[arg(long, value_enum)]
    only: Vec<Varied>,
    /// What the load follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Fleet {
    /// The binary to measure; build it with `cargo build --release`
    #[arg(long, default_value = "target/release/spandrel")]
    binary: PathBuf,
    /// Where the folders are made
    #[arg(long, default_value = "target")]
    work: PathBuf,
    /// A document to write the tables into, between their markers
    #[arg(long)]
    output: Option<PathBuf>,
    /// Traces over the fifteen sidecars
    #[arg(long, default_value_t = 20_000)]
    traces: u64,
    /// Records that each of the fifteen holds, about
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// Questions of each kind
    #[arg(long, default_value_t = 1_000)]
    questions: u64,
    /// Seconds of 100 questions a second
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Further fleets, by their number of sidecars
    #[arg(long, value_delimiter = ',', default_value = "1,100,500")]
    sizes: Vec<usize>,
    /// A setting of the gateways, `key=value`, any number of times
    #[arg(long = "set")]
    settings: Vec<String>,
    /// What the load follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Lines {
    /// The binary to measure; build it with `cargo build --release`
    #[arg(long, default_value = "target/release/spandrel")]
    binary: PathBuf,
    /// Where files are made; a real disk, or fsync costs nothing
    #[arg(long, default_value = "target")]
    work: PathBuf,
    /// A document to write the table into, between its markers
    #[arg(long)]
    output: Option<PathBuf>,
    /// Lines of the file that is followed
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
    /// What the lines follow from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program of bench/parsers, to measure parsers of JSON too
    #[arg(long)]
    parsers: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct LoadArguments {
    /// The sidecar's OTLP/HTTP address
    #[arg(long, default_value = "127.0.0.1:4318")]
    http: SocketAddr,
    #[command(flatten)]
    shape: Shape,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Debug, Args)]
struct QueryOnly {
    /// The sidecar's query address
    #[arg(long, default_value = "127.0.0.1:7317")]
    query: SocketAddr,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Args)]
struct Replay {
    /// A folder with traces.csv.zst and logs.csv.zst
    case: PathBuf,
    /// The sidecar's OTLP/HTTP address
    #[arg(long, default_value = "127.0.0.1:4318")]
    http: SocketAddr,
}

#[derive(Debug, Args)]
struct Crash {
    #[arg(long, default_value = "target/release/spandrel")]
    binary: PathBuf,
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Repeat a run that failed; random without it
    #[arg(long)]
    seed: Option<u64>,
    /// The longest time under load before a kill, in milliseconds
    #[arg(long, default_value_t = 1_500)]
    load_ms_max: u64,
    #[arg(long, default_value = "target")]
    work: PathBuf,
    /// A setting of the sidecar, `key=value`; by default one that makes it commit and close partitions often
    #[arg(long = "set", default_value = crash::FREQUENT_COMMITS)]
    settings: Vec<String>,
}

#[derive(Debug, Args)]
struct Overload {
    #[arg(long, default_value = "target/release/spandrel")]
    binary: PathBuf,
    /// Only these; can be given more than once
    #[arg(long)]
    only: Vec<Flood>,
    /// How long, for each of the three kinds of load
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// `limits.memory` of the sidecar, which it has to stay within, without pages of files
    #[arg(long, default_value = "128MiB", value_parser = byte_size)]
    memory: ByteSize,
    /// Processors that the sidecar may use; with fewer it is easier to send far more than it can take
    #[arg(long, default_value_t = 1)]
    cpus: usize,
    /// Spans of the one large trace
    #[arg(long, default_value_t = 200_000)]
    trace_spans: usize,
    /// Different attribute keys
    #[arg(long, default_value_t = 10_000)]
    keys: usize,
    #[arg(long, default_value = "target")]
    work: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(arguments) => run(arguments).await,
        Command::Scale(arguments) => run_scale(arguments).await,
        Command::Lines(arguments) => run_lines(arguments).await,
        Command::Load(arguments) => send_load(arguments).await,
        Command::QueryOnly(arguments) => query_only(arguments).await,
        Command::Replay(arguments) => replay(arguments).await,
        Command::Fleet(arguments) => run_fleet(arguments).await,
        Command::Crash(arguments) => crash_rounds(arguments).await,
        Command::CrashTail(arguments) => crash_tail(arguments).await,
        Command::Overload(arguments) => overloads(arguments).await,
    }
}

async fn run(arguments: Run) -> anyhow::Result<()> {
    let mut columns: Vec<Measured> = Vec::new();
    for (signal, records) in arguments.shape.signals() {
        let Pace { connections, per_request, rate } = arguments.pace;
        let (seed, shape, asking) = (arguments.shape.seed, load::Shape::default(), Asking::Everything);
        let settings = Vec::new();
        let plan = Plan { signal, records, per_request, connections, rate, seed, shape, asking, settings };
        eprintln!("{records} {}s", signal.noun());
        columns.push(measure::run(&arguments.binary, &arguments.work, plan).await?);
    }
    let release: Vec<Target> = columns
        .iter()
        .filter(|column| column.plan.signal == Signal::Spans)
        .flat_map(measure::of_release)
        .collect();
    let mut targets = measure::of_run(&columns, std::fs::metadata(&arguments.binary)?.len());
    let mut table = measure::table(&context(&arguments.binary, &arguments.work)?, &columns);
    if let Some(spans) = columns.iter().find(|column| column.plan.signal == Signal::Spans) {
        eprintln!("spans and logs in one store");
        let together = Together::measure(&arguments.binary, &arguments.work, &spans.plan).await?;
        targets.extend(together.targets(spans));
        table.push_str(&format!("\n{}", together.table()));
    }
    let sections = [
        ("bench", table),
        ("targets", measure::targets_table(&targets)),
        ("first-release", measure::targets_table(&release)),
    ];
    for (name, text) in &sections {
        write_section(arguments.output.as_deref(), name, text)?;
    }
    let missed = release.iter().chain(&targets).filter(|target| target.verdict == Verdict::Missed).count();
    anyhow::ensure!(missed == 0 || !arguments.strict, "{missed} targets missed");
    Ok(())
}

async fn run_scale(arguments: Scale) -> anyhow::Result<()> {
    let Scale { binary, work, output, quick, settings, only, seed } = arguments;
    let context = context(&binary, existing(&work)?)?;
    let scale = scale::Scale { binary, work, seed, quick, settings_of_most: settings };
    let (mut held, mut paced, mut failures) = (Vec::new(), Vec::new(), 0);
    for varied in Varied::value_variants().iter().copied().filter(|v| only.is_empty() || only.contains(v)) {
        let table = scale.run(varied, |line| eprintln!("{line}")).await;
        let mut text = format!("{context}\n\n{}", table.markdown());
        failures += table.failures();
        let measured = table.measured();
        if varied == Varied::Held {
            text.push_str(&format!("\n{}", measure::table("All of it:", &measured)));
        }
        write_section(output.as_deref(), varied.name(), &text)?;
        match varied {
            Varied::Held => held = measured,
            Varied::Paced => paced = measured,
            _ => {}
        }
    }
    // Where only a part was measured, what is known of the rest stays.
    if !held.is_empty() && !paced.is_empty() {
        let targets = measure::targets_table(&measure::of_scale(&held, paced.first()));
        write_section(output.as_deref(), "scale-targets", &targets)?;
    }
    anyhow::ensure!(failures == 0, "{failures} rows failed");
    Ok(())
}

async fn run_fleet(arguments: Fleet) -> anyhow::Result<()> {
    let Fleet { binary, work, output, traces, records, questions, seconds, sizes, settings, seed } =
        arguments;
    let context = context(&binary, existing(&work)?)?;
    let load = Duration::from_secs(seconds);
    let plan = fleet::Plan { binary, work, seed, traces, records, questions, load, sizes, settings };
    let measured = fleet::run(plan, |line| eprintln!("{line}")).await?;
    let targets = measure::targets_table(&fleet::targets(&measured));
    write_section(output.as_deref(), "fleet-targets", &targets)?;
    write_section(output.as_deref(), "fleet", &fleet::report(&context, &measured))
}

async fn run_lines(arguments: Lines) -> anyhow::Result<()> {
    let Lines { binary, work, output, lines, seed, parsers } = arguments;
    let context = context(&binary, existing(&work)?)?;
    let table = lines::run(&LinesPlan { binary, work, lines, seed, parsers }).await?;
    write_section(output.as_deref(), "lines", &format!("{context}\n\n{table}"))
}

/// Shows what was found, and writes it into its place in the document.
fn write_section(document: Option<&Path>, name: &str, text: &str) -> anyhow::Result<()> {
    println!("{text}");
    document.map_or(Ok(()), |document| measure::write_between_markers(document, name, text))
}

/// Where, when and how: what stands above a table.
fn context(binary: &Path, work: &Path) -> anyhow::Result<String> {
    let version = std::process::Command::new(binary).arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version).trim().to_owned();
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let command: Vec<String> = std::env::args().skip(1).collect();
    let machine = Machine::this(work)?;
    Ok(format!("{version}, {date}, {machine}.\n`spandrel-bench {}`", command.join(" ")))
}

async fn send_load(arguments: LoadArguments) -> anyhow::Result<()> {
    let shop = Shop::new(arguments.shape.seed, measure::now_unix_ns()?);
    for (signal, records) in arguments.shape.signals() {
        let load = load::requests(&shop, signal, records, arguments.pace.per_request);
        let Pace { connections, rate, .. } = arguments.pace;
        let sending = Sending { address: arguments.http, connections, rate };
        let sent = send(Arc::from(load.requests), sending).await?;
        let seconds = (sent.last_ack - sent.first_byte).as_secs_f64();
        let noun = signal.noun();
        println!("{} {noun}s of {} traces acknowledged in {seconds:.1} s", sent.records, load.traces);
        println!("  ack p99 {:?}, {} refusals", quantile(&sent.latencies, 0.99), sent.refusals);
    }
    Ok(())
}

async fn query_only(arguments: QueryOnly) -> anyhow::Result<()> {
    let shop = Shop::new(arguments.shape.seed, measure::now_unix_ns()?);
    let held = Held::of(&shop, arguments.shape.spans, arguments.shape.logs);
    for latency in measure::ask_all(&Http::new(arguments.query), &shop, held).await? {
        let [median, high] = [0.5, 0.99].map(|share| quantile(&latency.latencies, share));
        println!("{}: {} asked, p50 {median:?}, p99 {high:?}", latency.question, latency.latencies.len());
    }
    Ok(())
}

async fn replay(arguments: Replay) -> anyhow::Result<()> {
    let case = Case::read(&arguments.case)?;
    let replayed = case.replay(&Http::new(arguments.http)).await?;
    println!("{} spans and {} log lines acknowledged", replayed.spans, replayed.logs);
    Ok(())
}

async fn crash_rounds(arguments: Crash) -> anyhow::Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let notes = tempfile::tempdir_in(existing(&arguments.work)?)?;
    let mut launch = Launch::new(&arguments.binary, notes.path().join("data"), notes.path());
    launch.settings = arguments.settings;
    let load_max = Duration::from_millis(arguments.load_ms_max);
    let plan = crash::Plan { launch, rounds: arguments.rounds, seed, load_max };
    match crash::run(&plan, |line| println!("{line}")).await {
        Ok(summary) => println!("{summary}"),
        Err(error) => {
            println!("the folder is kept: {}", notes.keep().display());
            return Err(error);
        }
    }
    Ok(())
}

/// An overload of less than this many times what can be taken proves nothing.
const TIMES_MIN: f64 = 4.0;

async fn overloads(arguments: Overload) -> anyhow::Result<()> {
    let lasting = Duration::try_from_secs_f64(arguments.minutes * 60.0)?;
    let only = &arguments.only;
    for flood in Flood::value_variants().iter().filter(|flood| only.is_empty() || only.contains(flood)) {
        let kind = match flood {
            Flood::Shop => Kind::Shop,
            Flood::OneTrace => Kind::OneTrace(arguments.trace_spans),
            Flood::ManyKeys => Kind::ManyKeys(arguments.keys),
        };
        let notes = tempfile::tempdir_in(existing(&arguments.work)?)?;
        let mut launch = overload::launch(&arguments.binary, notes.path(), arguments.memory);
        launch.cpus = Some(arguments.cpus);
        let (connections, anonymous_max) = (arguments.connections, arguments.memory.0);
        let plan = overload::Plan { launch, kind, connections, lasting, anonymous_max };
        let outcome = overload::run(&plan).await?;
        println!("{kind:?}: {outcome}");
        anyhow::ensure!(
            outcome.times() >= TIMES_MIN,
            "too little was sent: the sender has too little of the machine"
        );
    }
    Ok(())
}

async fn crash_tail(arguments: Crash) -> anyhow::Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let notes = tempfile::tempdir_in(existing(&arguments.work)?.canonicalize()?)?;
    let mut launch = Launch::new(&arguments.binary, notes.path().join("data"), notes.path());
    launch.settings = arguments.settings;
    let load_max = Duration::from_millis(arguments.load_ms_max);
    let plan = crash::tail::TailPlan { launch, rounds: arguments.rounds, seed, load_max };
    match crash::tail::run(&plan, |line| println!("{line}")).await {
        Ok(summary) => println!("{summary}"),
        Err(error) => {
            println!("the folder is kept: {}", notes.keep().display());
            return Err(error);
        }
    }
    Ok(())
}

fn byte_size(text: &str) -> Result<ByteSize, &'static str> {
    ByteSize::parse(text).ok_or("sizes are written as 128MiB")
}

fn existing(folder: &Path) -> anyhow::Result<&Path> {
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

impl Shape {
    fn signals(&self) -> impl Iterator<Item = (Signal, usize)> {
        [(Signal::Spans, self.spans), (Signal::Logs, self.logs)]
            .into_iter()
            .filter(|(_, records)| *records > 0)
    }
}
