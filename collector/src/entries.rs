//! Log entries: lines, with what is said beside them: whose they are, when, how bad.
//!
//! In comes one entry after the other, of a protocol as its reader walks through a body or of plain lines; each becomes
//! a record at once and is charged to the memory budget, so that no body unfolds as a whole before it is known that
//! there is room. The entries of one call of [`keep`] are kept together, or none of them is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use serde::de::IgnoredAny;
use spandrel_store::otlp::{KeyValue, LogRecord, Resource, Value};
use spandrel_store::record::value::text_attribute;
use spandrel_store::{Flags, NewBody, NewRecord, Permit, Receiver, UnixNanos};

use crate::admission::Admission;
use crate::body::compression;
use crate::content::Compression;
use crate::intake::{self, Intake};
use crate::json_log::{Beside, LineReader, Rules};
use crate::normalise::{Context, Cuts, Normaliser, RecordLimits, attribute};
use crate::otlp::json::Added;
use crate::otlp::{self, Signal};
use crate::refusal::Refusal;

const SERVICE_NAME: &str = "service.name";

/// Owners of which the resources are shared, times the services that their lines name.
const CONTEXTS_MAX: usize = 64;

/// Whose entries they are: the attributes of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    attributes: Arc<[KeyValue]>,
    names_service: bool,
    /// Of lines that name none, where the attributes don't.
    default_service: String,
    flags: Flags,
    number: u64,
}

/// One entry, as its protocol has it.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) owner: &'a Owner,
    /// What is to be understood.
    pub(crate) line: &'a [u8],
    /// What was sent, byte for byte, where the protocol has a line.
    pub(crate) original: Option<&'a [u8]>,
    pub(crate) beside: Beside,
    /// Beside those that the line itself has.
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) flags: Flags,
}

/// Turns entries into records.
#[derive(Debug)]
pub(crate) struct Gathering {
    normaliser: Normaliser,
    rules: Arc<Rules>,
    body_bytes_max: usize,
    owners: u64,
    /// By owner, and by the service that the lines name themselves where the owner doesn't.
    contexts: HashMap<(u64, String), Context, RandomState>,
}

/// Entries as records.
pub(crate) struct Gathered {
    pub(crate) received: UnixNanos,
    pub(crate) records: Vec<NewRecord<NewBody>>,
    pub(crate) permit: Option<Permit>,
    pub(crate) cuts: Cuts,
}

/// Keeps the entries that `read` gathers: how many there were, and what it returns. What it reads has so many bytes,
/// and unfolds where it is compressed.
pub(crate) async fn keep<T: Send + 'static>(
    intake: &Intake,
    receiver: Receiver,
    size: (usize, Compression),
    admission: Admission,
    read: impl FnOnce(&mut Gathering) -> Result<T, Refusal> + Send + 'static,
) -> Result<(u64, T), Refusal> {
    let (Gathered { received, records, permit, cuts }, read) = gather(intake, size, admission, read).await?;
    let kept = intake.keep(receiver, Signal::Logs, received, records, permit).await?;
    intake.counters.cut(&cuts);
    Ok((kept, read))
}

/// The same, and nothing is kept yet.
pub(crate) async fn gather<T: Send + 'static>(
    intake: &Intake,
    (size, compression): (usize, Compression),
    admission: Admission,
    read: impl FnOnce(&mut Gathering) -> Result<T, Refusal> + Send + 'static,
) -> Result<(Gathered, T), Refusal> {
    let start = Start::of(intake);
    let gather = move || {
        let mut gathering = start.gathering(admission);
        let read = read(&mut gathering)?;
        // The body's bytes are given back: its records hold copies of what they need.
        Ok((gathering.finish(), read))
    };
    intake::run(size, compression, gather).await
}

/// What a gathering begins with.
struct Start {
    limits: RecordLimits,
    rules: Arc<Rules>,
    body_bytes_max: usize,
}

impl Start {
    fn of(intake: &Intake) -> Start {
        let (limits, rules) = (intake.record_limits, intake.rules.clone());
        Start { limits, rules, body_bytes_max: intake.body_limits.bytes_max }
    }

    fn gathering(self, admission: Admission) -> Gathering {
        let normaliser = Normaliser::new(UnixNanos::now(), self.limits, admission);
        Gathering::new(normaliser, self.rules, self.body_bytes_max)
    }
}

impl Owner {
    /// Whose the lines are that name no service themselves, where the attributes don't either.
    pub(crate) fn with_default_service(self, service: &str) -> Owner {
        Owner { default_service: service.to_owned(), ..self }
    }
}

impl Gathering {
    pub(crate) fn new(normaliser: Normaliser, rules: Arc<Rules>, body_bytes_max: usize) -> Gathering {
        Gathering { normaliser, rules, body_bytes_max, owners: 0, contexts: HashMap::default() }
    }

    pub(crate) fn finish(self) -> Gathered {
        let mut normaliser = self.normaliser;
        let (records, permit) = normaliser.take_records();
        Gathered { received: normaliser.received, records, permit, cuts: normaliser.cuts }
    }

    /// What a body, or a part of one, may unfold to.
    pub(crate) fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    /// Unfolds a body, or a part of one, within its limit.
    pub(crate) fn decompress(&mut self, compression: Compression, body: Bytes) -> Result<Bytes, Refusal> {
        compression::decompress(compression, body, self.body_bytes_max, self.normaliser.admission())
    }

    pub(crate) fn limits(&self) -> RecordLimits {
        self.normaliser.limits
    }

    pub(crate) fn cuts(&mut self) -> &mut Cuts {
        &mut self.normaliser.cuts
    }

    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.normaliser.charge(bytes)
    }

    /// Whose entries follow.
    pub(crate) fn owner(&mut self, attributes: Vec<KeyValue>) -> Owner {
        let (attributes, flags) = self.within(attributes, self.limits().attributes_max);
        let names_service = text_attribute(&attributes, SERVICE_NAME).is_some();
        self.owners += 1;
        let (attributes, default_service) = (attributes.into(), String::new());
        Owner { attributes, names_service, default_service, flags, number: self.owners }
    }

    /// Ids and level among fields.
    pub(crate) fn beside(&self, fields: &[KeyValue]) -> Beside {
        Beside::of_fields(fields, self.normaliser.received, &self.rules)
    }

    /// A time that a relay wrote at the start of a text, for `beside`: how many bytes of the text it takes.
    pub(crate) fn relayed_at(&self, beside: &mut Beside, text: &str) -> Option<usize> {
        beside.relayed_at_text(text, self.normaliser.received, &self.rules)
    }

    pub(crate) fn entry(&mut self, entry: Entry<'_>) -> Result<(), Refusal> {
        const ATTRIBUTE_BYTES: usize = size_of::<KeyValue>();
        let Entry { owner, line, original, beside, attributes, flags } = entry;
        // Inside a record line ends are read as one kind; the original has them as they came.
        let line = &*with_plain_ends(line);
        let (line, cut) = self.cut(line);
        // What a line unfolds to is bounded by its length and by its attributes.
        self.charge(size_of::<LogRecord>() + 2 * line.len())?;
        let Normaliser { limits, cuts, received, .. } = &mut self.normaliser;
        let mut reader = LineReader { limits, rules: &self.rules, cuts };
        let mut understood = reader.understand_with(line, beside, *received);
        // Of the line's own, its reader has cut what is beyond the limit.
        let room = self.limits().attributes_max.saturating_sub(understood.log.attributes.len());
        let (attributes, cut_of_attributes) = self.within(attributes, room);
        understood.log.attributes.extend(attributes);
        let mut flags = flags;
        for more in [understood.flags, cut, cut_of_attributes, owner.flags] {
            flags.insert(more);
        }
        // Its observed time is the arrival, which nobody sent.
        if understood.log.time_unix_nano == 0 && !flags.contains(Flags::ABSURD_TIME) {
            flags.insert(Flags::NO_TIME);
        }
        self.charge(understood.log.attributes.len() * ATTRIBUTE_BYTES)?;
        let service = match understood.service {
            _ if owner.names_service => String::new(),
            Some(service) => service,
            None => owner.default_service.clone(),
        };
        let context = self.context(owner, service);
        let bytes_max = if cut == Flags::CUT { self.limits().line_bytes_max } else { usize::MAX };
        let kept = |original: &[u8]| Bytes::copy_from_slice(&original[..original.len().min(bytes_max)]);
        let original = original.map(kept);
        self.normaliser.log(&context, understood.log, flags, original)
    }

    /// The logs of a request of OTLP in JSON, with what is known of them beside it; whether there were any. What is no
    /// such request has none, and nothing of it is kept. The line that the request came in is the `original` of its
    /// first log: once, however many there are, for each is a part of it.
    pub(crate) fn request(
        &mut self,
        request: &str,
        line: &[u8],
        owner: &Owner,
        attributes: &[KeyValue],
    ) -> Result<bool, Refusal> {
        let (before, cuts) = (self.normaliser.records.len(), self.normaliser.cuts);
        let mut resource = owner.attributes.to_vec();
        if !owner.names_service && !owner.default_service.is_empty() {
            resource.push(attribute(SERVICE_NAME, Value::StringValue(owner.default_service.clone())));
        }
        let added = Added { resource: &resource, attributes };
        match otlp::json::read_logs(request.as_bytes(), &added, &mut self.normaliser) {
            Ok(()) => {
                let has_logs = self.normaliser.records.len() > before;
                if has_logs {
                    self.charge(line.len())?;
                    self.normaliser.records[before].original = Some(Bytes::copy_from_slice(line));
                }
                Ok(has_logs)
            }
            Err(Refusal::Undecodable(_)) => {
                self.normaliser.cuts = cuts;
                Ok(false)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// JSON is read whole, and what is too long inside it is cut there, so that its ids and its level are not lost
    /// with the end of the line.
    fn cut<'l>(&mut self, line: &'l [u8]) -> (&'l [u8], Flags) {
        let bytes_max = self.normaliser.limits.line_bytes_max;
        if line.len() <= bytes_max || serde_json::from_slice::<IgnoredAny>(line).is_ok() {
            return (line, Flags::NONE);
        }
        self.normaliser.cuts.lines += 1;
        (&line[..bytes_max], Flags::CUT)
    }

    fn within(&mut self, attributes: Vec<KeyValue>, attributes_max: usize) -> (Vec<KeyValue>, Flags) {
        let mut attributes = attributes;
        if attributes.len() <= attributes_max {
            return (attributes, Flags::NONE);
        }
        self.normaliser.cuts.attributes += (attributes.len() - attributes_max) as u64;
        attributes.truncate(attributes_max);
        (attributes, Flags::CUT)
    }

    fn context(&mut self, owner: &Owner, service: String) -> Context {
        let key = (owner.number, service);
        if let Some(context) = self.contexts.get(&key) {
            return context.clone();
        }
        let named = (!key.1.is_empty()).then(|| attribute(SERVICE_NAME, Value::StringValue(key.1.clone())));
        let attributes = named.into_iter().chain(owner.attributes.iter().cloned()).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let resource = self.normaliser.resource(Some(resource), String::new(), Flags::NONE);
        let context = self.normaliser.scope(&resource, None, String::new(), Flags::NONE);
        if self.contexts.len() >= CONTEXTS_MAX {
            self.contexts.clear();
        }
        self.contexts.insert(key, context.clone());
        context
    }
}

/// Each CR LF as LF.
fn with_plain_ends(line: &[u8]) -> Cow<'_, [u8]> {
    // Of nearly every line this is all that is looked at.
    if memchr::memchr(b'\r', line).is_none() {
        return Cow::Borrowed(line);
    }
    let (mut plain, mut start) = (Vec::with_capacity(line.len()), 0);
    for end in memchr::memmem::find_iter(line, b"\r\n") {
        plain.extend_from_slice(&line[start..end]);
        start = end + 1;
    }
    plain.extend_from_slice(&line[start..]);
    Cow::Owned(plain)
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests;
