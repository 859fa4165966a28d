//! What the kernel tells of a process and of a folder.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

const SAMPLE_INTERVAL: Duration = Duration::from_millis(50);
/// A process is idle once it has used less than `IDLE_CPU_MAX` over this long: longer than the store waits with a
/// commit for further records, or the last commit would go uncounted.
const IDLE_WINDOW: Duration = Duration::from_millis(2_500);
const IDLE_CPU_MAX: Duration = Duration::from_millis(30);
const IDLE_DEADLINE: Duration = Duration::from_secs(300);

/// A process that is not ours to wait for, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pid: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident bytes: anonymous ones, and pages of files that are mapped and happen to be cached.
    pub resident: u64,
    pub anonymous: u64,
    /// The most that was ever resident.
    pub resident_peak: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// The start of the first window in which it did nothing.
    pub since: Instant,
    /// Its CPU time up to the end of that window.
    pub cpu: Duration,
}

impl Process {
    pub fn new(pid: u32) -> Process {
        Process { pid }
    }

    /// The one that asks.
    pub fn this() -> Process {
        Process::new(std::process::id())
    }

    /// User and system time of all its threads, dead ones too.
    pub fn cpu(self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = cpu_ticks(&stat).context("/proc/PID/stat is not as proc(5) describes it")?;
        Ok(Duration::from_secs(ticks) / rustix::param::clock_ticks_per_second() as u32)
    }

    /// Whether SIGSTOP has reached all of its threads: until then some may still answer.
    pub fn is_stopped(self) -> anyhow::Result<bool> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
            if stat.rsplit_once(')').is_none_or(|(_, rest)| !rest.trim_start().starts_with('T')) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn memory(self) -> anyhow::Result<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let bytes =
            |name| status_bytes(&status, name).with_context(|| format!("no {name} in /proc/PID/status"));
        Ok(Memory { resident: bytes("VmRSS")?, anonymous: bytes("RssAnon")?, resident_peak: bytes("VmHWM")? })
    }

    /// Waits until it has done nothing for a while.
    pub async fn until_idle(self) -> anyhow::Result<Idle> {
        let waiting = async {
            let mut window = Idle { since: Instant::now(), cpu: self.cpu()? };
            let mut ticks = interval(SAMPLE_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let cpu = self.cpu()?;
                if cpu - window.cpu > IDLE_CPU_MAX {
                    window = Idle { since: Instant::now(), cpu };
                } else if window.since.elapsed() > IDLE_WINDOW {
                    return Ok(Idle { cpu, ..window });
                }
            }
        };
        timeout(IDLE_DEADLINE, waiting).await.unwrap_or_else(|_| anyhow::bail!("busy for {IDLE_DEADLINE:?}"))
    }
}

/// Samples a process's memory until told to end.
#[derive(Debug)]
pub(crate) struct Peak {
    process: Process,
    end: CancellationToken,
    sampling: tokio::task::JoinHandle<u64>,
}

impl Peak {
    pub(crate) fn watch(process: Process) -> Peak {
        let end = CancellationToken::new();
        let ended = end.clone();
        let sampling = tokio::spawn(async move {
            let mut ticks = interval(SAMPLE_INTERVAL);
            let mut anonymous_peak = 0;
            while ended.run_until_cancelled(ticks.tick()).await.is_some() {
                anonymous_peak = process.memory().map_or(0, |memory| memory.anonymous).max(anonymous_peak);
            }
            anonymous_peak
        });
        Peak { process, end, sampling }
    }

    /// The most resident bytes ever, by the kernel's count, and the most anonymous ones that a sample saw.
    pub(crate) async fn end(self) -> anyhow::Result<(u64, u64)> {
        self.end.cancel();
        let anonymous = self.sampling.await?;
        Ok((self.process.memory()?.resident_peak, anonymous))
    }
}

/// Bytes that the files of a folder take on the disk.
pub fn allocated_bytes(folder: &Path) -> anyhow::Result<u64> {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A file that is deleted while we look takes nothing.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { allocated_bytes(&entry.path())? } else { metadata.blocks() * BLOCK };
    }
    Ok(bytes)
}

/// utime and stime of `/proc/PID/stat`; the fields are counted from the end of the name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    Some(ticks(11)? + ticks(12)?)
}

fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests;
