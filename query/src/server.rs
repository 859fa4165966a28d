//! The query port: binds it, serves the API on it, drains it.
//!
//! In come HTTP/1 and HTTP/2 connections, over TLS where there are certificates, at most `limits.connections_max` at once; more wait in the
//! kernel's backlog. A client has `limits.request_timeout` to send a request's head, and to take some more of an answer
//! that it was slow to take, or the answer is given up. At shutdown no
//! connection is taken any more, live tails end, running questions are answered within a grace period, and
//! what is left then is closed.

mod connection;
mod entrance;
mod patient;
mod taking;
mod whole;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use spandrel_config::{Config, Limits};
use spandrel_store::Store;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, App, Guard, Readiness};
use crate::credentials::{Credentials, CredentialsError};
use crate::engine::Engine;
use crate::federation::{Asker, Discovery, Peers, PeersMetrics, Remembered, Responder, Surroundings};
use crate::source::{LocalSource, Room, Source};
use crate::span_metrics::SpanMetrics;

use connection::{GRACE, Port};
use entrance::Entrance;

/// Pause after the system refused a connection, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "query.endpoint {endpoint} is not on loopback: set security.token_file or security.tls, or security.insecure: true"
    )]
    Unprotected { endpoint: SocketAddr },
    #[error("cannot listen on query.endpoint {endpoint}: {source}")]
    Listen { endpoint: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A bound query port that is not served yet.
pub struct QueryServer {
    listener: TcpListener,
    address: SocketAddr,
    entrance: Entrance,
    peers: Peers,
    credentials: Arc<Credentials>,
    span_metrics: Arc<SpanMetrics>,
    readiness: Readiness,
    peer_asked: Arc<Notify>,
    limits: Limits,
    /// Ends the live tails; its parent is the process's own.
    draining: CancellationToken,
}

impl QueryServer {
    /// Over a store, or, in a gateway, over nothing but peers.
    pub async fn bind(
        config: &Config,
        store: Option<Store>,
        registry: &prometheus::Registry,
    ) -> Result<QueryServer, BindError> {
        let endpoint = config.query.endpoint;
        let on_loopback = endpoint.ip().is_loopback();
        let credentials = Arc::new(credentials(config).await?);
        if !on_loopback && !credentials.are_required() && !config.security.insecure {
            return Err(BindError::Unprotected { endpoint });
        }
        let failed = |source| BindError::Listen { endpoint, source };
        let listener = TcpListener::bind(endpoint).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let limits = &config.limits;
        let room = Room::of(limits.answers_bytes_max, limits.admission_wait);
        let (local, span_metrics) = match store {
            Some(store) => {
                let span_metrics = SpanMetrics::watching(&store, limits);
                let local = LocalSource::new(store, address.to_string(), limits.queries_max);
                let local = local.telling_of(span_metrics.clone()).within(room.clone());
                let local = local.with_pages_of(limits.answer_bytes_max);
                local.register(registry)?;
                (Some(Arc::new(local) as Arc<dyn Source>), span_metrics)
            }
            None => (None, SpanMetrics::gathering(limits)),
        };
        let remembered = remembered(config).await;
        let identity = remembered.identity();
        let asker = Asker::new(identity, credentials.clone(), limits);
        let peer_asked = asker.asked.clone();
        let around =
            Surroundings { local: local.clone(), asker, metrics: PeersMetrics::new(registry)?, remembered };
        let peers = Peers::new(around, Discovery::new(&config.federation, limits));
        let draining = CancellationToken::new();
        let responder = Responder::new(identity, local, peers.links(), limits.clone(), draining.clone());
        let engine = Engine::over(peers.roster(), limits.clone());
        let guard = Guard::new(&config.security, credentials.clone(), on_loopback);
        let app = App::new(engine, guard, registry, draining.clone())?.telling(span_metrics.clone());
        let readiness = app.readiness();
        let (app, responder) = (Arc::new(app), Arc::new(responder));
        let routes = api::router(app.clone());
        let entrance = Entrance { app, routes, responder, room, is_certified: false };
        let limits = limits.clone();
        Ok(QueryServer {
            listener,
            address,
            entrance,
            peers,
            credentials,
            span_metrics,
            readiness,
            peer_asked,
            limits,
            draining,
        })
    }

    /// Where it listens; the port is the real one if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Rung when a peer was asked how it is, as peers are now and then while nobody asks anything here.
    pub fn peer_asked(&self) -> Arc<Notify> {
        self.peer_asked.clone()
    }

    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Serves until `shutdown`, then drains.
    pub async fn run(self, shutdown: CancellationToken) {
        let connections = Arc::new(Semaphore::new(self.limits.connections_max));
        let tasks = TaskTracker::new();
        let closing = CancellationToken::new();
        tasks.spawn(self.peers.run(closing.clone()));
        tasks.spawn(self.credentials.clone().watch(closing.clone()));
        tasks.spawn(self.span_metrics.keep_settled(closing.clone()));
        let (entrance, credentials) = (self.entrance, self.credentials);
        let port = Port {
            entrance,
            credentials,
            head_timeout: self.limits.request_timeout,
            closing: closing.clone(),
        };
        loop {
            let accepted = async {
                let place = connections.clone().acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                accepted = accepted => accepted,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let port = port.clone();
                    tasks.spawn(async move {
                        let _place = place;
                        port.serve(stream).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accept a query connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        self.draining.cancel();
        closing.cancel();
        tasks.close();
        if tokio::time::timeout(GRACE + ACCEPT_PAUSE, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "query connections were cut off at shutdown");
        }
    }
}

async fn credentials(config: &Config) -> Result<Credentials, CredentialsError> {
    let security = config.security.clone();
    let loading = tokio::task::spawn_blocking(move || Credentials::load(&security));
    loading.await.expect("reading files does not panic")
}

async fn remembered(config: &Config) -> Remembered {
    let (folder, max_age) = (config.storage.directory.clone(), config.storage.retention.max_age);
    let peers_max = config.limits.peers_max;
    let opening = tokio::task::spawn_blocking(move || Remembered::open(&folder, max_age, peers_max));
    opening.await.expect("reading a file does not panic")
}

#[cfg(test)]
mod tests;
