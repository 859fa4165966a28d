//! The crash harness: random load, `kill -9` at a random moment, a restart on the same folder, and then every
//! acknowledged record has to be found, once, by its trace and by search.
//!
//! One folder lives through all rounds. Records that were refused, or whose answer the kill cut off, may be
//! there or not, but at most once; spans among them are sent again in the next round, as an exporter would,
//! and then must be there once.

mod ledger;
pub mod tail;
mod writer;

use std::time::Duration;

use fastrand::Rng;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio_util::sync::CancellationToken;

pub use ledger::{Ledger, MARKER};
pub use writer::{Outcome, Sending, Way, Writer};

use crate::api;
use crate::http::Http;
use crate::sidecar::{Addresses, Launch, Sidecar};

/// Questions asked at once while checking.
const QUESTIONS_AT_ONCE: usize = 8;
/// Traces of earlier rounds that are looked up again in each round; the last round looks up all.
const OLD_TRACES_PER_ROUND: usize = 50;
/// In one round of so many, a start is killed as well, most likely in the middle of its recovery.
const KILLED_START_EVERY: usize = 4;
/// In one round of so many, the senders stop and the kill comes a while after: what the program does once
/// nothing more comes in is hit too.
const QUIET_EVERY: usize = 4;
const QUIET_MS: std::ops::Range<u64> = 700..1_500;

/// Commits and partitions are sized by the limit: little enough that kills hit them, more than a run sends.
pub const FREQUENT_COMMITS: &str = "storage.retention.max_bytes=256MiB";

#[derive(Debug, Clone)]
pub struct Plan {
    pub launch: Launch,
    pub rounds: usize,
    pub seed: u64,
    /// The longest time under load before a kill.
    pub load_max: Duration,
}

/// What a run of the harness did.
#[derive(Debug, Default)]
pub struct Summary {
    pub kills: usize,
    pub killed_starts: usize,
    pub acknowledged: usize,
    /// Sent, and neither acknowledged nor required.
    pub unacknowledged: usize,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Summary { kills, killed_starts, acknowledged, unacknowledged } = self;
        write!(
            f,
            "{kills} kills under load and {killed_starts} during a start: all {acknowledged} acknowledged "
        )?;
        write!(f, "records found, once; {unacknowledged} were not acknowledged")
    }
}

/// Runs all rounds; an error names the seed, the round and the first record that is missing or there twice.
pub async fn run(plan: &Plan, mut say: impl FnMut(String)) -> anyhow::Result<Summary> {
    let mut rng = Rng::with_seed(plan.seed);
    let mut ledger = Ledger::default();
    let mut again: Vec<Sending> = Vec::new();
    let mut summary = Summary::default();
    for round in 0..plan.rounds {
        let in_round = |error: anyhow::Error| error.context(format!("seed {}, round {round}", plan.seed));
        if rng.usize(0..KILLED_START_EVERY) == 0 {
            kill_a_start(&plan.launch, &mut rng).await.map_err(in_round)?;
            summary.killed_starts += 1;
        }
        let sidecar = plan.launch.start().await.map_err(in_round)?;
        if let Some(last) = round.checked_sub(1) {
            check_round(&sidecar.addresses, &ledger, last, &mut rng).await.map_err(in_round)?;
        }
        let load = Duration::from_millis(rng.u64(20..plan.load_max.as_millis() as u64));
        again = load_and_kill(sidecar, &mut ledger, again, round, load, &mut rng).await.map_err(in_round)?;
        summary.kills += 1;
        say(format!("round {round}: killed after {} ms, {}", load.as_millis(), ledger.describe()));
    }
    let sidecar = plan.launch.start().await?;
    check_all(&sidecar.addresses, &ledger)
        .await
        .map_err(|error| error.context(format!("seed {}", plan.seed)))?;
    let status = sidecar.stop().await?;
    anyhow::ensure!(status.success(), "seed {}: SIGTERM ended it with {status}", plan.seed);
    (summary.acknowledged, summary.unacknowledged) = ledger.counts();
    Ok(summary)
}

/// Sends `requests` random requests over each way in and returns what has to be found: known data for a test.
pub async fn fill(addresses: &Addresses, requests: usize, seed: u64) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::default();
    for (number, way) in Way::ALL.into_iter().enumerate() {
        let mut writer = Writer::new(*addresses, way, (0, number), seed)?;
        for _ in 0..requests {
            let sent = writer.send().await?;
            anyhow::ensure!(sent.outcome == Outcome::Acknowledged, "a request of a fill was not taken");
            ledger.note(&sent);
        }
    }
    Ok(ledger)
}

/// Everything acknowledged is there, once, by trace and by search.
pub async fn check_all(addresses: &Addresses, ledger: &Ledger) -> anyhow::Result<()> {
    let http = Http::new(addresses.query);
    for round in ledger.rounds() {
        check_search(&http, ledger, round).await?;
    }
    check_traces(&http, ledger, ledger.traces().collect()).await
}

/// The markers of everything that search finds of the ledger's rounds; for damage that may cost some.
pub async fn found_by_search(addresses: &Addresses, ledger: &Ledger) -> anyhow::Result<Vec<String>> {
    let http = Http::new(addresses.query);
    let mut markers = Vec::new();
    for round in ledger.rounds() {
        markers.extend(search_markers(&http, round).await?);
    }
    Ok(markers)
}

async fn check_round(
    addresses: &Addresses,
    ledger: &Ledger,
    round: usize,
    rng: &mut Rng,
) -> anyhow::Result<()> {
    let http = Http::new(addresses.query);
    check_search(&http, ledger, round).await?;
    let mut traces: Vec<&str> = ledger.traces_of(round).collect();
    let older: Vec<&str> = ledger.traces().collect();
    for _ in 0..OLD_TRACES_PER_ROUND {
        traces.extend(rng.choice(older.iter().copied()));
    }
    check_traces(&http, ledger, traces).await
}

async fn check_search(http: &Http, ledger: &Ledger, round: usize) -> anyhow::Result<()> {
    ledger.check_round(round, &search_markers(http, round).await?)
}

async fn search_markers(http: &Http, round: usize) -> anyhow::Result<Vec<String>> {
    let found = api::search_all(http, &format!("crash.round:{}", ledger::round_name(round))).await?;
    found.iter().map(ledger::marker_of).collect()
}

async fn check_traces(http: &Http, ledger: &Ledger, traces: Vec<&str>) -> anyhow::Result<()> {
    let checks = stream::iter(traces).map(|trace| async move {
        let found = api::trace(http, trace).await?;
        let whole = found.as_ref().is_none_or(|found| found.coverage.complete && !found.truncated);
        anyhow::ensure!(whole, "trace {trace}: something was set aside or cut");
        let records = found.into_iter().flat_map(|found| found.spans.into_iter().chain(found.logs));
        let markers =
            records.map(|record| ledger::marker_of(&record)).collect::<anyhow::Result<Vec<String>>>()?;
        ledger.check_trace(trace, &markers)
    });
    checks.buffer_unordered(QUESTIONS_AT_ONCE).try_collect().await
}

async fn kill_a_start(launch: &Launch, rng: &mut Rng) -> anyhow::Result<()> {
    let mut child = launch.start_blind()?;
    let moment = Duration::from_millis(rng.u64(1..200));
    // The outcome is the same whether it ended or not: it must not have.
    if let Ok(status) = tokio::time::timeout(moment, child.wait()).await {
        anyhow::bail!("a start ended by itself with {}", status?);
    }
    child.start_kill()?;
    child.wait().await?;
    Ok(())
}

/// Loads for a while over every way in at once, kills, and notes what was sent; returns spans to send again.
async fn load_and_kill(
    sidecar: Sidecar,
    ledger: &mut Ledger,
    again: Vec<Sending>,
    round: usize,
    load: Duration,
    rng: &mut Rng,
) -> anyhow::Result<Vec<Sending>> {
    let end = CancellationToken::new();
    let mut writers = tokio::task::JoinSet::new();
    for (number, way) in Way::ALL.into_iter().enumerate() {
        let writer = Writer::new(sidecar.addresses, way, (round, number), rng.u64(..))?;
        writers.spawn(send_until_cut(writer, end.clone()));
    }
    let resender = Writer::new(sidecar.addresses, Way::HttpSpans, (round, Way::ALL.len()), rng.u64(..))?;
    writers.spawn(send_again(resender, again, end.clone()));
    tokio::time::sleep(load).await;
    if rng.usize(0..QUIET_EVERY) == 0 {
        end.cancel();
        tokio::time::sleep(Duration::from_millis(rng.u64(QUIET_MS))).await;
    }
    sidecar.kill().await?;
    let mut unacknowledged = Vec::new();
    while let Some(sent) = writers.join_next().await {
        for sending in sent?? {
            ledger.note(&sending);
            if sending.outcome != Outcome::Acknowledged && sending.can_be_sent_again() {
                unacknowledged.push(sending);
            }
        }
    }
    Ok(unacknowledged)
}

/// Sends one request after the other until the connection is cut, or until told to end after one.
async fn send_until_cut(mut writer: Writer, end: CancellationToken) -> anyhow::Result<Vec<Sending>> {
    let mut all = Vec::new();
    loop {
        let sending = writer.send().await?;
        let cut = sending.outcome == Outcome::Cut;
        all.push(sending);
        if cut || end.is_cancelled() {
            return Ok(all);
        }
    }
}

/// Sends what was not acknowledged before; what the kill cuts off stays as it was.
async fn send_again(
    mut writer: Writer,
    mut all: Vec<Sending>,
    end: CancellationToken,
) -> anyhow::Result<Vec<Sending>> {
    for sending in &mut all {
        writer.send_again(sending).await?;
        if sending.outcome == Outcome::Cut || end.is_cancelled() {
            break;
        }
    }
    Ok(all)
}
