//! The one seam of the query engine: who can answer questions about records.
//!
//! A source is this sidecar's own store, or another sidecar behind the internal gRPC. The engine asks all of
//! them the same question and merges; it knows nothing of where a source keeps its records, and a source knows
//! nothing of the others. Questions and answers are plain values: they can cross a network. Every order is
//! newest first, ties by id, as [`Position`] has it.

mod follow;
mod footprint;
mod local;
mod room;
mod roster;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::Stream;
use spandrel_store::filter::Field;
use spandrel_store::snapshot::{FieldInfo, Gap, Position, Series, TraceRecords, Values};
use spandrel_store::{Filter, ReadError, Record, TimeRange, TraceId, TraceIdMatch, UnixNanos};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::coverage::Absence;
use crate::federation::Identity;
use crate::graph::PartialGraph;
use crate::span_metrics::{Cursor, Offered};

pub use crate::engine::overview::Overview;
pub use follow::Followed;
pub(crate) use footprint::record_bytes;
pub use local::LocalSource;
pub(crate) use local::UNCHARGED_BYTES_MAX;
pub use room::Room;
pub use roster::{Aside, Roster, Standing};

/// An answer on its way.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<Reply<T>, SourceError>> + Send + 'a>>;

/// Live records on their way; ends only when the source does.
pub type Tailing = Pin<Box<dyn Stream<Item = TailEvent> + Send>>;

/// Somebody who holds records. Every call keeps to the deadline of its question on its own; the engine
/// doesn't rely on it.
pub trait Source: Send + Sync + 'static {
    fn peer(&self) -> Peer;
    /// The whole trace, up to `records_max`.
    fn trace(&self, ask: TraceQuestion) -> Answering<'_, TraceRecords>;
    /// The first records after a place, at most `limit`, or fewer but one where they are large: see [`Reply::is_cut`].
    fn search(&self, ask: PageQuestion) -> Answering<'_, Vec<Arc<Record>>>;
    /// The traces of the records after a place, each once and at the newest of them, at most `limit`.
    fn matching_traces(&self, ask: PageQuestion) -> Answering<'_, Vec<TraceMatch>>;
    /// What this source knows of each of these traces; nothing for those it has nothing of.
    fn overviews(&self, ask: OverviewQuestion) -> Answering<'_, Vec<Overview>>;
    fn histogram(&self, ask: CountQuestion) -> Answering<'_, Vec<Series>>;
    /// Who calls whom, as far as this source's own spans tell.
    fn graph(&self, ask: GraphQuestion) -> Answering<'_, Vec<PartialGraph>>;
    fn fields(&self, ask: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>>;
    fn values(&self, ask: ValuesQuestion) -> Answering<'_, Values>;
    /// The least and the greatest event time held.
    fn extent(&self, deadline: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>>;
    /// What this source is and holds.
    fn describe(&self, deadline: Instant) -> Answering<'_, Description>;
    /// Halves of calls whose other half is not here, from a place on; none of whoever keeps none.
    fn halves(&self, ask: HalvesQuestion) -> Answering<'_, Offered> {
        let none = Offered { from: ask.after.unwrap_or_default(), ..Offered::default() };
        Box::pin(std::future::ready(Ok(Reply { body: none, ..Reply::default() })))
    }
    /// The matching records from now on, as they are acknowledged.
    fn tail(&self, filter: Filter) -> Tailing;
    /// How it has been to ask this source lately, where it is asked over a network.
    fn standing(&self) -> Option<Standing> {
        None
    }
}

/// Who a source is, in coverage and in the list of peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its query endpoint, `host:port`.
    pub name: String,
    /// The service it stands next to, where that is known.
    pub service: Option<String>,
    /// Whether it is this very sidecar.
    pub local: bool,
}

/// Which records a question is about.
#[derive(Debug, Clone)]
pub struct Question {
    pub filter: Filter,
    pub range: TimeRange,
    pub deadline: Instant,
}

#[derive(Debug, Clone)]
pub struct TraceQuestion {
    pub id: TraceIdMatch,
    pub records_max: usize,
    pub deadline: Instant,
}

#[derive(Debug, Clone)]
pub struct PageQuestion {
    pub about: Question,
    pub after: Option<Position>,
    pub limit: usize,
}

#[derive(Debug, Clone, Copy)]
pub struct HalvesQuestion {
    pub after: Option<Cursor>,
    pub halves_max: usize,
    pub deadline: Instant,
}

#[derive(Debug, Clone)]
pub struct OverviewQuestion {
    pub about: Question,
    pub ids: Vec<TraceId>,
    pub records_max: usize,
}

#[derive(Debug, Clone)]
pub struct CountQuestion {
    pub about: Question,
    pub step_ns: u64,
    /// Where a step begins; 0: at multiples of its length.
    pub origin_ns: u64,
    pub by: Vec<Field>,
    pub groups_max: usize,
}

/// The filter says which spans count as calls; who called is told whatever it says.
#[derive(Debug, Clone)]
pub struct GraphQuestion {
    pub about: Question,
    /// Spans held at once; of more, those of some of the traces.
    pub spans_max: usize,
    /// Ends of calls in the answer.
    pub ends_max: usize,
}

#[derive(Debug, Clone)]
pub struct FieldsQuestion {
    pub fields_max: usize,
    pub deadline: Instant,
}

#[derive(Debug, Clone)]
pub struct ValuesQuestion {
    pub about: Question,
    pub field: Field,
    pub values_max: usize,
}

/// An answer, with what it does not say by itself.
#[derive(Debug, Default)]
pub struct Reply<T> {
    pub body: T,
    /// There is more than the body says, which ends where an answer got too large.
    pub is_cut: bool,
    /// What the source had and cannot answer for, whatever the question.
    pub gaps: Vec<Gap>,
    /// Attributes that the question names and no record of this source has.
    pub unknown: Vec<Field>,
    /// Of a gateway: whose answers these are. `None`: the source's own.
    pub beyond: Option<Beyond>,
    /// Who really answered, so that one sidecar under two names is counted once.
    pub identity: Option<Identity>,
    /// The memory that the answer was granted, for as long as it is held.
    pub held: Vec<OwnedSemaphorePermit>,
}

impl<T> Reply<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reply<U> {
        let Reply { body, is_cut, gaps, unknown, beyond, identity, held } = self;
        Reply { body: f(body), is_cut, gaps, unknown, beyond, identity, held }
    }
}

/// What a gateway's answer includes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beyond {
    pub asked: usize,
    pub answered: usize,
    pub missing: Vec<Absence>,
}

/// A trace with a matching record, and the newest of those after the place asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceMatch {
    pub trace_id: TraceId,
    pub newest: Position,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The version of the program that answers.
    pub version: String,
    pub services: Vec<String>,
    pub record_count: u64,
    /// The least and the greatest event time held.
    pub extent: Option<(UnixNanos, UnixNanos)>,
}

#[derive(Debug, Clone)]
pub enum TailEvent {
    Record(Arc<Record>),
    /// The reader was too slow: so many batches of records were passed over.
    Lagged(u64),
    /// A source does not tell of its records any more.
    Lost(Absence),
    /// It does again.
    Back(Peer),
    /// A source that was not asked before is followed from now on. Of an engine's tail alone.
    Joined(Peer),
    /// This one is not asked any more. `was_lost`: that its records are missing had been told.
    Left {
        name: String,
        was_lost: bool,
    },
}

/// Why a source did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("no answer before the deadline")]
    Deadline,
    #[error("too many questions at once")]
    Busy,
    #[error(
        "no room for the answer beside others (limits.answers_bytes_max): ask again, for less, or raise it"
    )]
    NoRoom,
    /// The question itself is at fault; every source would say so.
    #[error("{0}")]
    Rejected(String),
    #[error("{0}")]
    Failed(String),
    /// A peer with whom something is wrong.
    #[error("{1}")]
    Peer(PeerFault, String),
    /// The source is the asker itself, or somebody who is being asked already: nothing is missing.
    #[error("this is the asker itself")]
    Itself,
}

/// What is wrong with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerFault {
    /// No connection, or it broke.
    Unreachable,
    /// Nothing listens there.
    Refused,
    /// It does not accept these credentials, or shows none that are accepted here.
    Unauthorized,
    /// It speaks another version of the protocol.
    Version,
    /// What it sends is not the protocol.
    Garbage,
    /// Its answer is larger than allowed.
    TooLarge,
}

impl PeerFault {
    pub const ALL: [PeerFault; 6] = [
        PeerFault::Unreachable,
        PeerFault::Refused,
        PeerFault::Unauthorized,
        PeerFault::Version,
        PeerFault::Garbage,
        PeerFault::TooLarge,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PeerFault::Unreachable => "unreachable",
            PeerFault::Refused => "refused",
            PeerFault::Unauthorized => "unauthorized",
            PeerFault::Version => "version",
            PeerFault::Garbage => "garbage",
            PeerFault::TooLarge => "too_large",
        }
    }
}

impl SourceError {
    /// The word for it in coverage.
    pub fn reason(&self) -> &'static str {
        match self {
            SourceError::Deadline => "timeout",
            SourceError::Busy | SourceError::NoRoom => "busy",
            SourceError::Rejected(_) => "rejected",
            SourceError::Failed(_) => "failed",
            SourceError::Peer(fault, _) => fault.as_str(),
            SourceError::Itself => "itself",
        }
    }
}

impl From<ReadError> for SourceError {
    fn from(error: ReadError) -> SourceError {
        match error {
            ReadError::Deadline | ReadError::Stopped => SourceError::Deadline,
            error @ ReadError::TooManyGroups { .. } => SourceError::Rejected(error.to_string()),
            error @ ReadError::Index { .. } => SourceError::Failed(error.to_string()),
        }
    }
}
