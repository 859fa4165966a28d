//! What an idle sidecar does: it gives its memory back.
//!
//! The allocator gives freed memory back as it is used, so somebody has to ask it to when nothing goes on. Pages of the
//! program and of the index that are not in use are let go of each time the process comes to rest, and when questions too few to
//! count as work have gathered some.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use procfs::ProcResult;
use procfs::process::Process;
use spandrel_store::Store;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::memory;

const EVERY: Duration = Duration::from_secs(2);
/// One that uses less of a core is at rest.
const CPU_PERCENT: u64 = 1;
/// So many pages more than when it came to rest are worth to let go of: those of a few questions, now and then. Where
/// questions come all the time, what they need is part of rest.
const PAGES_MORE: u64 = 1024;
/// Of those that asking peers how they are took, so many.
const PAGES_OF_ASKING: u64 = 512;
/// Peers are asked how they are one shortly after the other.
const OTHERS_AFTER: Duration = Duration::from_millis(100);

/// Runs as long as the sidecar does. To ask a peer how it is takes a third of all code, for a moment every ten seconds: the
/// pages of it are not left until the next look.
pub async fn hold_little(store: Option<Store>, peer_asked: Arc<Notify>) -> Infallible {
    // Not at once: a start that is quick would count as rest, and its pages as those that rest needs.
    let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut cpu_before, mut pages_left) = (0, 0_u64);
    let mut rest = Rest::None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = peer_asked.notified() => {
                tokio::time::sleep(OTHERS_AFTER).await;
                let more = cpu_ticks_and_pages().is_ok_and(|(_, pages)| pages > pages_left.saturating_add(PAGES_OF_ASKING));
                if more && !matches!(rest, Rest::None) {
                    pages_left = let_go(store.as_ref()).await;
                }
                continue;
            }
        }
        if store.as_ref().is_none_or(|store| store.budget().bytes_used() == 0) {
            memory::give_back();
        }
        // What cannot be read is taken for work.
        let Ok((cpu, pages)) = cpu_ticks_and_pages() else { continue };
        let used = cpu.saturating_sub(cpu_before);
        cpu_before = cpu;
        if used * 100 > procfs::ticks_per_second() * EVERY.as_secs() * CPU_PERCENT {
            rest = Rest::None;
            continue;
        }
        rest = match rest {
            Rest::Begun => Rest::With(pages),
            Rest::With(before) if pages <= before + PAGES_MORE => rest,
            Rest::None | Rest::With(_) => {
                pages_left = let_go(store.as_ref()).await;
                Rest::Begun
            }
        };
    }
}

enum Rest {
    None,
    /// Pages were let go of; those that rest itself needs come back.
    Begun,
    /// With so many of them.
    With(u64),
}

/// Lets go of pages; how many are left, as far as can be told.
async fn let_go(store: Option<&Store>) -> u64 {
    let store = store.cloned();
    // Should it fail, pages stay where they are.
    let _ = tokio::task::spawn_blocking(move || let_go_of_pages(store.as_ref())).await;
    cpu_ticks_and_pages().map_or(u64::MAX, |(_, pages)| pages)
}

fn let_go_of_pages(store: Option<&Store>) {
    if let Some(store) = store {
        store.let_go_of_pages();
    }
    if let Err(error) = memory::let_go_of_program() {
        tracing::debug!(%error, "cannot let go of the program's pages");
    }
}

/// CPU time used so far, and resident pages of files.
fn cpu_ticks_and_pages() -> ProcResult<(u64, u64)> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    Ok((stat.utime + stat.stime, process.statm()?.shared))
}
