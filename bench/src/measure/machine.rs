//! What the numbers were measured on.

use std::fmt;
use std::time::Duration;

use super::pauses::Pauses;

/// As long as the questions of one kind take, about.
const WATCHED: Duration = Duration::from_secs(2);

/// As much of the machine as changes the numbers.
#[derive(Debug)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub kernel: String,
    pub file_system: String,
    /// Right now.
    pub pauses: Pauses,
}

impl Machine {
    /// This machine, with the file system that holds `folder`.
    pub fn this(folder: &std::path::Path) -> anyhow::Result<Machine> {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
        let processor = field(&cpuinfo, "model name").unwrap_or("unknown processor").to_owned();
        let meminfo = std::fs::read_to_string("/proc/meminfo")?;
        let kib = field(&meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
        let mounts = std::fs::read_to_string("/proc/mounts")?;
        Ok(Machine {
            processor,
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: kib.unwrap_or_default() << 10,
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(&mounts, &folder.canonicalize()?.to_string_lossy()).to_owned(),
            pauses: Pauses::watch(WATCHED)?,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory_bytes as f64 / f64::from(1 << 30);
        let Machine { processor, cores, kernel, file_system, pauses, .. } = self;
        write!(
            f,
            "{cores} cores of {processor}, {gib:.0} GiB of memory, Linux {kernel}, data on {file_system}; \
             idle loops lose {pauses}"
        )
    }
}

/// The value of the first `name : value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The type of the deepest mount that holds `folder`.
fn file_system<'a>(mounts: &'a str, folder: &str) -> &'a str {
    let holds = |point: &str| {
        let rest = folder.strip_prefix(point.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let deepest = mounts.filter(|(point, _)| holds(point)).max_by_key(|(point, _)| point.len());
    deepest.map_or("an unknown file system", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_that_holds_the_folder_decides() {
        let mounts = "a / ext4 rw\nb /tmp tmpfs rw\nc /tmpfoo xfs rw\n";
        assert_eq!(file_system(mounts, "/tmp/x"), "tmpfs");
        assert_eq!(file_system(mounts, "/tmpfoo"), "xfs");
        assert_eq!(file_system(mounts, "/home/tmp"), "ext4");
    }
}
