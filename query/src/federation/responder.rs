//! Answering when peers ask: the internal gRPC, on the query port, behind the same guard as everything there.
//!
//! A sidecar answers out of its own store and asks nobody, so that sidecars that all list each other ask each
//! other once and not in circles. A gateway, which has no store, asks its own peers; a question that has passed
//! through it before gets the answer "itself", and so a cycle of gateways is cut. A gateway passes on at most
//! `limits.peer_questions_max` questions of others at once, besides its own. A question has `limits.request_timeout` to
//! come, and all that are there at once take as much memory as one request may (`limits.request_bytes_max`). An answer is encoded piece by piece as
//! its reader takes it; a reader that goes away ends it.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response};
use futures_util::{Stream, StreamExt as _, stream};
use hyper::body::Incoming;
use spandrel_config::Limits;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::codec::{Codec as _, CompressionEncoding, EncodeBody, SingleMessageCompressionOverride};
use tonic_prost::ProstCodec;

use super::Identity;
use super::fan::Fan;
use super::fault::status_of;
use super::grant::{Grant, pool};
use super::messages::Messages;
use super::peers::Links;
use super::wire::{self, Absence, Ask, Asked, Begun, Chunk, End, Garbage, Part, VERSION, tail_chunks};
use crate::source::{Followed, GraphQuestion, PeerFault, Reply, Source, SourceError, TailEvent, Tailing};

/// A question is a filter and some numbers.
const QUESTION_BYTES_MAX: usize = 4 << 20;
const QUESTION_LIMIT: &str = "a question is a filter and some numbers";

/// Answers below this go as they are.
const COMPRESSED_BYTES_MIN: usize = 32 << 10;

const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ENCODING: &str = "grpc-encoding";

/// Events of a tail that are sent at once, if so many wait.
const TAIL_EVENTS: usize = 256;

type Chunks = Pin<Box<dyn Stream<Item = Result<Chunk, Status>> + Send>>;

pub(crate) struct Responder {
    identity: Identity,
    /// Of the process.
    run: u64,
    /// `None` in a gateway.
    local: Option<Arc<dyn Source>>,
    links: Arc<ArcSwap<Links>>,
    limits: Limits,
    tails: Arc<Semaphore>,
    /// The memory that questions take.
    questions: Arc<Semaphore>,
    /// Those of questions that are passed on.
    turns: Semaphore,
    /// Ends the tails.
    shutdown: CancellationToken,
}

/// An answer and whether it is small enough to go as it is.
struct Answer {
    chunks: Chunks,
    small: bool,
}

impl Answer {
    fn into_response(self, takes_zstd: bool) -> Response<tonic::body::Body> {
        let encoding = (takes_zstd && !self.small).then_some(CompressionEncoding::Zstd);
        let encoder = ProstCodec::<Chunk, Ask>::default().encoder();
        let of_messages = SingleMessageCompressionOverride::default();
        let body = EncodeBody::new_server(encoder, self.chunks, encoding, of_messages, None);
        let mut response = Response::new(tonic::body::Body::new(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        if encoding.is_some() {
            response.headers_mut().insert(ENCODING, HeaderValue::from_static("zstd"));
        }
        response
    }
}

fn takes_zstd(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.split(',').any(|encoding| encoding.trim() == "zstd"))
}

impl Responder {
    pub(crate) fn new(
        identity: Identity,
        local: Option<Arc<dyn Source>>,
        links: Arc<ArcSwap<Links>>,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Responder {
        let tails = Arc::new(Semaphore::new(limits.tails_max));
        let turns = Semaphore::new(limits.peer_questions_max);
        let questions = pool(limits.request_bytes_max);
        let run = fastrand::u64(1..);
        Responder { identity, run, local, links, limits, tails, questions, turns, shutdown }
    }

    /// What tonic's `server_streaming` does, but that it would compress every message of every answer: making a
    /// compressor and taking it down costs more than all else of a small one.
    pub(crate) async fn respond(&self, headers: &HeaderMap, body: Incoming) -> Response<Body> {
        let takes_zstd = takes_zstd(headers);
        let grant = Grant::new(self.questions.clone(), QUESTION_BYTES_MAX, QUESTION_LIMIT);
        let mut questions = Messages::<Ask, _>::new(body, false, grant);
        let question = timeout(self.limits.request_timeout, questions.next()).await;
        let answer = match question.unwrap_or(Err(SourceError::Deadline)) {
            Ok(Some(ask)) => self.answer(ask).await,
            Ok(None) => Err(Garbage("a call without a question").into()),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => answer.into_response(takes_zstd).map(Body::new),
            Err(error) => status_of(&error).into_http(),
        }
    }

    async fn answer(&self, ask: Ask) -> Result<Answer, SourceError> {
        if ask.protocol != VERSION {
            let detail =
                format!("the question is in version {} of the protocol, this is {VERSION}", ask.protocol);
            return Err(SourceError::Peer(PeerFault::Version, detail));
        }
        let visited = ask.visited()?.and(self.identity).ok_or(SourceError::Itself)?;
        let asked = ask.read(Instant::now() + self.limits.query_timeout)?;
        self.check(&asked)?;
        let (source, _turn): (Arc<dyn Source>, _) = match &self.local {
            Some(local) => (local.clone(), None),
            None => {
                let patience = Duration::from_millis(ask.timeout_ms).min(self.limits.query_timeout);
                let turn = timeout(patience, self.turns.acquire()).await.map_err(|_| SourceError::Busy)?;
                (Arc::new(Fan::new(&self.links.load(), &visited)), Some(turn))
            }
        };
        Ok(match asked {
            Asked::Trace(ask) => self.whole(source.trace(ask).await?),
            Asked::Search(ask) => self.whole(source.search(ask).await?),
            Asked::MatchingTraces(ask) => self.whole(source.matching_traces(ask).await?),
            Asked::Overviews(ask) => self.whole(source.overviews(ask).await?),
            Asked::Histogram(ask) => self.whole(source.histogram(ask).await?),
            Asked::Graph(ask) => {
                // A sample is an answer too, and says that it is one.
                let spans_max = ask.spans_max.min(self.limits.graph_spans_max);
                let ends_max = ask.ends_max.min(self.limits.graph_ends_max);
                let ask = GraphQuestion { spans_max, ends_max, ..ask };
                self.whole(source.graph(ask).await?)
            }
            Asked::Fields(ask) => self.whole(source.fields(ask).await?),
            Asked::Values(ask) => self.whole(source.values(ask).await?),
            Asked::Extent(deadline) => self.whole(source.extent(deadline).await?),
            Asked::Describe(deadline) => self.whole(source.describe(deadline).await?),
            Asked::Halves(ask) => self.whole(source.halves(ask).await?),
            Asked::Tail(filter) if self.local.is_none() => {
                let links = self.links.clone();
                let listed = move || Fan::sources(&links.load().asked, &visited);
                self.follow(Box::pin(Followed::new(Box::new(listed), filter)))?
            }
            Asked::Tail(filter) => self.follow(source.tail(filter))?,
        })
    }

    /// An answer cut to this sidecar's own limits would look whole to the asker, so that more is refused.
    fn check(&self, asked: &Asked) -> Result<(), SourceError> {
        let (wants, limits) = (asked.wants(), &self.limits);
        // One more than a page has tells whether there is another.
        let refused = [
            (wants.items > limits.list_max.saturating_add(1), "limits.list_max"),
            (wants.records > limits.trace_records_max, "limits.trace_records_max"),
            (wants.groups > limits.histogram_points_max, "limits.histogram_points_max"),
        ];
        match refused.iter().find(|(refused, _)| *refused) {
            Some((_, limit)) => {
                Err(SourceError::Failed(format!("the question asks for more than {limit} allows")))
            }
            None => Ok(()),
        }
    }

    fn begun(&self) -> Part {
        Part::Begun(Begun { protocol: VERSION, identity: self.identity.to_bytes().to_vec(), run: self.run })
    }

    fn whole<T: wire::Body>(&self, reply: Reply<T>) -> Answer {
        let end = Part::End(End::of(&reply));
        let held = reply.held;
        let mut parts = reply.body.into_parts();
        let (first, second) = (parts.next(), parts.next());
        let small = second.is_none() && first.as_ref().map_or(0, Part::encoded_len) < COMPRESSED_BYTES_MIN;
        let body = first.into_iter().chain(second).chain(parts);
        let all = std::iter::once(self.begun()).chain(body).chain(std::iter::once(end));
        let chunks = all.map(move |part| {
            // Granted for as long as the answer is on its way.
            let _ = &held;
            Ok(Chunk::from(part))
        });
        Answer { chunks: Box::pin(stream::iter(chunks)), small }
    }

    fn follow(&self, events: Tailing) -> Result<Answer, SourceError> {
        let turn = self.tails.clone().try_acquire_owned().map_err(|_| SourceError::Busy)?;
        let parts = events.ready_chunks(TAIL_EVENTS).flat_map(|events| stream::iter(tail_parts(events)));
        let parts = stream::iter([self.begun()]).chain(parts);
        let chunks = parts.take_until(self.shutdown.clone().cancelled_owned()).map(move |part| {
            // The turn is held as long as the stream is.
            let _ = &turn;
            Ok(Chunk::from(part))
        });
        Ok(Answer { chunks: Box::pin(chunks), small: true })
    }
}

fn tail_parts(events: Vec<TailEvent>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut records = Vec::new();
    for event in events {
        let other = match event {
            TailEvent::Record(record) => {
                records.push(record);
                continue;
            }
            TailEvent::Lagged(missed) => Part::Lagged(missed),
            TailEvent::Lost(absence) => Part::Lost(Absence::of(&absence)),
            TailEvent::Back(peer) => Part::Back(peer.name),
            // Who is not asked any more is not missing any more.
            TailEvent::Left { name, was_lost: true } => Part::Back(name),
            TailEvent::Left { .. } | TailEvent::Joined(_) => continue,
        };
        parts.extend(tail_chunks(std::mem::take(&mut records)).map(Part::Records));
        parts.push(other);
    }
    parts.extend(tail_chunks(records).map(Part::Records));
    parts
}

#[cfg(test)]
mod tests;
