//! `spandrel demo --service NAME`: one service of the shop, for as long as it runs.
//!
//! Requests come every two seconds of the wall clock, and the seed and the number of a request tell all about it. So the
//! services need not know of each other: each sends its own spans and logs of the same requests, to its own
//! sidecar, and together they are the shop.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::requests::Kind;
use super::senders::Senders;
use super::shop::Service;
use super::story::Plan;
use super::{address, say};
use crate::show::{Ink, Line, Screen};

const EVERY: Duration = Duration::from_secs(2);

/// Everybody's, where none is given.
const SEED: u64 = 0;

pub(super) fn run(arguments: &crate::cli::Demo, screen: Screen, runtime: &Runtime) -> anyhow::Result<()> {
    let name = arguments.service.as_deref().unwrap_or_default();
    let service = Service::named(name).with_context(|| {
        let known = Service::ALL.map(Service::name).join(", ");
        format!("the shop has no service `{name}`; it has {known}")
    })?;
    let (grpc, http) = (address(&arguments.endpoint)?, address(&arguments.http_endpoint)?);
    let mut senders = Senders::new(&[service], &grpc.to_string(), http, runtime.handle().clone())?;
    let what = format!("{name} serves the shop, until it is stopped; it tells {grpc}.");
    say(&[Line::new().with(Ink::Plain, &what)], screen)?;
    let listen = |kind| signal(kind).context("listen for signals");
    let (mut terminated, mut interrupted) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut is_heard = true;
    loop {
        let number = number_at(SystemTime::now()) + 1;
        let ended = UNIX_EPOCH + EVERY * u32::try_from(number).context("the clock is far ahead")?;
        let wait = ended.duration_since(SystemTime::now()).unwrap_or_default();
        let stopped = runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(wait) => false,
                _ = terminated.recv() => true,
                _ = interrupted.recv() => true,
            }
        });
        if stopped {
            return Ok(());
        }
        let plan = plan(arguments.seed.unwrap_or(SEED), number);
        let sent = senders.play(&plan, ended - length(&plan)).and_then(|()| senders.flush());
        // Said when it changes: the sidecar may come later than its service, or go for a while.
        match (&sent, is_heard) {
            (Err(error), true) => tell(&format!("{grpc} does not take it, tried again: {error:#}")),
            (Ok(()), false) => tell(&format!("{grpc} takes it again")),
            _ => {}
        }
        is_heard = sent.is_ok();
    }
}

fn tell(words: &str) {
    use std::io::Write as _;
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "spandrel demo: {words}");
}

/// How many requests there were before this time, all since 1970.
fn number_at(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / EVERY.as_secs()
}

/// The request of a number; the same for every service.
pub(super) fn plan(seed: u64, number: u64) -> Plan {
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // None of the first of the day, of which there is one of each kind.
    Kind::of(usize::MAX, &mut random).tell(&mut random)
}

/// From the first start to the last end.
fn length(plan: &Plan) -> Duration {
    plan.spans.iter().map(|span| span.end).max().unwrap_or_default()
}
