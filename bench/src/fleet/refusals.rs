//! What it takes a sidecar to say that it has nothing of a trace: read from its own metrics, before and after.

use std::time::Duration;

use anyhow::Context as _;

use crate::http::Http;
use crate::measure::Process;
use crate::sidecar::Sidecar;

/// What peers ask, and people, as the metrics name it.
pub(super) const PEERS_CALL: &str = "/spandrel.peer.v1.Peer/Ask";
pub(super) const TRACE_CALL: &str = "/api/v1/traces/{trace_id}";

/// What it took to say so, on average.
#[derive(Debug, Clone, Copy)]
pub struct Refusals {
    pub questions: u64,
    /// From the arrival of the question to the beginning of the answer.
    pub took: Duration,
    /// Of the whole process, connections included.
    pub cpu: Duration,
}

/// All answers of a kind so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answered {
    questions: f64,
    seconds: f64,
    cpu: Duration,
}

impl Answered {
    pub(super) async fn by(sidecars: &[Sidecar], call: &str) -> anyhow::Result<Answered> {
        let mut all = Answered::default();
        for sidecar in sidecars {
            let metrics = Http::new(sidecar.addresses.query).get("/metrics").await?;
            let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
            all.questions += figure(&metrics, "spandrel_query_duration_seconds_count", call)?;
            all.seconds += figure(&metrics, "spandrel_query_duration_seconds_sum", call)?;
            all.cpu += Process::new(sidecar.pid()).cpu()?;
        }
        Ok(all)
    }

    /// Of the questions since then.
    pub(super) fn since(self, before: Answered) -> Refusals {
        let questions = (self.questions - before.questions).max(1.0);
        Refusals {
            questions: questions as u64,
            took: Duration::from_secs_f64((self.seconds - before.seconds).max(0.0) / questions),
            cpu: self.cpu.saturating_sub(before.cpu).div_f64(questions),
        }
    }
}

/// The figure of a metric about a call; nobody called where it is not there.
fn figure(metrics: &str, name: &str, call: &str) -> anyhow::Result<f64> {
    let of_call = format!("{name}{{call=\"{call}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&of_call));
    value.map_or(Ok(0.0), |value| value.trim().parse().with_context(|| format!("read {name}")))
}
