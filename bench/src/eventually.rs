//! Waiting for a condition, with a deadline: the one place that polls.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Asks until `probe` has an answer; an error that names `what` once `deadline` has passed.
pub async fn eventually<T>(
    what: impl Display,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let mut ticks = interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let polling = async {
        loop {
            ticks.tick().await;
            if let Some(found) = probe().await? {
                return Ok(found);
            }
        }
    };
    timeout(deadline, polling)
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("not within {deadline:?}: {what}")))
}
