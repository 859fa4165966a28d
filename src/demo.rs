//! `spandrel demo`: the traffic of a small shop, some of it failing deep down, sent as real services send it.
//!
//! It is a client like any other: it knows the sidecar by its addresses only. With `--embedded` it starts one
//! in this process first, through the same assembly as `spandrel run`. With `--service` it is one of the shop's
//! services.

mod embedded;
mod json_lines;
mod live;
mod requests;
mod senders;
mod shop;
mod story;

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use opentelemetry::trace::TraceId;
use tokio::runtime::{Handle, Runtime};

use crate::client::{Address, Client};
use crate::commands;
use crate::show::{Ink, Line, Screen, line};
use requests::Kind;
use senders::Senders;

/// Between the starts of two requests, and the time that all of them lie within.
const SPACING: Duration = Duration::from_millis(1_500);
const SPREAD_MAX: Duration = Duration::from_secs(15 * 60);
/// Traces named at the end; the others are found by asking.
const NAMED_MAX: usize = 5;

/// Where the sidecar is.
struct Target {
    endpoint: String,
    http_endpoint: String,
    client: Client,
    /// What a command needs to ask this sidecar: nothing where it is at the default address.
    url_option: String,
    /// Whether it is there when what is said of it is read.
    stays: bool,
}

struct Sent {
    requests: u32,
    spans: usize,
    logs: usize,
    worth_a_look: Vec<(TraceId, Kind)>,
}

pub fn run(arguments: &crate::cli::Demo, screen: Screen) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let _entered = runtime.enter();
    if arguments.embedded {
        return embedded::run(arguments, screen, &runtime);
    }
    if arguments.service.is_some() {
        return live::run(arguments, screen, &runtime);
    }
    let client = commands::client(
        arguments.url.as_deref(),
        arguments.token_file.as_deref(),
        arguments.ca_file.as_deref(),
    )?;
    let url_option = arguments.url.as_ref().map(|url| format!(" --url {url}")).unwrap_or_default();
    let target = Target {
        endpoint: arguments.endpoint.clone(),
        http_endpoint: arguments.http_endpoint.clone(),
        client,
        url_option,
        stays: true,
    };
    runtime.block_on(reach_receivers(&target))?;
    let seed = seed(arguments);
    let sent = send(&target, arguments.traces, seed, runtime.handle())?;
    say(&report(&sent, seed, &target), screen)?;
    check(&sent, &target, runtime.handle())
}

fn runtime() -> anyhow::Result<Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.context("start the runtime")
}

fn seed(arguments: &crate::cli::Demo) -> u64 {
    arguments.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000))
}

/// Says in plain words that nobody is there; the exporters would say it in their own.
async fn reach_receivers(target: &Target) -> anyhow::Result<()> {
    for endpoint in [&target.endpoint, &target.http_endpoint] {
        Client::new(address(endpoint)?, None).reach("--endpoint and --http-endpoint send elsewhere").await?;
    }
    Ok(())
}

fn address(endpoint: &str) -> anyhow::Result<Address> {
    endpoint.parse().map_err(|why: String| anyhow::anyhow!("`{endpoint}`: {why}"))
}

/// Plays the requests of a few minutes that end now. Blocks until all is acknowledged.
fn send(target: &Target, requests: u32, seed: u64, runtime: &Handle) -> anyhow::Result<Sent> {
    let grpc = address(&target.endpoint)?.to_string();
    let mut senders =
        Senders::new(&shop::Service::ALL, &grpc, address(&target.http_endpoint)?, runtime.clone())?;
    let mut random = fastrand::Rng::with_seed(seed);
    let spacing = SPACING.min(SPREAD_MAX / requests.max(1));
    let mut sent = Sent { requests, spans: 0, logs: 0, worth_a_look: Vec::new() };
    let now = whole_millisecond(SystemTime::now());
    let unreachable = || format!("send to {} and {}", target.endpoint, target.http_endpoint);
    for index in 0..requests {
        let kind = Kind::of(index as usize, &mut random);
        let plan = kind.tell(&mut random);
        let ago = spacing * (requests - index);
        senders.play(&plan, now - ago).with_context(unreachable)?;
        sent.count(kind, &plan);
    }
    senders.flush().with_context(unreachable)?;
    Ok(sent)
}

/// Some loggers write milliseconds: what they cut off must not depend on when the demo runs.
fn whole_millisecond(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    time - Duration::from_nanos(u64::from(since.subsec_nanos() % 1_000_000))
}

impl Sent {
    fn count(&mut self, kind: Kind, plan: &story::Plan) {
        self.spans += plan.spans.len();
        self.logs += plan.logs.len();
        if kind.worth_a_look().is_some() && self.worth_a_look.len() < NAMED_MAX {
            self.worth_a_look.push((plan.trace_id, kind));
        }
    }

    fn first_failure(&self) -> Option<TraceId> {
        self.worth_a_look.iter().find(|(_, kind)| kind.fails()).map(|(id, _)| *id)
    }
}

fn report(sent: &Sent, seed: u64, target: &Target) -> Vec<Line> {
    let count = format!(
        "{} requests to a shop of {} services: {} spans and {} logs, all acknowledged (seed {seed}).",
        sent.requests,
        shop::Service::ALL.len(),
        sent.spans,
        sent.logs,
    );
    let mut lines = vec![Line::new().with(Ink::Good, &count)];
    if !sent.worth_a_look.is_empty() {
        lines.push(Line::new());
        let heading = if target.stays { "Worth a look:" } else { "Among them:" };
        lines.push(Line::new().with(Ink::Bold, heading));
    }
    for (id, kind) in &sent.worth_a_look {
        let why = kind.worth_a_look().unwrap_or_default();
        lines.push(Line::new().with(Ink::Plain, &format!("  {why}")));
        if target.stays {
            let command = command(if kind.fails() { "errors" } else { "trace" }, id, target);
            lines.push(Line::new().with(Ink::Plain, "    ").with(Ink::Bold, &command));
        }
    }
    lines
}

/// What to type to look at a trace, with this program named as it was called.
fn command(command: &str, id: &TraceId, target: &Target) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "spandrel".to_owned());
    format!("{program} {command}{} {id}", target.url_option)
}

/// What is acknowledged can be asked for: a demo that cannot be looked at has failed.
fn check(sent: &Sent, target: &Target, runtime: &Handle) -> anyhow::Result<()> {
    let Some(id) = sent.first_failure() else {
        return Ok(());
    };
    let found = runtime.block_on(commands::failing(&target.client, &id.to_string()));
    let found = found.context("look at what was sent")?;
    anyhow::ensure!(
        found.is_some_and(|found| !found.errors.is_empty()),
        "{} does not show what was sent to {}: do both belong to the same sidecar?",
        target.client.address(),
        target.endpoint,
    );
    Ok(())
}

fn say(lines: &[Line], screen: Screen) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(line::paint(lines, screen).as_bytes())
}

#[cfg(test)]
mod tests;
