//! Lines of text inputs: taken apart, understood, and handed on in batches.

pub(crate) mod body;
pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod joiner;
pub(crate) mod stream;

use std::time::Duration;

use bytes::Bytes;
use spandrel_config::Limits;
use spandrel_store::otlp::{KeyValue, Value};
use spandrel_store::{Flags, Receiver};

use self::joiner::JoinLimits;
use crate::content::Compression;
use crate::entries::{self, Entry, Gathering, Owner};
use crate::intake::Intake;
use crate::json_log::Beside;
use crate::normalise::attribute;
use crate::refusal::Refusal;

/// Lines of a chunk, whatever their size: what one costs beside its bytes counts as well.
pub(crate) const CHUNK_LINES_MAX: usize = 2_048;

/// A record is whole after so many times the delay for one line, whatever else comes: what goes on for ever is seen too.
pub(crate) const JOIN_DELAYS_MAX: u32 = 10;

/// One line, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawLine {
    pub(crate) bytes: Bytes,
    /// It was longer than `limits.line_bytes_max`; this is its start.
    pub(crate) cut: bool,
    /// Its line end was one of Windows, CR LF: inside a record of several lines that is kept as it came.
    pub(crate) windows_end: bool,
}

impl RawLine {
    pub(crate) fn whole(bytes: Bytes) -> RawLine {
        RawLine { bytes, cut: false, windows_end: false }
    }

    /// A line up to its line feed; what is cut has no end.
    pub(crate) fn up_to_feed(bytes: Bytes, cut: bool) -> RawLine {
        let mut bytes = bytes;
        let windows_end = !cut && bytes.ends_with(b"\r");
        bytes.truncate(bytes.len() - usize::from(windows_end));
        RawLine { bytes, cut, windows_end }
    }
}

/// How much is kept at once, so that a large body never takes more of the memory budget than that unfolds to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkLimits {
    pub(crate) bytes_max: usize,
    /// How long the lines of a stream wait for each other.
    pub(crate) delay: Duration,
    /// How much a record of several lines may be.
    pub(crate) join: JoinLimits,
    /// How long a record waits for its next line.
    pub(crate) join_delay: Duration,
}

/// Some lines, to be kept together.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) lines: Vec<RawLine>,
    bytes: usize,
    limits: ChunkLimits,
}

impl ChunkLimits {
    pub(crate) fn of(limits: &Limits) -> ChunkLimits {
        let (lines_max, bytes_max) = (limits.record_lines_max, limits.line_bytes_max.as_usize());
        ChunkLimits {
            bytes_max: limits.line_batch_bytes_max.as_usize(),
            delay: limits.line_batch_delay,
            join: JoinLimits { lines_max, bytes_max },
            join_delay: limits.record_lines_delay,
        }
    }
}

impl Chunk {
    pub(crate) fn new(limits: ChunkLimits) -> Chunk {
        Chunk { lines: Vec::new(), bytes: 0, limits }
    }

    pub(crate) fn push(&mut self, line: RawLine) {
        self.bytes += line.bytes.len();
        self.lines.push(line);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= self.limits.bytes_max || self.lines.len() >= CHUNK_LINES_MAX
    }

    /// The same lines in two; `None` where there is only one.
    pub(crate) fn halves(&self) -> Option<[Chunk; 2]> {
        let of = |lines: &[RawLine]| {
            let bytes = lines.iter().map(|line| line.bytes.len()).sum();
            Chunk { lines: lines.to_vec(), bytes, limits: self.limits }
        };
        let (first, second) = self.lines.split_at(self.lines.len() / 2);
        (!first.is_empty()).then(|| [of(first), of(second)])
    }
}

/// Where lines come from.
#[derive(Debug, Clone)]
pub(crate) struct LineOrigin {
    pub(crate) receiver: Receiver,
    pub(crate) resource: Vec<(String, String)>,
    /// Of each line.
    pub(crate) attributes: Vec<KeyValue>,
    /// How long a chunk waits for room before it is dropped; for ever without it.
    pub(crate) patience: Option<Duration>,
}

impl LineOrigin {
    pub(crate) fn new(receiver: Receiver, resource: Vec<(String, String)>) -> LineOrigin {
        LineOrigin { receiver, resource, attributes: Vec::new(), patience: None }
    }
}

/// Understands a chunk's lines and keeps them: how many there were. The chunk stays with the caller, who may
/// try again.
pub(crate) async fn keep(intake: &Intake, origin: &LineOrigin, chunk: &Chunk) -> Result<u64, Refusal> {
    let (lines, LineOrigin { receiver, resource, attributes, .. }) = (chunk.lines.clone(), origin.clone());
    let read = move |gathering: &mut Gathering| {
        let whose = LineOwner::new(&resource, attributes, None, gathering);
        lines.iter().try_for_each(|line| whose.take(line, gathering))
    };
    let size = (chunk.bytes, Compression::Identity);
    let (kept, ()) = entries::keep(intake, receiver, size, intake.admit()?, read).await?;
    Ok(kept)
}

/// Whose lines follow.
pub(crate) struct LineOwner {
    owner: Owner,
    /// Of each line.
    attributes: Vec<KeyValue>,
}

impl LineOwner {
    pub(crate) fn new(
        resource: &[(String, String)],
        attributes: Vec<KeyValue>,
        default_service: Option<&str>,
        gathering: &mut Gathering,
    ) -> LineOwner {
        let pairs = resource.iter();
        let resource = pairs.map(|(key, value)| attribute(key, Value::StringValue(value.clone()))).collect();
        let owner = gathering.owner(resource).with_default_service(default_service.unwrap_or_default());
        LineOwner { owner, attributes }
    }

    /// Turns a line into a record, or into those of the request that it is.
    pub(crate) fn take(&self, line: &RawLine, gathering: &mut Gathering) -> Result<(), Refusal> {
        if self.take_request(line, gathering)? {
            return Ok(());
        }
        let mut flags = Flags::NONE;
        if line.cut {
            gathering.cuts().lines += 1;
            flags.insert(Flags::CUT);
        }
        gathering.entry(Entry {
            owner: &self.owner,
            line: &line.bytes,
            original: Some(&line.bytes),
            beside: Beside::default(),
            attributes: self.attributes.clone(),
            flags,
        })
    }

    /// Turns a line that is a request of OTLP into its records; whether it is one.
    pub(crate) fn take_request(&self, line: &RawLine, gathering: &mut Gathering) -> Result<bool, Refusal> {
        match export::request(&line.bytes).filter(|_| !line.cut) {
            Some(request) => gathering.request(&request, &line.bytes, &self.owner, &self.attributes),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests;
