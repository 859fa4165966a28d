//! The stage as a whole: binds its sockets, runs its receivers, ends them in order.
//!
//! On shutdown: health says "not serving" at once; receivers stay open for `shutdown.linger`, or until nobody
//! is connected and nothing came for a while; then no more is accepted and what is in flight is finished,
//! within [`DRAIN_MAX`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use prometheus::Registry;
use spandrel_config::{Config, UnixLogReceiver};
use spandrel_store::{Receiver, Store};
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counters::Counters;
use crate::filelog::{self, FileLogMetrics};
use crate::forward::Forward;
use crate::intake::Intake;
use crate::listener::{self, Protocol, Serving};
use crate::output::LineInputs;
use crate::sockets::{self, Connections, Lines, Socket};
use crate::syslog::Syslog;
use crate::{grpc, http, stdin};

/// What in-flight requests have to finish once nothing more is accepted.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Idle is when nobody was connected for this part of the linger.
const QUIET_DIVISOR: u32 = 2;

const SYSLOG_TCP: &str = "receivers.syslog.tcp.listen_address";
const SYSLOG_UDP: &str = "receivers.syslog.udp.listen_address";

const IDLE_CHECK: Duration = Duration::from_millis(50);

/// The receivers, bound and not yet serving.
#[derive(Debug)]
pub struct Collector {
    config: Config,
    intake: Intake,
    filelog: FileLogMetrics,
    grpc: Option<TcpListener>,
    http: Option<TcpListener>,
    tcplog: Option<TcpListener>,
    unixlog: Option<UnixListener>,
    fluentforward: Option<TcpListener>,
    syslog_tcp: Option<TcpListener>,
    syslog_udp: Option<UdpSocket>,
}

/// Where the receivers listen; the ports are the real ones where the configuration says 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    pub grpc: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    pub tcplog: Option<SocketAddr>,
    pub fluentforward: Option<SocketAddr>,
    pub syslog_tcp: Option<SocketAddr>,
    pub syslog_udp: Option<SocketAddr>,
}

/// The receivers cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("cannot listen on {address} for {what}: {source}; {advice} or set {key} to another address")]
    Address {
        what: &'static str,
        address: SocketAddr,
        key: &'static str,
        advice: &'static str,
        source: std::io::Error,
    },
    #[error("cannot listen on {} for lines: {source}; set receivers.unixlog.path to another path", path.display())]
    Path { path: PathBuf, source: std::io::Error },
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Collector {
    /// Binds the sockets that the configuration asks for.
    pub async fn bind(config: &Config, store: Store, registry: &Registry) -> Result<Collector, BindError> {
        let counters = Counters::register(registry)?;
        let intake = Intake::new(store, config, counters);
        let filelog = FileLogMetrics::register(registry)?;
        let otlp = Some(&config.receivers.otlp).filter(|otlp| otlp.enabled);
        let grpc = otlp.and_then(|otlp| otlp.grpc);
        let http = otlp.and_then(|otlp| otlp.http);
        let tcplog = Some(&config.receivers.tcplog).filter(|tcplog| tcplog.enabled);
        let tcplog = tcplog.map(|tcplog| tcplog.listen_address);
        let forward = Some(&config.receivers.fluentforward).filter(|forward| forward.enabled);
        let forward = forward.map(|forward| forward.endpoint);
        let syslog = Some(&config.receivers.syslog).filter(|syslog| syslog.enabled);
        Ok(Collector {
            config: config.clone(),
            intake,
            filelog,
            grpc: listen(grpc, "OTLP/gRPC", "receivers.otlp.protocols.grpc.endpoint").await?,
            http: listen(http, "OTLP/HTTP", "receivers.otlp.protocols.http.endpoint").await?,
            tcplog: listen(tcplog, "lines", "receivers.tcplog.listen_address").await?,
            unixlog: listen_at_path(&config.receivers.unixlog)?,
            fluentforward: listen(forward, "the forward protocol", "receivers.fluentforward.endpoint")
                .await?,
            syslog_tcp: listen(syslog.and_then(|syslog| syslog.tcp), "syslog", SYSLOG_TCP).await?,
            syslog_udp: listen_for_datagrams(syslog.and_then(|syslog| syslog.udp), "syslog", SYSLOG_UDP)
                .await?,
        })
    }

    pub fn addresses(&self) -> Addresses {
        let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|l| l.local_addr().ok());
        Addresses {
            grpc: address(&self.grpc),
            http: address(&self.http),
            tcplog: address(&self.tcplog),
            fluentforward: address(&self.fluentforward),
            syslog_tcp: address(&self.syslog_tcp),
            syslog_udp: self.syslog_udp.as_ref().and_then(|socket| socket.local_addr().ok()),
        }
    }

    /// For lines that the process itself reads.
    pub fn line_inputs(&self) -> LineInputs {
        LineInputs(self.intake.clone())
    }

    /// Serves until `shutdown` is cancelled, then lingers, drains and returns.
    pub async fn run(self, shutdown: CancellationToken) {
        let Collector {
            config,
            intake,
            filelog,
            grpc,
            http,
            tcplog,
            unixlog,
            fluentforward,
            syslog_tcp,
            syslog_udp,
        } = self;
        let tasks = TaskTracker::new();
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let serving = |protocol: Protocol, router: Router| Serving {
            protocol,
            router,
            activity: intake.activity.clone(),
            connections_max: config.limits.connections_max,
            head_timeout: config.limits.request_timeout,
            tasks: tasks.clone(),
            stop: stop.clone(),
            abort: abort.clone(),
        };
        let mut health = None;
        if let Some(socket) = grpc {
            let (router, reporter) = grpc::router(intake.clone()).await;
            health = Some(reporter);
            tasks.spawn(listener::accept(socket, serving(Protocol::Grpc, router)));
        }
        if let Some(socket) = http {
            tasks.spawn(listener::accept(socket, serving(Protocol::Http, http::router(intake.clone()))));
        }
        if config.receivers.stdin.enabled {
            let stdin = config.receivers.stdin.clone();
            tasks.spawn(stdin::run(intake.clone(), stdin, stdin::standard_input(), stop.clone()));
        }
        if config.receivers.filelog.is_on() {
            let (receiver, limits) = (config.receivers.filelog.clone(), config.limits.clone());
            tasks.spawn(filelog::run(intake.clone(), receiver, limits, filelog, stop.clone()));
        }
        let lines = |receiver: Receiver, resource: &[(String, String)]| Lines {
            intake: intake.clone(),
            receiver,
            resource: resource.to_vec(),
            connections_max: config.limits.line_connections_max,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        if let Some(socket) = tcplog {
            tasks.spawn(
                lines(Receiver::TcpLog, &config.receivers.tcplog.resource).accept(Socket::Tcp(socket)),
            );
        }
        if let Some(socket) = unixlog {
            tasks.spawn(
                lines(Receiver::UnixLog, &config.receivers.unixlog.resource).accept(Socket::Unix(socket)),
            );
        }
        if let Some(socket) = fluentforward {
            let forward = Forward::new(intake.clone(), &config);
            tasks.spawn(forward.accept(socket, connections(&config, &tasks, &stop)));
        }
        if let Some(socket) = syslog_tcp {
            let syslog = Syslog::new(intake.clone(), &config);
            tasks.spawn(syslog.accept(socket, connections(&config, &tasks, &stop)));
        }
        if let Some(socket) = syslog_udp {
            tasks.spawn(Syslog::new(intake.clone(), &config).receive(socket, stop.clone()));
        }
        shutdown.cancelled().await;
        if let Some(reporter) = &health {
            grpc::report(reporter, tonic_health::ServingStatus::NotServing).await;
        }
        linger(&intake, config.shutdown.linger).await;
        stop.cancel();
        tasks.close();
        if tokio::time::timeout(DRAIN_MAX, tasks.wait()).await.is_err() {
            tracing::warn!(
                tasks = tasks.len(),
                "receivers did not finish in time; dropping what is in flight"
            );
        }
        abort.cancel();
    }
}

/// For the sockets that log shippers connect to.
fn connections(config: &Config, tasks: &TaskTracker, stop: &CancellationToken) -> Connections {
    Connections { max: config.limits.line_connections_max, tasks: tasks.clone(), stop: stop.clone() }
}

fn listen_at_path(unixlog: &UnixLogReceiver) -> Result<Option<UnixListener>, BindError> {
    let path = unixlog.path.as_ref().filter(|_| unixlog.enabled);
    let bind = |path: &PathBuf| {
        sockets::bind_unix(path).map_err(|source| BindError::Path { path: path.clone(), source })
    };
    path.map(bind).transpose()
}

/// Waits for the services' last flush.
async fn linger(intake: &Intake, linger: Duration) {
    intake.activity.touch();
    let quiet = linger / QUIET_DIVISOR;
    let idle = async {
        while !intake.activity.is_idle_for(quiet) {
            tokio::time::sleep(IDLE_CHECK).await;
        }
    };
    // Idle or not, the linger is over.
    let _ = tokio::time::timeout(linger, idle).await;
}

async fn listen(
    address: Option<SocketAddr>,
    what: &'static str,
    key: &'static str,
) -> Result<Option<TcpListener>, BindError> {
    let Some(address) = address else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|source| cannot_bind(address, what, key, source))
}

async fn listen_for_datagrams(
    address: Option<SocketAddr>,
    what: &'static str,
    key: &'static str,
) -> Result<Option<UdpSocket>, BindError> {
    let Some(address) = address else { return Ok(None) };
    let bound = UdpSocket::bind(address).await;
    bound.map(Some).map_err(|source| cannot_bind(address, what, key, source))
}

fn cannot_bind(
    address: SocketAddr,
    what: &'static str,
    key: &'static str,
    source: std::io::Error,
) -> BindError {
    let advice = match source.kind() {
        std::io::ErrorKind::AddrInUse => "stop the program that has it",
        std::io::ErrorKind::PermissionDenied => "run with the right to use this port",
        _ => "check that this machine has the address",
    };
    BindError::Address { what, address, key, advice, source }
}
