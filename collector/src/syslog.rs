//! Syslog over TCP and UDP, in the forms of RFC 5424 and RFC 3164.
//!
//! In come messages, framed by their length or by line ends (RFC 6587), or one to a datagram; out go records. At most
//! `limits.line_connections_max` connections are open, more wait in the kernel's backlog; one may be silent for
//! `limits.line_idle_timeout`. There is no answer in this protocol: where the store has no room, a TCP sender is held
//! up and nothing is dropped; datagrams wait for [`OUTPUT_PATIENCE`] and are then dropped and counted. What the kernel
//! drops before it is read here is not seen. When stopped, what was read is kept.

mod frame;
mod message;

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use spandrel_config::Config;
use spandrel_store::otlp::{KeyValue, Value};
use spandrel_store::{Flags, Receiver};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::frame::Framer;
use self::message::Message;
use crate::content::Compression;
use crate::entries::{self, Entry, Gathering, Owner};
use crate::intake::Intake;
use crate::lines::feed::{Keeper, READ_BYTES, keep_patiently, until};
use crate::lines::{Chunk, RawLine};
use crate::normalise::attribute;
use crate::output::OUTPUT_PATIENCE;
use crate::refusal::Refusal;
use crate::sockets::Connections;

/// Before a socket that could not be read is read again.
const RETRY_AFTER: Duration = Duration::from_millis(200);

const RECEIVER: Receiver = Receiver::Syslog;

/// No datagram is longer.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// What all connections, and the datagrams, share.
#[derive(Debug, Clone)]
pub(crate) struct Syslog {
    intake: Intake,
    /// Goes before what messages say.
    resource: Vec<(String, String)>,
    line_bytes_max: usize,
    frame_bytes_max: usize,
    idle_timeout: Duration,
}

impl Syslog {
    pub(crate) fn new(intake: Intake, config: &Config) -> Syslog {
        Syslog {
            intake,
            resource: config.receivers.syslog.resource.clone(),
            line_bytes_max: config.limits.line_bytes_max.as_usize(),
            frame_bytes_max: config.limits.request_bytes_max.as_usize(),
            idle_timeout: config.limits.line_idle_timeout,
        }
    }

    /// Accepts until stopped.
    pub(crate) async fn accept(self, socket: TcpListener, connections: Connections) {
        connections.accept_tcp(socket, |stream, stop| self.clone().serve(stream, stop)).await;
    }

    /// Until the sender ends, is silent for too long, or this is stopped.
    async fn serve(self, stream: TcpStream, stop: CancellationToken) {
        let _open = self.intake.activity.connection();
        let mut stream = stream;
        let mut framer = Framer::new(self.line_bytes_max, self.frame_bytes_max);
        let mut feed = Feed::new(self.clone(), None);
        let mut piece = BytesMut::with_capacity(READ_BYTES);
        let mut silent_until = Instant::now() + self.idle_timeout;
        loop {
            let (mut ended, due) = (false, feed.due);
            tokio::select! {
                read = stream.read_buf(&mut piece) => {
                    ended = !matches!(read, Ok(1..));
                    silent_until = Instant::now() + self.idle_timeout;
                }
                () = until(due) => feed.flush().await,
                () = tokio::time::sleep_until(silent_until) => ended = true,
                () = stop.cancelled() => ended = true,
            }
            let mut messages = Vec::new();
            framer.feed(&piece, |message| messages.push(message));
            for message in messages {
                feed.take(message).await;
            }
            if ended {
                break;
            }
            piece.clear();
            piece.reserve(READ_BYTES);
        }
        if let Some(message) = framer.finish() {
            feed.take(message).await;
        }
        feed.flush().await;
    }

    /// Takes datagrams until stopped.
    pub(crate) async fn receive(self, socket: UdpSocket, stop: CancellationToken) {
        let mut feed = Feed::new(self, Some(OUTPUT_PATIENCE));
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let due = feed.due;
            tokio::select! {
                received = socket.recv_from(&mut datagram) => match received {
                    Ok((length, _)) => {
                        feed.take(RawLine::whole(Bytes::copy_from_slice(&datagram[..length]))).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot receive a datagram");
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                },
                () = until(due) => feed.flush().await,
                () = stop.cancelled() => break,
            }
        }
        feed.flush().await;
    }
}

impl Keeper for Syslog {
    fn intake(&self) -> &Intake {
        &self.intake
    }

    fn receiver(&self) -> Receiver {
        RECEIVER
    }

    async fn keep(&self, chunk: &Chunk) -> Result<(), Refusal> {
        let (messages, resource) = (chunk.lines.clone(), self.resource.clone());
        let size = messages.iter().map(|message| message.bytes.len()).sum();
        let read = move |gathering: &mut Gathering| gather(&messages, &resource, gathering);
        let admission = self.intake.admit()?;
        entries::keep(&self.intake, RECEIVER, (size, Compression::Identity), admission, read).await.map(drop)
    }
}

/// Messages on their way to the store, in batches.
struct Feed {
    syslog: Syslog,
    chunk: Chunk,
    /// When the chunk's first message has waited long enough.
    due: Option<Instant>,
    /// How long a chunk waits for room before it is dropped; for ever without it.
    patience: Option<Duration>,
    /// The last chunk was dropped, so the next is tried once.
    gave_up: bool,
}

impl Feed {
    fn new(syslog: Syslog, patience: Option<Duration>) -> Feed {
        let chunk = Chunk::new(syslog.intake.chunk_limits);
        Feed { syslog, chunk, due: None, patience, gave_up: false }
    }

    async fn take(&mut self, message: RawLine) {
        if frame::without_end(&message.bytes).is_empty() {
            return;
        }
        let delay = self.syslog.intake.chunk_limits.delay;
        self.due.get_or_insert_with(|| Instant::now() + delay);
        self.chunk.push(message);
        if self.chunk.is_full() {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        self.due = None;
        let chunk = std::mem::replace(&mut self.chunk, Chunk::new(self.syslog.intake.chunk_limits));
        if !chunk.lines.is_empty() {
            let patience = if self.gave_up { Some(Duration::ZERO) } else { self.patience };
            self.gave_up = !keep_patiently(&self.syslog, chunk, patience).await;
        }
    }
}

/// Turns messages into records.
fn gather(
    messages: &[RawLine],
    resource: &[(String, String)],
    gathering: &mut Gathering,
) -> Result<(), Refusal> {
    let mut owners: HashMap<(String, String), Owner> = HashMap::new();
    for raw in messages {
        // What senders put behind a message is no part of what it says.
        let text = String::from_utf8_lossy(frame::without_end(&raw.bytes));
        let message = Message::read(&text, gathering);
        let named = (message.host.to_owned(), message.app.to_owned());
        let owner = match owners.get(&named) {
            Some(owner) => owner,
            None => {
                let owner = gathering.owner(owner_attributes(resource, &named));
                owners.entry(named).or_insert(owner)
            }
        };
        let mut flags =
            if matches!(text, std::borrow::Cow::Owned(_)) { Flags::INVALID_UTF8 } else { Flags::NONE };
        if raw.cut {
            gathering.cuts().lines += 1;
            flags.insert(Flags::CUT);
        }
        gathering.entry(Entry {
            owner,
            line: message.text.as_bytes(),
            original: Some(&raw.bytes),
            attributes: message.attributes(),
            beside: message.beside,
            flags,
        })?;
    }
    Ok(())
}

/// As OpenTelemetry's data model has them: the host and the application are the resource's.
fn owner_attributes(resource: &[(String, String)], (host, app): &(String, String)) -> Vec<KeyValue> {
    let said = [("host.name", host), ("service.name", app)];
    let said = said.into_iter().filter(|(key, value)| {
        !value.is_empty() && !resource.iter().any(|(configured, _)| configured == key)
    });
    let said = said.map(|(key, value)| (key.to_owned(), value.clone()));
    let all = resource.iter().cloned().chain(said);
    all.map(|(key, value)| attribute(&key, Value::StringValue(value))).collect()
}

/// All messages that some bytes hold, in pieces and at once.
#[cfg(test)]
pub(crate) fn read_anything(bytes: &[u8]) {
    let messages = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut framer, mut messages) = (Framer::new(256, 1 << 10), Vec::new());
        pieces.for_each(|piece| framer.feed(piece, |message| messages.push(message)));
        messages.extend(framer.finish());
        messages
    };
    let all = messages(&mut std::iter::once(bytes));
    assert_eq!(messages(&mut bytes.chunks(5)), all);
    let mut gathering = Gathering::for_tests(64 << 20);
    gather(&all, &[], &mut gathering).expect("there is room");
    let originals = gathering.records().into_iter().map(|record| record.original.unwrap_or_default());
    assert!(originals.eq(all.into_iter().map(|message| message.bytes)));
}

#[cfg(test)]
mod tests;
