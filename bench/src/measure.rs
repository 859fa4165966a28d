//! The benchmark: a fresh sidecar, the whole load of one signal, then the questions; every answer is checked.
//!
//! A run gathers the whole load in memory first, so that making it costs nothing while the program under test
//! works; the sender still shares the machine's cores with it.

mod machine;
mod process;
mod questions;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

pub use machine::Machine;
pub use process::{Memory, Process, allocated_bytes};
pub use questions::{Held, Latency, ask_all};
pub use report::{misses, table, write_between_markers};

use self::process::Peak;
use crate::http::Http;
use crate::load::{self, Load, Shop, Signal};
use crate::sender::{Sending, send};
use crate::sidecar::Launch;

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
}

/// What was measured of one signal.
#[derive(Debug)]
pub struct Measured {
    pub plan: Plan,
    pub records: usize,
    pub bytes_per_record: f64,
    pub decode: Duration,
    pub ack_rate: f64,
    /// Records a second from the first byte until nothing was left to do.
    pub sustained_rate: f64,
    pub cpu_until_ack: Duration,
    pub cpu_until_idle: Duration,
    pub ack_latencies: Vec<Duration>,
    pub refusals: usize,
    pub memory_idle: Memory,
    /// Until the load was indexed, before the questions.
    pub memory_peak: u64,
    pub memory_peak_anonymous: u64,
    pub memory_after: Memory,
    pub disk_bytes: u64,
    pub disk_bytes_idle: u64,
    pub questions: Vec<Latency>,
}

/// Runs one signal against a fresh sidecar in a folder of its own below `work`.
pub async fn run(binary: &Path, work: &Path, plan: Plan) -> anyhow::Result<Measured> {
    let shop = Shop::new(plan.seed, now_unix_ns()?);
    let load = load::requests(&shop, plan.signal, plan.records, plan.per_request);
    let decode = decode_time(&load)?;

    let notes = tempfile::tempdir_in(work)?;
    let folder = notes.path().join("data");
    let sidecar = Launch::new(binary, &folder, notes.path()).start().await?;
    let process = Process::new(sidecar.pid());
    process.until_idle().await.context("wait for the start to settle")?;
    let memory_idle = process.memory()?;
    let cpu_before = process.cpu()?;

    let peak = Peak::watch(process);
    let (records, bytes, traces) = (load.records, load.bytes(), load.traces);
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

    let held = match plan.signal {
        Signal::Spans => Held { traces_with_spans: traces, traces_with_logs: 0 },
        Signal::Logs => Held { traces_with_spans: 0, traces_with_logs: traces },
    };
    let questions = ask_all(&Http::new(sidecar.addresses.query), &shop, held).await?;
    let memory_after = process.memory()?;
    let disk_bytes_idle = allocated_bytes(&folder)?;
    let status = sidecar.stop().await?;
    anyhow::ensure!(status.success(), "the program ended with {status}");

    let per_second = |until: Instant| records as f64 / (until - sent.first_byte).as_secs_f64();
    Ok(Measured {
        records,
        bytes_per_record: bytes as f64 / records as f64,
        decode,
        ack_rate: per_second(sent.last_ack),
        sustained_rate: per_second(idle.since.max(sent.last_ack)),
        cpu_until_ack: cpu_at_ack.saturating_sub(cpu_before),
        cpu_until_idle: idle.cpu.saturating_sub(cpu_before),
        ack_latencies: sent.latencies,
        refusals: sent.refusals,
        memory_idle,
        memory_peak,
        memory_peak_anonymous,
        memory_after,
        disk_bytes: disk_bytes?,
        disk_bytes_idle,
        questions,
        plan,
    })
}

/// Time that one core takes to decode the load with prost: what this machine is measured by.
fn decode_time(load: &Load) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut records = 0;
    for request in &load.requests {
        records += load::decode(request.signal, &request.body)?;
    }
    let took = began.elapsed();
    anyhow::ensure!(records == load.records, "the load decodes to {records} of {} records", load.records);
    Ok(took)
}

pub fn now_unix_ns() -> anyhow::Result<u64> {
    u64::try_from(jiff::Timestamp::now().as_nanosecond()).context("the clock stands before 1970")
}
