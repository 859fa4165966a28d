//! The program under test, as a process of its own on free ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Deserializer};
use tokio::process::{Child, Command};

use crate::eventually::eventually;

/// How long a start may take, recovery of a large journal in a debug build included.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long SIGTERM may take: the program promises 15 s.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// How to start it.
#[derive(Debug, Clone)]
pub struct Launch {
    pub binary: PathBuf,
    /// `storage.directory`.
    pub folder: PathBuf,
    /// Where its log and its addresses are written; must exist.
    pub notes: PathBuf,
    /// Further `--set` values.
    pub settings: Vec<String>,
    /// On how many processors it runs; on all where there is none.
    pub cpus: Option<usize>,
}

/// Where it listens. A gateway has no receivers: theirs is nowhere, `0.0.0.0:0`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Addresses {
    #[serde(deserialize_with = "or_nowhere")]
    pub grpc: SocketAddr,
    #[serde(deserialize_with = "or_nowhere")]
    pub http: SocketAddr,
    pub query: SocketAddr,
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Sidecar {
    pub addresses: Addresses,
    child: Child,
    pid: Pid,
    log: PathBuf,
}

impl Launch {
    pub fn new(binary: impl Into<PathBuf>, folder: impl Into<PathBuf>, notes: impl Into<PathBuf>) -> Launch {
        let (binary, folder, notes) = (binary.into(), folder.into(), notes.into());
        Launch { binary, folder, notes, settings: Vec::new(), cpus: None }
    }

    #[must_use]
    pub fn set(mut self, setting: impl Into<String>) -> Launch {
        self.settings.push(setting.into());
        self
    }

    /// Starts it and waits until it has said where it listens.
    pub async fn start(&self) -> anyhow::Result<Sidecar> {
        let addresses_file = self.notes.join("addresses.json");
        let mut child = self.spawn(&addresses_file)?;
        let pid = child.id().and_then(|id| Pid::from_raw(id as i32)).context("a child has a process id")?;
        let log = self.log();
        let addresses = eventually("the program says that it is ready", START_DEADLINE, async || {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("the program ended with {status}:\n{}", tail_of(&log));
            }
            Ok(std::fs::read(&addresses_file).ok().and_then(|text| serde_json::from_slice(&text).ok()))
        });
        let addresses = addresses.await.with_context(|| tail_of(&log))?;
        Ok(Sidecar { addresses, child, pid, log })
    }

    /// Starts it and does not wait; for those who kill it while it starts.
    pub fn start_blind(&self) -> anyhow::Result<Child> {
        self.spawn(&self.notes.join("addresses.json"))
    }

    fn log(&self) -> PathBuf {
        self.notes.join("sidecar.log")
    }

    fn spawn(&self, addresses_file: &Path) -> anyhow::Result<Child> {
        match std::fs::remove_file(addresses_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let log = std::fs::File::create(self.log())?;
        let mut command = Command::new(&self.binary);
        command.arg("run").arg("--addresses-file").arg(addresses_file);
        let folder = format!("storage.directory={}", self.folder.display());
        let fixed = [
            "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0",
            "receivers.otlp.protocols.http.endpoint=127.0.0.1:0",
            "query.endpoint=127.0.0.1:0",
            "shutdown.linger=0s",
            &folder,
        ];
        for setting in fixed.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["--set", setting]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let mut spawn = || command.spawn().with_context(|| format!("start {}", self.binary.display()));
        match self.cpus {
            Some(cpus) => on_processors(cpus, spawn)?,
            None => spawn(),
        }
    }
}

/// Runs it on the first few of the processors that this thread may use: a child inherits them.
fn on_processors<T>(count: usize, run: impl FnOnce() -> T) -> anyhow::Result<T> {
    let ours = sched_getaffinity(None)?;
    let mut few = CpuSet::new();
    (0..CpuSet::MAX_CPU).filter(|cpu| ours.is_set(*cpu)).take(count.max(1)).for_each(|cpu| few.set(cpu));
    sched_setaffinity(None, &few)?;
    let ended = run();
    sched_setaffinity(None, &ours)?;
    Ok(ended)
}

impl Sidecar {
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get() as u32
    }

    /// What it logged so far.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// `kill -9`.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }

    /// SIGSTOP and SIGCONT among others.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(self.pid, signal)?)
    }

    /// SIGTERM, and the exit status.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        kill_process(self.pid, Signal::TERM)?;
        let ended = tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("does not end on SIGTERM:\n{}", tail_of(&self.log)))??)
    }
}

fn or_nowhere<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let address = Option::<SocketAddr>::deserialize(deserializer)?;
    Ok(address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))))
}

/// The last lines of a log, for messages.
fn tail_of(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_else(|error| format!("no log: {error}"));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
