//! A gateway over many sidecars, all of them real processes: how long answers take, and what the gateway holds.
//!
//! First fifteen sidecars, each with the records of one service of the shop and as many others as are wanted, beside one
//! sidecar that holds the whole shop: what one local lookup takes, in the same run and by turns. Then more and more
//! sidecars with little in them. Every answer is checked.

mod asking;
mod members;
mod refusals;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal as ProcessSignal;

use crate::eventually::eventually;
use crate::http::Http;
use crate::load::Shop;
use crate::measure::{Memory, Peak, Process, now_unix_ns};
use asking::{Asked, Paced};
use members::Members;
use refusals::{Answered, PEERS_CALL, TRACE_CALL};

pub use refusals::Refusals;
pub use report::{report, targets};

/// Questions that a stopped peer delays before it counts as hung, and so many after that.
const STOPPED_DEADLINE: Duration = Duration::from_secs(10);
const HUNG_FIRST: u64 = 3;
const HUNG_AFTER: u64 = 200;
/// Traces of the further fleets, in each group of fifteen sidecars.
const TRACES_OF_MANY: u64 = 20;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    pub binary: PathBuf,
    pub work: PathBuf,
    pub seed: u64,
    /// Traces over the fifteen.
    pub traces: u64,
    /// Records of each of the fifteen, about.
    pub records: usize,
    /// Questions of each kind.
    pub questions: u64,
    /// How long there are 100 questions a second.
    pub load: Duration,
    /// Further fleets, by their number of sidecars.
    pub sizes: Vec<usize>,
    /// Of the gateways.
    pub settings: Vec<String>,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    pub plan: Plan,
    pub records_held: usize,
    /// Trace by id, of one sidecar that holds everything.
    pub local: Vec<Duration>,
    /// A trace that one of the fifteen, asked alone, has nothing of.
    pub unknown: Vec<Duration>,
    /// The same, as that one saw it, and as all fifteen did that were asked at once.
    pub refused_alone: Refusals,
    pub refused_by_all: Refusals,
    pub by_id: Vec<Duration>,
    pub errors_of_trace: Vec<Duration>,
    pub newest_errors: Vec<Duration>,
    /// Trace by id with one of the fifteen stopped.
    pub hung_first: Vec<Duration>,
    pub hung_after: Vec<Duration>,
    pub gateway_idle: Memory,
    pub paced: Paced,
    /// All resident, and anonymous, at the most.
    pub gateway_peak: (u64, u64),
    pub sizes: Vec<OfSize>,
}

/// A fleet of so many.
#[derive(Debug)]
pub struct OfSize {
    pub sidecars: usize,
    pub by_id: Vec<Duration>,
    pub idle: Memory,
    pub after: Memory,
}

/// Measures all of it; `say` is told how far it is.
pub async fn run(plan: Plan, mut tell: impl FnMut(String)) -> anyhow::Result<Measured> {
    let begun = Instant::now();
    let mut say = |what: String| tell(format!("{:>4} s: {what}", begun.elapsed().as_secs()));
    let shop = Shop::new(plan.seed, now_unix_ns()?);
    let members = Members::start(&plan, members::SERVICES, plan.traces).await?;
    say(format!("{} traces over {} sidecars", plan.traces, members::SERVICES));
    let mut records_held = members.send(&shop).await?;
    say(format!("each up to {} records", plan.records));
    records_held += members.fill(plan.seed, plan.records).await?;
    let single = members.single(&shop).await?;

    members.settle().await?;
    let gateway = Process::new(members.gateway.pid());
    // It lets go of what it does not use once it is at rest, some seconds later.
    gateway.until_idle().await?;
    gateway.until_idle().await?;
    let gateway_idle = gateway.memory()?;
    let asked = Asked { shop: &shop, traces: plan.traces, http: Http::new(members.gateway.addresses.query) };
    say("trace by id, of one sidecar and of fifteen by turns".to_owned());
    let one = Asked { http: Http::new(single.addresses.query), ..asked.clone() };
    let (mut local, mut by_id) = (Vec::new(), Vec::new());
    for number in asked.numbers(plan.questions) {
        local.push(one.trace(number, None).await?);
        by_id.push(asked.trace(number, None).await?);
    }
    say("a trace that nobody has".to_owned());
    let (one, all) = (&members.sidecars[..1], &members.sidecars[..]);
    let stranger = Asked { http: Http::new(one[0].addresses.query), ..asked.clone() };
    let before = Answered::by(one, TRACE_CALL).await?;
    let mut unknown = Vec::new();
    for number in asked.numbers(plan.questions) {
        unknown.push(stranger.unknown(number).await?);
    }
    let refused_alone = Answered::by(one, TRACE_CALL).await?.since(before);
    let before = Answered::by(all, PEERS_CALL).await?;
    for number in asked.numbers(plan.questions) {
        asked.unknown(number).await?;
    }
    let refused_by_all = Answered::by(all, PEERS_CALL).await?.since(before);
    say("errors of one trace".to_owned());
    let mut errors_of_trace = Vec::new();
    for number in asked.numbers(plan.questions) {
        errors_of_trace.push(asked.errors_of_trace(number).await?);
    }
    say("the newest 100 errors".to_owned());
    let newest = members.newest_errors().await?;
    let mut newest_errors = Vec::new();
    for _ in 0..plan.questions.min(200) {
        newest_errors.push(asked.newest_errors(&newest).await?);
    }
    say(format!("100 questions a second for {:?}", plan.load));
    let peak = Peak::watch(gateway);
    let paced = asked.paced(plan.load).await?;
    let gateway_peak = peak.end().await?;

    say("with one sidecar stopped".to_owned());
    let stopped = &members.sidecars[0];
    stopped.signal(ProcessSignal::STOP)?;
    let process = Process::new(stopped.pid());
    eventually("it is stopped", STOPPED_DEADLINE, async || Ok(process.is_stopped()?.then_some(()))).await?;
    let (mut hung_first, mut hung_after) = (Vec::new(), Vec::new());
    for number in asked.numbers(HUNG_FIRST + HUNG_AFTER) {
        let time = asked.trace(number, Some(0)).await?;
        match (hung_first.len() as u64) < HUNG_FIRST {
            true => hung_first.push(time),
            false => hung_after.push(time),
        }
    }
    stopped.signal(ProcessSignal::CONT)?;
    drop(single);
    members.stop().await?;

    let mut sizes = Vec::new();
    for size in plan.sizes.clone() {
        say(format!("{size} sidecars"));
        sizes.push(of_size(&plan, size).await?);
    }
    say("done".to_owned());
    Ok(Measured {
        plan,
        records_held,
        local,
        unknown,
        refused_alone,
        refused_by_all,
        by_id,
        errors_of_trace,
        newest_errors,
        hung_first,
        hung_after,
        gateway_idle,
        paced,
        gateway_peak,
        sizes,
    })
}

async fn of_size(plan: &Plan, size: usize) -> anyhow::Result<OfSize> {
    anyhow::ensure!(size > 0, "a fleet has a sidecar at least");
    let shop = Shop::new(plan.seed, now_unix_ns()?);
    let traces = TRACES_OF_MANY * (size / members::SERVICES).max(1) as u64;
    let members = Members::start(plan, size, traces).await?;
    members.send(&shop).await?;
    members.settle().await?;
    let gateway = Process::new(members.gateway.pid());
    let idle = gateway.memory()?;
    let asked = Asked { shop: &shop, traces, http: Http::new(members.gateway.addresses.query) };
    let mut by_id = Vec::new();
    for number in asked.numbers(plan.questions.min(500)) {
        by_id.push(asked.trace(number, None).await?);
    }
    let after = gateway.memory()?;
    members.stop().await?;
    Ok(OfSize { sidecars: size, by_id, idle, after })
}
