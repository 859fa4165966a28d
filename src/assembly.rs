//! The one place that knows every stage: store, collector, query server. A gateway has the last one alone.
//!
//! A straight line: configuration → store → sockets → serving → stopping, upstream first. Whatever is wrong with
//! the configuration, the data folder or an address is told before anything is served. There is one way to
//! stop, for signals and for a stage that fails, and it takes [`STOP_MAX`] at most: what has not finished by
//! then is named and left behind, which loses nothing, as all that was acknowledged is in the journal.

mod addresses;
mod idle;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::OptionFuture;
use prometheus::Registry;
use spandrel_collector::{Collector, LineInputs};
use spandrel_config::Config;
use spandrel_query::QueryServer;
use spandrel_store::Store;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::cli;
use crate::telemetry::{self, Telemetry};
pub use addresses::Addresses;
use signals::Signals;

/// From the signal to the end of the process there are 15 s; one is kept for what comes after the stages.
const STOP_MAX: Duration = Duration::from_secs(14);

/// A running sidecar.
pub struct Sidecar {
    pub addresses: Addresses,
    /// Neither of a gateway's: it takes in nothing and keeps nothing.
    store: Option<Store>,
    readiness: spandrel_query::Readiness,
    peer_asked: Arc<Notify>,
    lines: Option<LineInputs>,
    collector: Option<Stage>,
    query: Stage,
}

/// A stage that serves until it is told to stop.
struct Stage {
    name: &'static str,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

/// `spandrel run`.
pub fn run(arguments: &cli::Run) -> anyhow::Result<()> {
    let configuration = &arguments.configuration;
    let file = configuration.config.as_deref();
    let config = Config::load(file, &configuration.set, &spandrel_config::environment)?;
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let telemetry = Telemetry::start(&config.telemetry)?;
        let result = serve(&config, arguments).await;
        telemetry.stop().await;
        result
    });
    // Standard input may be blocked in a read that never returns.
    runtime.shutdown_background();
    result
}

pub fn runtime() -> anyhow::Result<Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("spandrel").build();
    built.context("start the runtime")
}

async fn serve(config: &Config, arguments: &cli::Run) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut sidecar = tokio::select! {
        started = Sidecar::start(config) => started?,
        // Nothing is served yet and the store repairs itself, so there is nothing to wait for.
        signal = signals.next() => {
            tracing::info!(signal, "stopped while starting");
            return Ok(());
        }
    };
    sidecar.addresses.announce(config);
    if let Some(file) = &arguments.addresses_file {
        sidecar.addresses.write(file)?;
    }
    let ended = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            tokio::spawn(async move { signals.exit_on_next().await });
            Ok(())
        }
        never = idle::hold_little(sidecar.store.clone(), sidecar.peer_asked.clone()) => match never {},
        failed = sidecar.failed() => Err(failed),
    };
    sidecar.stop().await;
    ended
}

impl Sidecar {
    /// Returns once everything listens.
    pub async fn start(config: &Config) -> anyhow::Result<Sidecar> {
        if is_token_unused(config, &spandrel_config::environment) {
            tracing::warn!(
                "SPANDREL_TOKEN is set, and no security.token or security.token_file makes use of it: everybody on \
                 this machine may ask; set security.token to \"${{env:SPANDREL_TOKEN}}\" to protect the query port"
            );
        }
        let registry = Registry::new();
        telemetry::register(&registry).context("register metrics")?;
        let store = match config.storage.enabled {
            true => Some(open_store(config, &registry).await?),
            false => None,
        };
        let (collector, query) = match bind(config, store.as_ref(), &registry).await {
            Ok(bound) => bound,
            Err(error) => {
                close_store(store, Instant::now() + STOP_MAX).await;
                return Err(error);
            }
        };
        let addresses = Addresses::of(collector.as_ref(), &query);
        let (readiness, peer_asked) = (query.readiness(), query.peer_asked());
        let lines = collector.as_ref().map(Collector::line_inputs);
        let sidecar = Sidecar {
            addresses,
            store,
            readiness,
            peer_asked,
            lines,
            collector: collector
                .map(|collector| Stage::spawn("collector", |shutdown| collector.run(shutdown))),
            query: Stage::spawn("query server", |shutdown| query.run(shutdown)),
        };
        sidecar.readiness.set(true);
        Ok(sidecar)
    }

    /// For lines that this process reads itself. A gateway has none.
    pub fn lines(&self) -> Option<LineInputs> {
        self.lines.clone()
    }

    /// Waits for a stage to end that was not told to: never, unless something is broken.
    async fn failed(&mut self) -> anyhow::Error {
        tokio::select! {
            Some(failed) = OptionFuture::from(self.collector.as_mut().map(Stage::failed)) => failed,
            failed = self.query.failed() => failed,
        }
    }

    /// Not ready any more, receivers linger and drain, questions are answered meanwhile, then the store commits.
    pub async fn stop(self) {
        let deadline = Instant::now() + STOP_MAX;
        self.readiness.set(false);
        if let Some(collector) = self.collector {
            collector.stop(deadline).await;
        }
        self.query.stop(deadline).await;
        close_store(self.store, deadline).await;
        tracing::info!("stopped");
    }
}

impl Stage {
    fn spawn<F>(name: &'static str, run: impl FnOnce(CancellationToken) -> F) -> Stage
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = CancellationToken::new();
        Stage { name, task: tokio::spawn(run(shutdown.clone())), shutdown }
    }

    async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.task).await {
            Ok(()) => anyhow::anyhow!("the {} stopped by itself", self.name),
            Err(error) => anyhow::anyhow!("the {} failed: {error}", self.name),
        }
    }

    async fn stop(self, deadline: Instant) {
        self.shutdown.cancel();
        if self.task.is_finished() {
            return;
        }
        match timeout_at(deadline, self.task).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(stage = self.name, %error, "failed while stopping"),
            Err(_) => tracing::warn!(stage = self.name, "did not stop in time and is left behind"),
        }
    }
}

async fn open_store(config: &Config, registry: &Registry) -> anyhow::Result<Store> {
    let (storage, limits, registry) = (config.storage.clone(), config.limits.clone(), registry.clone());
    let directory = storage.directory.display().to_string();
    let opening = tokio::task::spawn_blocking(move || Store::open(&storage, &limits, &registry));
    opening.await.context("open the store")?.with_context(|| format!("open the data folder {directory}"))
}

async fn bind(
    config: &Config,
    store: Option<&Store>,
    registry: &Registry,
) -> anyhow::Result<(Option<Collector>, QueryServer)> {
    let collector = match store {
        Some(store) => Some(Collector::bind(config, store.clone(), registry).await?),
        None => None,
    };
    let query = QueryServer::bind(config, store.cloned(), registry).await?;
    Ok((collector, query))
}

async fn close_store(store: Option<Store>, deadline: Instant) {
    let Some(store) = store else { return };
    let closing = tokio::task::spawn_blocking(move || store.close());
    match timeout_at(deadline, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the store failed to close; the journal has everything"),
        Err(_) => tracing::warn!("the store did not commit in time; the journal has everything"),
    }
}

/// Whether the token that the commands take protects nothing here, as it does only where the configuration says so.
fn is_token_unused(config: &Config, environment: &dyn Fn(&str) -> Option<String>) -> bool {
    let is_given = environment("SPANDREL_TOKEN").is_some_and(|token| !token.trim().is_empty());
    is_given && config.security.token.is_none()
}

#[cfg(test)]
mod tests;
