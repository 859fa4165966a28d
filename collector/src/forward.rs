//! Fluentd's forward protocol over TCP: what Fluent Bit, Fluentd, Docker's `fluentd` log driver and its loggers send.
//!
//! In come messages in MessagePack, out go records, and an acknowledgement for each message that asks for one with
//! `chunk`, once what it carries is kept. At most `limits.line_connections_max` connections are open, more wait in the
//! kernel's backlog. A message may have `limits.request_bytes_max` and, once begun, `limits.request_timeout`; a
//! connection may be silent for `limits.line_idle_timeout`. There is no way to say "later" in this protocol: where the
//! store has no room, nothing more is read and the sender feels it. What can never be taken ends its connection, without
//! an acknowledgement; single events that cannot be read are counted and the others kept. When stopped, what has come
//! whole is kept.
//!
//! There is no handshake: a sender with a shared key or TLS waits for one in vain.

mod json;
mod message;
mod pack;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use spandrel_config::Config;
use spandrel_store::Receiver;
use spandrel_store::otlp::{KeyValue, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::message::Message;
use self::pack::{Malformed, Scan};
use crate::admission::Admission;
use crate::content::Compression;
use crate::entries;
use crate::intake::Intake;
use crate::normalise::attribute;
use crate::otlp::Signal;
use crate::refusal::{Reason, Refusal};
use crate::sockets::Connections;

const RECEIVER: Receiver = Receiver::FluentForward;

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// How often what the store refuses is tried again, unless the store says otherwise.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// What all connections share.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    intake: Intake,
    resource: Vec<(String, String)>,
    limits: ForwardLimits,
}

#[derive(Debug, Clone, Copy)]
struct ForwardLimits {
    message_bytes_max: usize,
    message_timeout: Duration,
    idle_timeout: Duration,
}

/// Why a connection ends before its sender ends it.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("silent for too long")]
    Idle,
}

impl Forward {
    pub(crate) fn new(intake: Intake, config: &Config) -> Forward {
        let limits = ForwardLimits {
            message_bytes_max: config.limits.request_bytes_max.as_usize(),
            message_timeout: config.limits.request_timeout,
            idle_timeout: config.limits.line_idle_timeout,
        };
        Forward { intake, resource: config.receivers.fluentforward.resource.clone(), limits }
    }

    /// Accepts until stopped.
    pub(crate) async fn accept(self, socket: TcpListener, connections: Connections) {
        connections.accept_tcp(socket, |stream, stop| self.clone().serve(stream, stop)).await;
    }

    async fn serve(self, stream: TcpStream, stop: CancellationToken) {
        let _open = self.intake.activity.connection();
        // Acknowledgements are small and waited for.
        let _ = stream.set_nodelay(true);
        let intake = self.intake.clone();
        let mut connection =
            Connection { forward: self, stream, stop, buffer: BytesMut::new(), scan: Scan::default() };
        let Err(ended) = connection.run().await else { return };
        if let Some(reason) = ended.reason() {
            intake.counters.refused_request(RECEIVER, reason);
        }
        tracing::warn!(error = %ended, "a connection of the forward protocol ends");
    }
}

impl Ended {
    fn reason(&self) -> Option<Reason> {
        match self {
            Ended::Malformed(Malformed::TooLong) => Some(Reason::TooLarge),
            Ended::Malformed(_) => Some(Reason::Undecodable),
            Ended::Refused(refusal) => Some(refusal.reason()),
            Ended::Io(_) | Ended::Idle => None,
        }
    }
}

struct Connection {
    forward: Forward,
    stream: TcpStream,
    stop: CancellationToken,
    /// Begins with a message.
    buffer: BytesMut,
    /// How far its end has been looked for.
    scan: Scan,
}

impl Connection {
    /// Until the sender ends, or this is stopped.
    async fn run(&mut self) -> Result<(), Ended> {
        loop {
            let mut admission = self.admit().await?;
            self.hold(&mut admission, self.buffer.len(), Instant::now()).await?;
            let Some(messages) = self.receive(&mut admission).await? else { return Ok(()) };
            let acknowledgements = self.keep(messages, admission).await?;
            if !acknowledgements.is_empty() {
                let writing = self.stream.write_all(&acknowledgements);
                tokio::time::timeout(self.forward.limits.message_timeout, writing)
                    .await
                    .map_err(|_| Ended::Idle)??;
            }
        }
    }

    /// Even an empty permit may not be to be had for a moment.
    async fn admit(&self) -> Result<Admission, Ended> {
        let deadline = Instant::now() + self.forward.limits.message_timeout;
        loop {
            match self.forward.intake.admit() {
                Err(_) if Instant::now() < deadline => tokio::time::sleep(RETRY_AFTER).await,
                admission => return Ok(admission?),
            }
        }
    }

    /// The messages that are whole, one at least; `None` at the end.
    async fn receive(&mut self, admission: &mut Admission) -> Result<Option<Vec<Bytes>>, Ended> {
        let limits = self.forward.limits;
        let mut begun = (!self.buffer.is_empty()).then(Instant::now);
        loop {
            let messages = self.whole_messages()?;
            if !messages.is_empty() {
                return Ok(Some(messages));
            }
            let due =
                begun.map_or(Instant::now() + limits.idle_timeout, |begun| begun + limits.message_timeout);
            self.buffer.reserve(READ_BYTES);
            let read = tokio::select! {
                read = self.stream.read_buf(&mut self.buffer) => read?,
                () = tokio::time::sleep_until(due) => return Err(self.too_slow()),
                () = self.stop.cancelled() => return Ok(None),
            };
            if read == 0 {
                return Ok(None);
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            self.hold(admission, read, begun).await?;
        }
    }

    /// Takes bytes for what has come of a message that was begun then, waiting where others hold them.
    async fn hold(&self, admission: &mut Admission, bytes: usize, begun: Instant) -> Result<(), Ended> {
        if bytes == 0 {
            return Ok(());
        }
        while let Err(refusal) = admission.grow_body_patiently(bytes).await {
            let in_time = Instant::now() < begun + self.forward.limits.message_timeout;
            if refusal.retry_after().is_none() || !in_time || self.stop.is_cancelled() {
                return Err(refusal.into());
            }
        }
        Ok(())
    }

    fn too_slow(&self) -> Ended {
        match self.buffer.is_empty() {
            true => Ended::Idle,
            false => Refusal::TooSlow(self.forward.limits.message_timeout).into(),
        }
    }

    fn whole_messages(&mut self) -> Result<Vec<Bytes>, Malformed> {
        let bytes_max = self.forward.intake.chunk_limits.bytes_max;
        let (mut messages, mut bytes) = (Vec::new(), 0);
        while bytes < bytes_max
            && let Some(length) = self.scan.length(&self.buffer, self.forward.limits.message_bytes_max)?
        {
            messages.push(self.buffer.split_to(length).freeze());
            self.scan = Scan::default();
            bytes += length;
        }
        Ok(messages)
    }

    /// Keeps what messages carry, however long it takes: what their senders are then to be told.
    async fn keep(&self, messages: Vec<Bytes>, admission: Admission) -> Result<Vec<u8>, Ended> {
        let _in_flight = self.forward.intake.activity.request();
        let messages = messages.iter().map(Message::read).collect::<Result<Vec<_>, _>>()?;
        let mut told = false;
        loop {
            let Err(refusal) = self.forward.keep(&messages, &admission).await else { break };
            let Some(delay) = refusal.retry_after().filter(|_| !self.stop.is_cancelled()) else {
                return Err(refusal.into());
            };
            self.forward.intake.counters.refused_request(RECEIVER, refusal.reason());
            if !told {
                tracing::warn!(%refusal, "a sender of the forward protocol waits");
                told = true;
            }
            tokio::time::sleep(delay.min(RETRY_AFTER)).await;
        }
        let chunks = messages.iter().filter_map(|message| message.option.chunk.as_ref());
        Ok(chunks.flat_map(|chunk| acknowledgement(chunk)).collect())
    }
}

/// `{"ack": chunk}`
fn acknowledgement(chunk: &[u8]) -> Vec<u8> {
    const MAP_OF_ONE: u8 = 0x81;
    const TEXT_OF_THREE: u8 = 0xa3;
    [&[MAP_OF_ONE, TEXT_OF_THREE], &b"ack"[..], chunk].concat()
}

impl Forward {
    /// Keeps all messages, or none of them.
    async fn keep(&self, messages: &[Message], admission: &Admission) -> Result<(), Refusal> {
        let messages = messages.to_vec();
        let size = messages.iter().map(|message| message.events.len()).sum();
        let is_plain = messages.iter().all(|message| message.compression == Compression::Identity);
        let compression = if is_plain { Compression::Identity } else { Compression::Gzip };
        let resource = self.resource.clone();
        let part = self.intake.admit_part(admission)?;
        let read = move |gathering: &mut entries::Gathering| {
            let text = |(key, value): (String, String)| attribute(&key, Value::StringValue(value));
            let owner = gathering.owner(resource.into_iter().map(text).collect::<Vec<KeyValue>>());
            let mut refused = 0;
            for message in messages {
                if message.option.is_no_log {
                    refused += 1;
                    continue;
                }
                let events = gathering.decompress(message.compression, message.events)?;
                let (taken, bad) = message::gather(&message.tag, &events, &owner, gathering)?;
                if taken == 0 && bad > 0 {
                    return Err(Refusal::NothingValid("no event of a message can be read".to_owned()));
                }
                refused += bad;
            }
            Ok(refused)
        };
        let (_, refused) = entries::keep(&self.intake, RECEIVER, (size, compression), part, read).await?;
        self.intake.counters.refused_records(RECEIVER, Signal::Logs, Reason::Undecodable, refused);
        Ok(())
    }
}

/// All messages that some bytes hold.
#[cfg(test)]
pub(crate) fn read_anything(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(length)) = Scan::default().length(&buffer, 1 << 20) {
        let Ok(message) = Message::read(&buffer.split_to(length).freeze()) else { continue };
        let mut gathering = entries::Gathering::for_tests(64 << 20);
        let owner = gathering.owner(Vec::new());
        let Ok(events) = gathering.decompress(message.compression, message.events) else { continue };
        // Where there is no room, what was read until then is as good.
        let taken = message::gather(&message.tag, &events, &owner, &mut gathering);
        assert!(taken.is_err() || taken.is_ok_and(|(taken, _)| taken == gathering.records().len() as u64));
    }
}

#[cfg(test)]
mod tests;
