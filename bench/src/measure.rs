//! The benchmark: a fresh sidecar, the whole load of one signal, then the questions; every answer is checked.
//!
//! A run gathers the whole load in memory first, so that making it costs nothing while the program under test
//! works; the sender still shares the machine's cores with it.

mod fresh;
mod grafana;
mod machine;
mod pages;
mod pauses;
mod pieces;
mod process;
mod questions;
mod report;
mod targets;
mod together;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

pub use machine::Machine;
pub use pieces::Pieces;
pub use process::{Memory, Process, allocated_bytes};
pub(crate) use questions::spread;
pub use questions::{Held, Latency, ask_all};
pub(crate) use report::{both, decodes, megabytes, per_record, thousands};
pub use report::{table, write_between_markers};
pub use targets::{Target, Verdict, of_release, of_run, of_scale, targets_table};
pub(crate) use targets::{at_most, share_of_core};
pub use together::Together;

pub(crate) use self::process::Peak;
use crate::http::Http;
use crate::load::{self, Part, Shape, Shop, Signal};
use crate::sender::{Sending, send};
use crate::sidecar::{Launch, Sidecar};

/// After the last ack, before the folder is weighed.
const SETTLING: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    pub signal: Signal,
    pub records: usize,
    pub per_request: usize,
    pub connections: usize,
    pub rate: Option<f64>,
    pub seed: u64,
    pub shape: Shape,
    pub asking: Asking,
    /// Of the sidecar, `key=value`.
    pub settings: Vec<String>,
}

/// What is asked once the load is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Every kind of question, and again after a restart.
    Everything,
    /// Traces by id.
    Traces,
}

/// What was measured of one signal.
#[derive(Debug)]
pub struct Measured {
    pub plan: Plan,
    pub records: usize,
    pub bytes_per_record: f64,
    pub pieces: Pieces,
    /// From the first byte to the last ack.
    pub sending: Duration,
    /// From the first byte until nothing was left to do.
    pub working: Duration,
    pub cpu_until_ack: Duration,
    pub cpu_until_idle: Duration,
    pub ack_latencies: Vec<Duration>,
    pub refusals: usize,
    pub memory_idle: Memory,
    /// Until the load was indexed, before the questions.
    pub memory_peak: u64,
    pub memory_peak_anonymous: u64,
    pub memory_after: Memory,
    /// At rest after the questions: what they had read is let go of some seconds later.
    pub memory_rested: Option<Memory>,
    /// Started again on what it holds, before any question.
    pub memory_restarted: Option<Memory>,
    pub disk_bytes: u64,
    pub disk_bytes_idle: u64,
    pub partitions: usize,
    pub questions: Vec<Latency>,
}

impl Measured {
    pub fn ack_rate(&self) -> f64 {
        self.records as f64 / self.sending.as_secs_f64()
    }

    pub fn sustained_rate(&self) -> f64 {
        self.records as f64 / self.working.as_secs_f64()
    }

    /// Until all is indexed.
    pub fn cpu_per_record_s(&self) -> f64 {
        self.cpu_until_idle.as_secs_f64() / self.records as f64
    }

    pub fn asked(&self, question: &str) -> Option<&Latency> {
        self.questions.iter().find(|asked| asked.question == question && !asked.latencies.is_empty())
    }
}

/// Runs one signal against a fresh sidecar in a folder of its own below `work`.
pub async fn run(binary: &Path, work: &Path, plan: Plan) -> anyhow::Result<Measured> {
    let shop = Shop::new(plan.seed, now_unix_ns()?);
    let Plan { signal, records, per_request, shape, .. } = plan;
    let load = load::part(&shop, Part { signal, first_trace: 0, records, per_request, shape });
    let pieces = Pieces::measure(&load.requests, plan.connections, work)?;
    let (records, bytes, traces) = (load.records, load.bytes(), load.traces);

    let notes = tempfile::tempdir_in(work)?;
    let folder = notes.path().join("data");
    let mut launch = Launch::new(binary, &folder, notes.path());
    launch.settings = plan.settings.clone();
    let (sidecar, memory_idle) = start(&launch).await?;
    let process = Process::new(sidecar.pid());
    let cpu_before = process.cpu()?;

    let peak = Peak::watch(process);
    let sending = Sending { address: sidecar.addresses.http, connections: plan.connections, rate: plan.rate };
    let sent = send(Arc::from(load.requests), sending).await?;
    let cpu_at_ack = process.cpu()?;
    let weighing = async {
        tokio::time::sleep_until((sent.last_ack + SETTLING).into()).await;
        allocated_bytes(&folder)
    };
    let (disk_bytes, idle) = tokio::join!(weighing, process.until_idle());
    let idle = idle?;
    let (memory_peak, memory_peak_anonymous) = peak.end().await?;

    let held = match signal {
        Signal::Spans => Held { traces_with_spans: traces, traces_with_logs: 0, records: records as u64 },
        Signal::Logs => Held { traces_with_spans: 0, traces_with_logs: traces, records: records as u64 },
    };
    let mut questions = ask(&sidecar, &shop, &plan, held).await?;
    let memory_after = process.memory()?;
    let mut memory_rested = None;
    if plan.asking == Asking::Everything {
        process.until_idle().await?;
        process.until_idle().await?;
        memory_rested = Some(process.memory()?);
    }
    let disk_bytes_idle = allocated_bytes(&folder)?;
    let partitions = std::fs::read_dir(folder.join("partitions"))?.count();
    stop(sidecar).await?;
    let mut memory_restarted = None;
    if plan.asking == Asking::Everything {
        pages::drop_pages(&folder)?;
        let (sidecar, memory) = start(&launch).await?;
        memory_restarted = Some(memory);
        questions.push(questions::ask_cold(&Http::new(sidecar.addresses.query), &shop, held).await?);
        stop(sidecar).await?;
    }

    let until = |end: Instant| end.max(sent.last_ack) - sent.first_byte;
    Ok(Measured {
        records,
        bytes_per_record: bytes as f64 / records as f64,
        pieces,
        sending: until(sent.last_ack),
        working: until(idle.since),
        cpu_until_ack: cpu_at_ack.saturating_sub(cpu_before),
        cpu_until_idle: idle.cpu.saturating_sub(cpu_before),
        ack_latencies: sent.latencies,
        refusals: sent.refusals,
        memory_idle,
        memory_peak,
        memory_peak_anonymous,
        memory_after,
        memory_rested,
        memory_restarted,
        disk_bytes: disk_bytes?,
        disk_bytes_idle,
        partitions,
        questions,
        plan,
    })
}

/// Started and idle, and the memory it has then.
async fn start(launch: &Launch) -> anyhow::Result<(Sidecar, Memory)> {
    let sidecar = launch.start().await?;
    let process = Process::new(sidecar.pid());
    process.until_idle().await.context("wait for the start to settle")?;
    Ok((sidecar, process.memory()?))
}

async fn stop(sidecar: Sidecar) -> anyhow::Result<()> {
    let status = sidecar.stop().await?;
    anyhow::ensure!(status.success(), "the program ended with {status}");
    Ok(())
}

async fn ask(sidecar: &Sidecar, shop: &Shop, plan: &Plan, held: Held) -> anyhow::Result<Vec<Latency>> {
    let http = Http::new(sidecar.addresses.query);
    match (plan.asking, plan.shape.spans_per_trace) {
        (Asking::Traces, Some(spans_per_trace)) => {
            Ok(vec![questions::ask_regrouped(&http, shop, spans_per_trace, held.records).await?])
        }
        (Asking::Traces, None) => Ok(vec![questions::traces_by_id(&http, shop, held).await?]),
        (Asking::Everything, _) => {
            let mut asked = ask_all(&http, shop, held).await?;
            // Last, for it adds to what is held.
            let first_new = held.traces_with_spans.max(held.traces_with_logs);
            let ingest = sidecar.addresses.http;
            asked.push(fresh::ask_fresh(ingest, &http, shop, plan.signal, first_new).await?);
            Ok(asked)
        }
    }
}

pub fn now_unix_ns() -> anyhow::Result<u64> {
    u64::try_from(jiff::Timestamp::now().as_nanosecond()).context("the clock stands before 1970")
}
