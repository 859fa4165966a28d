//! The memory that the cgroup (version 2) allows this process.
//!
//! A limit may stand at any level above the process, so the least of them counts. In a container with a cgroup
//! namespace the only level to be seen is the container's own.

use std::path::Path;

use crate::ByteSize;

const MOUNT: &str = "/sys/fs/cgroup";

/// The least `memory.max` from this process's cgroup up; `None` without a limit or without cgroups.
pub(crate) fn memory_max() -> Option<ByteSize> {
    memory_max_of(Path::new(MOUNT), &std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default())
}

fn memory_max_of(mount: &Path, proc_cgroup: &str) -> Option<ByteSize> {
    let own = proc_cgroup.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    let own = Path::new(own.trim_start_matches('/'));
    own.ancestors()
        .filter_map(|level| std::fs::read_to_string(mount.join(level).join("memory.max")).ok())
        // `max`, the word for no limit, is no number.
        .filter_map(|text| text.trim().parse().ok())
        .min()
        .map(ByteSize)
}

#[cfg(test)]
mod tests;
