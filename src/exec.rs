//! `spandrel exec -- COMMAND`: a sidecar with the service as its child.
//!
//! In comes what the child writes; it goes out again untouched on the same streams, and into the store line by
//! line. Signals go to the child, its exit status becomes ours. The order at the end: the child is gone, its
//! pipes are read to their ends ([`PIPES_MAX`], for a grandchild may hold them), everything is kept, the sidecar
//! stops. If the store has no room for longer than [`spandrel_collector::OUTPUT_PATIENCE`], lines are dropped and
//! counted: a service must not stand still for its logs.

mod environment;
mod output;
mod ports;

use std::io::Write as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use spandrel_config::Config;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use self::environment::Surroundings;
use self::ports::Taken;
use crate::assembly::{self, Sidecar};
use crate::cli;
use crate::telemetry::Telemetry;

/// How long pipes are read once the child is gone.
const PIPES_MAX: Duration = Duration::from_secs(3);

/// As a shell answers for a program that a signal ended, for one that cannot be run, and for one that is not there.
const SIGNALLED: i32 = 128;
const NOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Runs the command to its end: the status to end with.
pub fn run(arguments: &cli::Exec) -> anyhow::Result<u8> {
    let configuration = &arguments.configuration;
    let file = configuration.config.as_deref();
    let mut config = Config::load(file, &configuration.set, &spandrel_config::environment)?;
    if config.telemetry == spandrel_config::Telemetry::default() {
        // The terminal is the service's.
        config.telemetry.logs.level = "warn".to_owned();
    }
    let taken = ports::leave_taken(&mut config);
    // Nobody is left to flush once the child is gone.
    config.shutdown.linger = Duration::ZERO;
    let runtime = assembly::runtime()?;
    let status = runtime.block_on(async {
        let telemetry = Telemetry::start(&config.telemetry)?;
        let status = wrap(&config, &taken, arguments).await;
        telemetry.stop().await;
        status
    });
    runtime.shutdown_background();
    status
}

async fn wrap(config: &Config, taken: &[Taken], arguments: &cli::Exec) -> anyhow::Result<u8> {
    // Before there is a child, so that no signal is missed.
    let signals = Forwarded::listen()?;
    let sidecar = Sidecar::start(config).await?;
    taken.iter().for_each(|taken| taken.tell(sidecar.addresses));
    let ended = supervise(&sidecar, arguments, signals).await;
    sidecar.stop().await;
    ended
}

async fn supervise(sidecar: &Sidecar, arguments: &cli::Exec, signals: Forwarded) -> anyhow::Result<u8> {
    let (program, rest) = arguments.command.split_first().context("no command given")?;
    let around = Surroundings::of(program, arguments.service.as_deref(), sidecar.addresses);
    let mut command = Command::new(program);
    command.args(rest).envs(around.added.iter().cloned());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            // Nobody is left to tell if standard error is closed too.
            let _ = writeln!(std::io::stderr(), "spandrel: start {}: {error}", program.display());
            return Ok(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN });
        }
    };
    let lines = sidecar.lines().context("a gateway keeps no lines: storage.enabled is false")?;
    let out = child
        .stdout
        .take()
        .map(|pipe| output::pass(pipe, tokio::io::stdout(), lines.clone(), around.origin("stdout")));
    let err = child
        .stderr
        .take()
        .map(|pipe| output::pass(pipe, tokio::io::stderr(), lines, around.origin("stderr")));
    let status = wait(&mut child, signals).await.context("wait for the command")?;
    let passes = [out, err].into_iter().flatten().collect();
    finish(passes).await;
    Ok(status_of(status))
}

/// Waits for the child; signals go to it meanwhile.
async fn wait(child: &mut Child, signals: Forwarded) -> std::io::Result<ExitStatus> {
    let mut signals = signals;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            kind = signals.next() => forward(child, kind),
        }
    }
}

fn forward(child: &Child, kind: SignalKind) {
    use std::io::IsTerminal as _;
    // A terminal sends Ctrl-C to all of the foreground: the child has it already.
    let has_it = matches!(kind, k if k == SignalKind::interrupt() || k == SignalKind::quit());
    if has_it && std::io::stdin().is_terminal() {
        return;
    }
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    let named = rustix::process::Signal::from_named_raw(kind.as_raw_value());
    if let (Some(pid), Some(signal)) = (pid, named)
        && let Err(error) = rustix::process::kill_process(pid, signal)
    {
        tracing::warn!(%error, signal = kind.as_raw_value(), "cannot pass a signal on");
    }
}

/// Lets the pipes be read to their ends, and what was read be kept.
async fn finish(passes: Vec<JoinHandle<()>>) {
    let deadline = tokio::time::Instant::now() + PIPES_MAX;
    for pass in passes {
        let mut pass = pass;
        if tokio::time::timeout_at(deadline, &mut pass).await.is_err() {
            tracing::warn!("somebody still holds the command's output open; what comes now is not taken in");
            pass.abort();
        }
    }
}

fn status_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// The signals that a service is told things by.
struct Forwarded(Vec<(SignalKind, Signal)>);

impl Forwarded {
    fn listen() -> anyhow::Result<Forwarded> {
        let kinds = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::quit(),
            SignalKind::hangup(),
            SignalKind::user_defined1(),
            SignalKind::user_defined2(),
            SignalKind::window_change(),
        ];
        let listen = |kind| signal(kind).map(|signal| (kind, signal)).context("listen for signals");
        Ok(Forwarded(kinds.into_iter().map(listen).collect::<anyhow::Result<_>>()?))
    }

    async fn next(&mut self) -> SignalKind {
        std::future::poll_fn(|context| {
            for (kind, signal) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*kind);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}
