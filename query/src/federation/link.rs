//! The way to one peer: a connection that all questions share, and what is known of its other end. Tails have one of
//! their own while there are any.
//!
//! # Health
//! A peer is *up* once it has answered. It is *down* when the connection fails, when what it sends is not the
//! protocol, or when it does not even answer a probe within the time that a question has. A peer that is down
//! is not asked: its questions fail at once with the reason, so that it costs an answer nothing. Its own task
//! probes it in the background, at once after a failure and then at intervals that double from
//! [`RETRY_MIN`] to [`RETRY_MAX`]; while it is up, every [`REFRESH`], which also keeps what is known of its
//! services and times. All links do so one shortly after the other ([`SPACING`]): what that takes, of memory too, is
//! given back when they have, and many of them do not keep the machine busy at one moment. A question that ran out of time makes no peer down by itself; it only brings the next
//! probe forward.
//!
//! # Bounds
//! An answer may take `limits.peer_timeout`, and beyond that one second for each [`PACE`] bytes that have come:
//! large answers get through, trickles do not. One answer has at most `limits.peer_answer_bytes_max` bytes, all
//! answers together `limits.answers_bytes_max`; what is not granted is not read. Dropping an answer resets its
//! stream, which stops the peer from sending. A tail whose reader does not read holds [`OF_TAILS`] of one call, and stops
//! nobody else.

mod call;
mod channel;
mod connector;
mod health;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use spandrel_config::Limits;
use spandrel_store::UnixNanos;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Identity;
use super::grant::{Grant, pool};
use super::metrics::PeerMetrics;
use super::wire::{ASK_PATH, Ask, Begun, Body, Garbage, Part, Reading, VERSION, Visited};
use crate::credentials::Credentials;
use crate::source::{Description, PeerFault, Reply, SourceError};

use call::Answer;
use channel::{Channel, Windows};
pub(crate) use health::{Health, State};

const RETRY_MIN: Duration = Duration::from_millis(250);
const RETRY_MAX: Duration = Duration::from_secs(5);
pub(crate) const REFRESH: Duration = Duration::from_secs(10);
const SPACING: Duration = Duration::from_millis(2);

/// The second is larger, so that an answer that is read slowly does not hold up the others.
const OF_QUESTIONS: Windows = Windows { call_bytes: 256 << 10, connection_bytes: 4 << 20 };
/// Tails are read as slowly as their readers take them, and whoever reads none must not stop the others: the most that
/// HTTP/2 knows never binds all of them together. There are `limits.tails_max` for people, and as many that a gateway
/// passes on.
const OF_TAILS: Windows = Windows { call_bytes: 64 << 10, connection_bytes: (1 << 31) - 1 };

/// Bytes a second that buy an answer more time.
const PACE: u64 = 1 << 20;

/// What all links have in common.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) identity: Identity,
    pub(crate) credentials: Arc<Credentials>,
    timeout: Duration,
    answer_bytes_max: usize,
    answers: Arc<Semaphore>,
    /// Rung when a link's health changes.
    pub(crate) changed: Arc<Notify>,
    /// Rung when a peer has said how it is, or that it is there.
    pub(crate) asked: Arc<Notify>,
    begun: Instant,
    links: Arc<AtomicU32>,
}

pub(crate) struct Link {
    name: String,
    questions: Channel,
    tails: Channel,
    asker: Asker,
    health: Mutex<Health>,
    probe: Notify,
    metrics: PeerMetrics,
    /// In the round of refreshing.
    place: Duration,
}

/// Live records of a peer.
pub(crate) struct Followed(Answer);

impl Asker {
    pub(crate) fn new(identity: Identity, credentials: Arc<Credentials>, limits: &Limits) -> Asker {
        Asker {
            identity,
            credentials,
            timeout: limits.peer_timeout,
            answer_bytes_max: limits.peer_answer_bytes_max.as_usize(),
            answers: pool(limits.answers_bytes_max),
            changed: Arc::new(Notify::new()),
            asked: Arc::new(Notify::new()),
            begun: Instant::now(),
            links: Arc::default(),
        }
    }

    /// Of one answer.
    fn grant(&self) -> Arc<Grant> {
        Grant::new(self.answers.clone(), self.answer_bytes_max, "limits.peer_answer_bytes_max")
    }

    /// A link's place in the round of refreshing.
    fn place(&self) -> Duration {
        let links_before = self.links.fetch_add(1, Ordering::Relaxed);
        remainder(SPACING.saturating_mul(links_before))
    }

    /// The time until it is the turn of a place.
    fn until(&self, place: Duration) -> Duration {
        REFRESH - remainder((self.begun.elapsed() + REFRESH).saturating_sub(place))
    }
}

impl Link {
    /// `name` is the peer's query endpoint. Nothing is connected yet.
    pub(crate) fn new(name: String, asker: Asker, metrics: PeerMetrics) -> Result<Link, http::Error> {
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(name.as_str()).path_and_query(ASK_PATH);
        let uri = uri.build()?;
        let channel =
            |windows| Channel::new(uri.clone(), asker.credentials.clone(), windows, asker.asked.clone());
        let (questions, tails) = (channel(OF_QUESTIONS), channel(OF_TAILS));
        let (health, probe) = (Mutex::default(), Notify::new());
        let place = asker.place();
        Ok(Link { name, questions, tails, asker, health, probe, metrics, place })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn health(&self) -> Health {
        self.lock().clone()
    }

    /// The service that the peer stands next to, as far as known.
    pub(crate) fn service(&self) -> Option<String> {
        self.lock().service()
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, unless the peer is down.
    pub(crate) async fn ask<T: Body>(
        &self,
        ask: Ask,
        visited: &Visited,
        deadline: Instant,
    ) -> Result<Reply<T>, SourceError> {
        let refusal = self.lock().refusal();
        if let Some(error) = refusal {
            self.metrics.question("not_asked");
            return Err(error);
        }
        let (begun, before) = (Instant::now(), self.lock().identity);
        let answer = self.exchange(ask.passed_through(visited), deadline).await;
        self.metrics.question(answer.as_ref().err().map_or("ok", SourceError::reason));
        match &answer {
            Ok(reply) => self.note(|health| health.answered(begun.elapsed(), reply.identity, None)),
            Err(error) => self.note_failure(error, false),
        }
        if answer.as_ref().is_err_and(Health::is_suspicious) || self.lock().is_unknown() {
            self.probe.notify_one();
        }
        match (before, &answer) {
            // What the one before held is missing, and is not known as such before the next question.
            (Some(before), Ok(reply)) if reply.identity != Some(before) => {
                let detail = "another sidecar is there than a moment ago".to_owned();
                Err(SourceError::Peer(PeerFault::Unreachable, detail))
            }
            _ => answer,
        }
    }

    /// Records as they come; `Ok` once the peer has taken the question.
    pub(crate) async fn follow(&self, ask: Ask, visited: &Visited) -> Result<Followed, SourceError> {
        let until = Instant::now() + self.asker.timeout;
        let opened = timeout_at(until, async {
            let mut following = Followed(self.open(&self.tails, ask.passed_through(visited)).await?);
            match following.next().await? {
                Part::Begun(begun) => read_begun(&begun).map(|_| following),
                _ => Err(Garbage("an answer without its beginning").into()),
            }
        });
        opened.await.unwrap_or(Err(SourceError::Deadline))
    }

    /// Probes until told to stop: the peer's own task.
    pub(crate) async fn watch(self: Arc<Link>, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let wait = self.probe_once().await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.probe.notified() => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Asks who is there; the time until it should be asked again.
    async fn probe_once(&self) -> Duration {
        let begun = Instant::now();
        let ask = Ask::describe().passed_through(&Visited::by(self.asker.identity));
        let answer = self.exchange::<Description>(ask, begun + self.asker.timeout).await;
        match answer {
            Ok(reply) => {
                let (gateway, description) = (reply.beyond.is_some(), Some(reply.body));
                self.note(|health| {
                    health.gateway = gateway;
                    health.answered(begun.elapsed(), reply.identity, description);
                });
                self.asker.asked.notify_one();
                self.asker.until(self.place)
            }
            Err(error) => {
                self.note_failure(&error, true);
                self.pause()
            }
        }
    }

    /// Longer with every failure, and never the same for all.
    fn pause(&self) -> Duration {
        let failures = self.lock().failures.min(16);
        let pause = RETRY_MIN.saturating_mul(1 << failures.saturating_sub(1)).min(RETRY_MAX);
        pause.mul_f64(0.8 + 0.4 * fastrand::f64())
    }

    fn note_failure(&self, error: &SourceError, probed: bool) {
        if *error != SourceError::Itself {
            self.metrics.failed(error.reason(), UnixNanos::now());
        }
        self.note(|health| health.failed(error, probed));
    }

    fn note(&self, change: impl FnOnce(&mut Health)) {
        let changed = {
            let mut health = self.lock();
            let before = health.outline();
            change(&mut health);
            self.metrics.show(&health);
            let after = health.outline();
            (before != after).then(|| (before.0 != after.0 || before.1 != after.1, health.state.clone()))
        };
        let Some((is_news, state)) = changed else { return };
        self.asker.changed.notify_one();
        match state {
            _ if !is_news => {}
            State::Down(error) => {
                tracing::warn!(peer = self.name, reason = error.reason(), %error, "a peer is down");
            }
            state => tracing::info!(peer = self.name, state = state.as_str(), "a peer's state has changed"),
        }
    }

    async fn exchange<T: Body>(&self, ask: Ask, deadline: Instant) -> Result<Reply<T>, SourceError> {
        let begun = Instant::now();
        let mut until = deadline.min(begun + self.asker.timeout);
        let ask = ask.within(until.saturating_duration_since(begun));
        let opened = timeout_at(until, self.open(&self.questions, ask)).await;
        let mut answer = opened.unwrap_or(Err(SourceError::Deadline))?;
        let (mut reading, mut identity) = (Reading::<T>::default(), None);
        loop {
            let part = timeout_at(until, next_part(&mut answer)).await;
            let part = part.unwrap_or(Err(SourceError::Deadline))?;
            until = deadline.min(begun + self.asker.timeout + time_for(answer.grant().bytes_read()));
            match part {
                Part::Begun(begun) => {
                    identity = Some(read_begun(&begun)?);
                    self.lock().heard_of(begun.run, Instant::now());
                }
                part => {
                    if let Some(mut reply) = reading.read(part)? {
                        reply.identity = Some(identity.ok_or(Garbage("an answer without its beginning"))?);
                        // Its last frame has to come too, or to drop the call would reset it.
                        let _ = timeout_at(until, answer.next()).await;
                        reply.held.extend(answer.grant().take_permit());
                        return Ok(reply);
                    }
                }
            }
        }
    }

    async fn open(&self, channel: &Channel, ask: Ask) -> Result<Answer, SourceError> {
        call::call(channel, &ask, self.bearer(), self.asker.grant()).await
    }

    fn bearer(&self) -> Option<HeaderValue> {
        let token = self.asker.credentials.sent()?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.0)).ok()?;
        bearer.set_sensitive(true);
        Some(bearer)
    }
}

impl Followed {
    /// The next part, once nothing is held of the one before; an error ends it.
    pub(crate) async fn next(&mut self) -> Result<Part, SourceError> {
        self.0.grant().let_go();
        next_part(&mut self.0).await
    }
}

/// What is over of the last round that began.
fn remainder(time: Duration) -> Duration {
    Duration::from_nanos((time.as_nanos() % REFRESH.as_nanos()) as u64)
}

/// How much longer an answer may take for what has come of it.
fn time_for(bytes: usize) -> Duration {
    Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / PACE)
}

async fn next_part(answer: &mut Answer) -> Result<Part, SourceError> {
    let chunk = answer.next().await?;
    let broken = || SourceError::Peer(PeerFault::Unreachable, "the answer broke off".to_owned());
    Ok(chunk.ok_or_else(broken)?.part.ok_or(Garbage("a part of no kind"))?)
}

fn read_begun(begun: &Begun) -> Result<Identity, SourceError> {
    if begun.protocol != VERSION {
        let detail = format!("it speaks version {} of the protocol, this is {VERSION}", begun.protocol);
        return Err(SourceError::Peer(PeerFault::Version, detail));
    }
    Ok(Identity::from_bytes(&begun.identity).ok_or(Garbage("not an identity"))?)
}

#[cfg(test)]
mod tests;
