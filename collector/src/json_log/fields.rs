//! Finding a log's own fields among the keys of a JSON object, and taking them out of it.

use spandrel_store::id::notation::{Digits, NotAnId, TraceContext};
use spandrel_store::otlp::{AnyValue, KeyValue, Value};
use spandrel_store::{Flags, SpanId, TraceId};

use super::Findings;
use super::level::{self, LineLevel};
use super::names::{self, Role};
use super::time::{self, Sent};

/// Fields are looked for down to this many keys deep: `{"extra": {"context": {"trace_id": …}}}`.
const PATH_MAX: usize = 3;

/// A field that was understood.
struct Candidate {
    rank: usize,
    /// The places in the nested lists, outermost first.
    path: Vec<usize>,
    meaning: Meaning,
}

enum Meaning {
    /// The id, and whether it stood there as answers write it, so that nothing is lost by taking it.
    TraceId(Result<TraceId, NotAnId>, bool),
    SpanId(Result<SpanId, NotAnId>, bool),
    Context(TraceContext),
    Level(LineLevel),
    Time(Sent),
    Message(String),
    Service(String),
}

/// The best candidate of each role.
#[derive(Default)]
struct Best {
    trace_id: Option<Candidate>,
    span_id: Option<Candidate>,
    context: Option<Candidate>,
    level: Option<Candidate>,
    time: Option<Candidate>,
    message: Option<Candidate>,
    service: Option<Candidate>,
}

/// What the fields tell; those that are consumed are no attributes any more.
pub(super) fn find(fields: Vec<KeyValue>) -> Findings {
    let mut fields = fields;
    let mut best = Best::default();
    look_through(&fields, &mut Vec::new(), &mut Vec::new(), &mut best);
    let mut findings = Findings::default();
    let mut consumed = Vec::new();
    for candidate in best.into_candidates() {
        if findings.take(candidate.meaning) {
            consumed.push(candidate.path);
        }
    }
    findings.level = findings.level.take().or_else(|| level_left_out(&fields));
    // From the last place to the first, so that removing one does not move the others.
    consumed.sort();
    for path in consumed.into_iter().rev() {
        remove(&mut fields, &path);
    }
    findings.attributes = fields;
    findings
}

fn look_through<'f>(fields: &'f [KeyValue], keys: &mut Vec<&'f str>, path: &mut Vec<usize>, best: &mut Best) {
    for (place, field) in fields.iter().enumerate() {
        let Some(value) = field.value.as_ref().and_then(|value| value.value.as_ref()) else { continue };
        keys.push(&field.key);
        path.push(place);
        match value {
            Value::KvlistValue(map) if path.len() < PATH_MAX => look_through(&map.values, keys, path, best),
            Value::KvlistValue(_) | Value::ArrayValue(_) => {}
            scalar => {
                if let Some((role, rank)) = names::role(keys)
                    && let Some(meaning) = understand(role, scalar)
                    && !(meaning.is_no_id() && matches!(role, Role::BareTraceId | Role::BareSpanId))
                {
                    best.consider(Candidate { rank, path: path.clone(), meaning });
                }
            }
        }
        keys.pop();
        path.pop();
    }
}

impl Meaning {
    fn is_no_id(&self) -> bool {
        matches!(self, Meaning::TraceId(Err(_), _) | Meaning::SpanId(Err(_), _))
    }
}

/// What a value means in a role; `None` where it cannot have it.
fn understand(role: Role, value: &Value) -> Option<Meaning> {
    match role {
        Role::TraceId(digits) => trace_id(&id_text(value)?, digits),
        Role::SpanId(digits) => span_id(&id_text(value)?, digits),
        Role::BareTraceId => trace_id(&id_text(value).filter(|text| text.len() == 32)?, Digits::Hex),
        Role::BareSpanId => span_id(&id_text(value).filter(|text| text.len() == 16)?, Digits::Hex),
        Role::Context => TraceContext::from_text(&id_text(value)?, Digits::Hex).ok().map(Meaning::Context),
        Role::Level(scale) => level::of_value(value, scale).map(Meaning::Level),
        Role::Time => time::of_value(value).map(Meaning::Time),
        Role::Message => match value {
            Value::StringValue(text) => Some(Meaning::Message(text.clone())),
            _ => None,
        },
        Role::Service => match value {
            Value::StringValue(text) if !text.is_empty() => Some(Meaning::Service(text.clone())),
            _ => None,
        },
    }
}

/// Ids are text, or numbers as Datadog writes them.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.trim().to_owned()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An empty or all-zero id is how loggers write "none": nothing to find, and nothing bad.
fn trace_id(text: &str, digits: Digits) -> Option<Meaning> {
    match TraceContext::from_text(text, digits) {
        Ok(TraceContext { trace_id, span_id: None }) => {
            Some(Meaning::TraceId(Ok(trace_id), trace_id.to_string() == text))
        }
        Ok(context) => Some(Meaning::Context(context)),
        Err(NotAnId::Unknown) => Some(Meaning::TraceId(Err(NotAnId::Unknown), false)),
        Err(_) => None,
    }
}

fn span_id(text: &str, digits: Digits) -> Option<Meaning> {
    match SpanId::from_text(text, digits) {
        Ok(span_id) => Some(Meaning::SpanId(Ok(span_id), span_id.to_string() == text)),
        Err(NotAnId::Unknown) => Some(Meaning::SpanId(Err(NotAnId::Unknown), false)),
        Err(_) => None,
    }
}

impl Best {
    fn consider(&mut self, candidate: Candidate) {
        let place = match &candidate.meaning {
            Meaning::TraceId(..) => &mut self.trace_id,
            Meaning::SpanId(..) => &mut self.span_id,
            Meaning::Context(_) => &mut self.context,
            Meaning::Level(_) => &mut self.level,
            Meaning::Time(_) => &mut self.time,
            Meaning::Message(_) => &mut self.message,
            Meaning::Service(_) => &mut self.service,
        };
        if place.as_ref().is_none_or(|best| candidate.order() < best.order()) {
            *place = Some(candidate);
        }
    }

    /// Ids of their own fields go before those of a propagation header.
    fn into_candidates(self) -> impl Iterator<Item = Candidate> {
        let ids = [self.trace_id, self.span_id, self.context];
        let rest = [self.level, self.time, self.message, self.service];
        ids.into_iter().chain(rest).flatten()
    }
}

impl Candidate {
    /// What is no id gives way to what is one, whatever their names; so does a time that cannot be told.
    fn order(&self) -> (bool, usize) {
        let of_no_use = self.meaning.is_no_id() || matches!(self.meaning, Meaning::Time(Sent::Uncountable));
        (of_no_use, self.rank)
    }
}

impl Findings {
    /// Takes over what a field means; whether the field itself is of no more use.
    fn take(&mut self, meaning: Meaning) -> bool {
        match meaning {
            Meaning::TraceId(id, canonical) => {
                self.bad_trace_id = id.is_err();
                self.trace_id = id.ok();
                canonical
            }
            Meaning::SpanId(id, canonical) => {
                self.bad_span_id = id.is_err();
                self.span_id = id.ok();
                canonical
            }
            Meaning::Context(context) => {
                self.trace_id.get_or_insert(context.trace_id);
                self.span_id = self.span_id.or(context.span_id);
                self.bad_trace_id = false;
                self.bad_span_id &= self.span_id.is_none();
                false
            }
            Meaning::Level(level) => {
                self.level = Some(level);
                true
            }
            Meaning::Time(time) => self.take_time(time),
            Meaning::Message(message) => {
                self.message = Some(message);
                true
            }
            // It becomes the resource's where that has none; the caller knows.
            Meaning::Service(service) => {
                self.service = Some(service);
                false
            }
        }
    }
}

impl Findings {
    /// A time that cannot be told is flagged, and what was sent stays as an attribute.
    pub(super) fn take_time(&mut self, time: Sent) -> bool {
        match time {
            Sent::At(time) => {
                self.time = Some(time);
                true
            }
            Sent::Uncountable => {
                self.flags.insert(Flags::ABSURD_TIME);
                false
            }
        }
    }
}

/// Serilog's compact format leaves the level out where it is "information".
fn level_left_out(fields: &[KeyValue]) -> Option<LineLevel> {
    let has = |key: &str| fields.iter().any(|field| field.key == key);
    (has("@t") && (has("@m") || has("@mt")) && !has("@l")).then(LineLevel::information)
}

/// Removes the field at a path, and the objects around it that are empty without it.
fn remove(fields: &mut Vec<KeyValue>, path: &[usize]) {
    let Some((place, rest)) = path.split_first() else { return };
    if !rest.is_empty() {
        let Some(AnyValue { value: Some(Value::KvlistValue(map)) }) =
            fields.get_mut(*place).and_then(|field| field.value.as_mut())
        else {
            return;
        };
        remove(&mut map.values, rest);
        if !map.values.is_empty() {
            return;
        }
    }
    if *place < fields.len() {
        fields.remove(*place);
    }
}
