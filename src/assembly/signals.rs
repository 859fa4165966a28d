//! SIGTERM and SIGINT: the first asks to stop, the second means it.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Signals> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The next signal's name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Ends the process at the next signal, with the status that a shell gives to a program it ended.
    pub(super) async fn exit_on_next(&mut self) {
        let status = match self.next().await {
            "SIGINT" => 128 + SignalKind::interrupt().as_raw_value(),
            _ => 128 + SignalKind::terminate().as_raw_value(),
        };
        tracing::warn!("second signal: ending at once");
        std::process::exit(status);
    }
}
