//! Lines of text inputs: taken apart, understood, and handed on in batches.

pub(crate) mod body;
pub(crate) mod feed;
pub(crate) mod joiner;
pub(crate) mod stream;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use spandrel_config::Limits;
use spandrel_store::otlp::{KeyValue, LogRecord, Resource, Value};
use spandrel_store::{Flags, Receiver, UnixNanos};

use self::joiner::JoinLimits;
use crate::content::Compression;
use crate::intake::{self, Intake};
use crate::json_log::{LineReader, Rules};
use crate::normalise::{Context, Normaliser, attribute};
use crate::otlp::Signal;
use crate::refusal::Refusal;

/// Lines of a chunk, whatever their size: what one costs beside its bytes counts as well.
pub(crate) const CHUNK_LINES_MAX: usize = 2_048;

/// Different services that the lines of one chunk name, of which the resources are shared.
const SERVICES_MAX: usize = 64;

/// One line, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawLine {
    pub(crate) bytes: Bytes,
    /// It was longer than `limits.line_bytes_max`; this is its start.
    pub(crate) cut: bool,
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
    let (limits, admission) = (intake.record_limits, intake.admit()?);
    let received = UnixNanos::now();
    let (lines, resource) = (chunk.lines.clone(), origin.resource.clone());
    let attributes = origin.attributes.clone();
    let rules = intake.rules.clone();
    let understand = move || {
        let normaliser = Normaliser::new(received, limits, admission);
        let mut understanding = Understanding::new(normaliser, rules, resource);
        understanding.attributes = attributes;
        lines.into_iter().try_for_each(|line| understanding.line(&line))?;
        Ok(understanding.normaliser)
    };
    let mut normaliser = intake::run(chunk.bytes, Compression::Identity, understand).await?;
    let cuts = normaliser.cuts;
    let (records, permit) = normaliser.take_records();
    drop(normaliser);
    let kept = intake.keep(origin.receiver, Signal::Logs, received, records, permit).await?;
    intake.counters.cut(&cuts);
    Ok(kept)
}

/// Turns lines into records.
pub(crate) struct Understanding {
    pub(crate) normaliser: Normaliser,
    rules: Arc<Rules>,
    resource: Vec<(String, String)>,
    names_service: bool,
    /// Of each line.
    attributes: Vec<KeyValue>,
    /// Of lines that name none.
    default_service: String,
    /// By the service that the lines name themselves; empty where they don't, or where the resource does.
    contexts: HashMap<String, Context>,
}

impl Understanding {
    pub(crate) fn new(
        normaliser: Normaliser,
        rules: Arc<Rules>,
        resource: Vec<(String, String)>,
    ) -> Understanding {
        let names_service = names_service(&resource);
        Understanding {
            normaliser,
            rules,
            resource,
            names_service,
            attributes: Vec::new(),
            default_service: String::new(),
            contexts: HashMap::new(),
        }
    }

    /// The lines that follow come from somewhere else.
    pub(crate) fn turn_to(
        &mut self,
        resource: &[(String, String)],
        attributes: &[KeyValue],
        default_service: Option<&str>,
    ) {
        self.names_service = names_service(resource);
        self.resource = resource.to_vec();
        self.attributes = attributes.to_vec();
        self.default_service = default_service.unwrap_or_default().to_owned();
        self.contexts.clear();
    }

    pub(crate) fn line(&mut self, line: &RawLine) -> Result<(), Refusal> {
        // What a line unfolds to is bounded by its length and by its attributes.
        self.normaliser.charge(size_of::<LogRecord>() + 2 * line.bytes.len())?;
        let Normaliser { limits, cuts, received, .. } = &mut self.normaliser;
        let mut reader = LineReader { limits, rules: &self.rules, cuts };
        let mut understood = reader.understand(&line.bytes, *received);
        understood.log.attributes.extend(self.attributes.iter().cloned());
        let mut flags = understood.flags;
        if line.cut {
            self.normaliser.cuts.lines += 1;
            flags.insert(Flags::CUT);
        }
        const ATTRIBUTE_BYTES: usize = size_of::<spandrel_store::otlp::KeyValue>();
        self.normaliser.charge(understood.log.attributes.len() * ATTRIBUTE_BYTES)?;
        let service = understood.service.unwrap_or_else(|| self.default_service.clone());
        let service = if self.names_service { String::new() } else { service };
        let context = self.context(service);
        // Copied, so that no record keeps the whole body in memory.
        let original = Bytes::copy_from_slice(&line.bytes);
        self.normaliser.log(&context, understood.log, flags, Some(original))
    }

    fn context(&mut self, service: String) -> Context {
        if let Some(context) = self.contexts.get(&service) {
            return context.clone();
        }
        let named = (!service.is_empty()).then(|| ("service.name".to_owned(), service.clone()));
        let pairs = named.into_iter().chain(self.resource.iter().cloned());
        let attributes = pairs.map(|(key, value)| attribute(&key, Value::StringValue(value))).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let resource = self.normaliser.resource(Some(resource), String::new(), Flags::NONE);
        let context = self.normaliser.scope(&resource, None, String::new(), Flags::NONE);
        if self.contexts.len() >= SERVICES_MAX {
            self.contexts.clear();
        }
        self.contexts.insert(service, context.clone());
        context
    }
}

fn names_service(resource: &[(String, String)]) -> bool {
    resource.iter().any(|(key, _)| key == "service.name")
}
