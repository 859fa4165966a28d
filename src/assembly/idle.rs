//! What an idle sidecar does: it gives its memory back.
//!
//! The allocator gives freed memory back as it is used, so somebody has to ask it to when nothing goes on. Pages of the
//! program and of the index that are not in use are let go of each time the process comes to rest.

use std::convert::Infallible;
use std::time::Duration;

use procfs::ProcResult;
use procfs::process::Process;
use spandrel_store::Store;
use tokio::time::{MissedTickBehavior, interval};

use crate::memory;

const EVERY: Duration = Duration::from_secs(2);
/// One that uses less of a core is at rest.
const CPU_PERCENT: u64 = 1;

/// Runs as long as the sidecar does.
pub async fn hold_little(store: Option<Store>) -> Infallible {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cpu_before = 0;
    let mut at_rest = false;
    loop {
        ticks.tick().await;
        if store.as_ref().is_none_or(|store| store.budget().bytes_used() == 0) {
            memory::give_back();
        }
        let cpu = cpu_ticks().unwrap_or(u64::MAX);
        let used = cpu.saturating_sub(cpu_before);
        let comes_to_rest = used * 100 <= procfs::ticks_per_second() * EVERY.as_secs() * CPU_PERCENT;
        if comes_to_rest && !at_rest {
            let store = store.clone();
            // Should it fail, pages stay where they are.
            let _ = tokio::task::spawn_blocking(move || let_go(store.as_ref())).await;
        }
        (cpu_before, at_rest) = (cpu, comes_to_rest);
    }
}

fn let_go(store: Option<&Store>) {
    if let Some(store) = store {
        store.let_go_of_pages();
    }
    if let Err(error) = memory::let_go_of_program() {
        tracing::debug!(%error, "cannot let go of the program's pages");
    }
}

fn cpu_ticks() -> ProcResult<u64> {
    let stat = Process::myself()?.stat()?;
    Ok(stat.utime + stat.stime)
}
