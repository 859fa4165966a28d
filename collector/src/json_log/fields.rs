//! Finding a log's own fields among the keys of a JSON object, and taking them out of it.

use std::borrow::Cow;

use spandrel_store::id::notation::{Digits, NotAnId, TraceContext};
use spandrel_store::otlp::{AnyValue, KeyValue, Value};
use spandrel_store::{Flags, SpanId, TraceId};

use super::Findings;
use super::exception::{self, Exception};
use super::level::{self, LineLevel};
use super::names::{self, Role, Scale};
use super::object::Object;
use super::rules::Rules;
use super::time::{Clock, Sent};

/// Fields are looked for down to this many keys deep: `{"log": {"extra": {"request": {"context": {"trace_id": …}}}}}`.
pub(super) const PATH_MAX: usize = 5;

/// Elements of an array of scopes or spans that are looked into.
const SCOPES_MAX: usize = 8;

/// The places in the nested lists, outermost first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    places: [u32; PATH_MAX],
    length: u8,
}

/// A field that was understood.
struct Candidate {
    rank: usize,
    /// `None` where the field cannot be taken out: inside an array.
    path: Option<Path>,
    meaning: Meaning,
}

enum Meaning {
    /// The id, and whether it stood there as answers write it, so that nothing is lost by taking it.
    TraceId(Result<TraceId, NotAnId>, bool),
    SpanId(Result<SpanId, NotAnId>, bool),
    Context(TraceContext),
    Level(LineLevel, Scale),
    Time(Sent),
    TimeNanos(u32),
    // The text itself stays in the field until it is known which field is taken.
    Message {
        is_empty: bool,
    },
    Service(String),
    ExceptionType(String),
    ExceptionMessage(String),
    ExceptionStack,
    ErrorText(String),
}

/// How many kinds of meaning there are.
const MEANINGS: usize = 12;

/// The best candidate of each kind of meaning.
#[derive(Default)]
struct Best([Option<Candidate>; MEANINGS]);

struct Search<'a> {
    clock: Clock<'a>,
    rules: &'a Rules,
    best: Best,
}

/// What the fields tell; those that are consumed are no attributes any more.
pub(super) fn find(fields: Vec<KeyValue>, clock: Clock<'_>, rules: &Rules) -> Findings {
    let within = fields.len();
    find_within(fields, within, clock, rules).0
}

/// What an object tells, and how many of its fields behind the limit were looked at and not taken, which are cut.
pub(super) fn find_in(object: Object, clock: Clock<'_>, rules: &Rules) -> (Findings, u64) {
    let (mut findings, left) = find_within(object.fields, object.within, clock, rules);
    if object.cut || left > 0 {
        findings.flags.insert(Flags::CUT);
    }
    (findings, left)
}

fn find_within(fields: Vec<KeyValue>, within: usize, clock: Clock<'_>, rules: &Rules) -> (Findings, u64) {
    let mut fields = fields;
    let mut search = Search { clock, rules, best: Best::default() };
    search.look_through(&fields, &[], Some(Path::default()));
    search.best.read_level_as_opentelemetry(&fields);
    let mut findings = Findings { explains: rules.explains, ..Findings::default() };
    let (mut consumed, mut count) = ([(Path::default(), Taken::Nothing); MEANINGS], 0);
    for Candidate { path, meaning, .. } in search.best.candidates() {
        if rules.explains {
            findings.trail.push((meaning.name(), path_name(&fields, path)));
        }
        if let (Some(taken), Some(path)) = (findings.take(meaning), path) {
            consumed[count] = (path, taken);
            count += 1;
        }
    }
    if findings.level.is_none()
        && let Some(level) = level_left_out(&fields)
    {
        findings.level = Some(level);
        findings.note(super::LEVEL, || "@l, which is not there".to_owned());
    }
    // From the last place to the first, so that removing one does not move the others.
    let consumed = &mut consumed[..count];
    consumed.sort_unstable_by_key(|(path, _)| std::cmp::Reverse(*path));
    for (path, taken) in consumed.iter() {
        let value = take_out(&mut fields, path.places());
        if let Taken::Message = taken {
            take_type_of_body(&mut fields, path.places());
        }
        findings.keep(*taken, value);
    }
    // What stands in objects was counted with them.
    let is_left = |field: &&KeyValue| matches!(&field.value, Some(AnyValue { value: Some(value) }) if !matches!(value, Value::KvlistValue(_)));
    let left = fields.get(within..).unwrap_or_default().iter().filter(is_left).count() as u64;
    fields.truncate(within);
    fields.retain(is_still_there);
    // A record waits in memory until it is indexed, and not with room for what is no field of its any more.
    fields.shrink_to_fit();
    lift_wrapped(&mut fields);
    findings.attributes = fields;
    complete_exception(&mut findings);
    (findings, left)
}

impl<'a> Search<'a> {
    /// `outer` are the keys to these fields, fewer than [`PATH_MAX`].
    fn look_through(&mut self, fields: &[KeyValue], outer: &[&str], path: Option<Path>) {
        let mut keys = [""; PATH_MAX];
        keys[..outer.len()].copy_from_slice(outer);
        for (place, field) in fields.iter().enumerate() {
            let Some(value) = field.value.as_ref().and_then(|value| value.value.as_ref()) else { continue };
            keys[outer.len()] = &field.key;
            let keys = &keys[..=outer.len()];
            let path = path.map(|path| path.with(place));
            match value {
                Value::KvlistValue(map) if keys.len() < PATH_MAX => {
                    self.look_through(&map.values, keys, path)
                }
                Value::KvlistValue(_) => {}
                Value::ArrayValue(array)
                    if keys.len() == 1 && matches!(&*field.key, "Scopes" | "scopes" | "spans") =>
                {
                    for element in array.values.iter().take(SCOPES_MAX) {
                        if let Some(Value::KvlistValue(map)) = &element.value {
                            self.look_through(&map.values, keys, None);
                        }
                    }
                }
                value => self.look_at(keys, value, path, fields),
            }
        }
    }

    fn look_at(&mut self, keys: &[&str], value: &Value, path: Option<Path>, beside: &[KeyValue]) {
        let found = self
            .rules
            .role(keys)
            .map(|role| (role, 0))
            .or_else(|| names::role(keys).map(|(role, rank)| (role, rank + 1)));
        if let Some((role, rank)) = found
            && !(role == Role::Level(Scale::Priority) && is_of_business(keys, value, beside))
            && let Some(meaning) = self.understand(role, value)
            && !(meaning.is_no_id() && matches!(role, Role::BareTraceId | Role::BareSpanId))
        {
            self.best.consider(Candidate { rank, path, meaning });
        }
    }

    /// What a value means in a role; `None` where it cannot have it.
    fn understand(&self, role: Role, value: &Value) -> Option<Meaning> {
        match role {
            Role::TraceId(digits) => trace_id(&id_text(value)?, digits),
            Role::SpanId(digits) => span_id(&id_text(value)?, digits),
            Role::BareTraceId => {
                // Google Cloud's is the name of a resource.
                let is_like_id = |text: &Cow<'_, str>| text.len() == 32 || text.starts_with("projects/");
                trace_id(&id_text(value).filter(is_like_id)?, Digits::Hex)
            }
            Role::BareSpanId => span_id(&id_text(value).filter(|text| text.len() == 16)?, Digits::Hex),
            Role::Context => {
                TraceContext::from_text(&id_text(value)?, Digits::Hex).ok().map(Meaning::Context)
            }
            Role::Level(scale) => level::of_value(value, scale).map(|level| Meaning::Level(level, scale)),
            Role::Time => self.clock.of_value(value).map(Meaning::Time),
            Role::TimeNanos => match value {
                Value::IntValue(nanos) => {
                    u32::try_from(*nanos).ok().filter(|nanos| *nanos < 1_000_000_000).map(Meaning::TimeNanos)
                }
                _ => None,
            },
            Role::Message => text_of(value).map(|text| Meaning::Message { is_empty: text.trim().is_empty() }),
            Role::Service => named(value).filter(|name| !is_duration(name)).map(Meaning::Service),
            Role::ExceptionType => named(value).map(Meaning::ExceptionType),
            Role::ExceptionMessage => named(value).map(Meaning::ExceptionMessage),
            Role::ExceptionStack => exception::is_stack(value).then_some(Meaning::ExceptionStack),
            Role::ErrorText => named(value).map(Meaning::ErrorText),
        }
    }
}

impl Path {
    fn places(&self) -> &[u32] {
        &self.places[..usize::from(self.length)]
    }

    fn with(self, place: usize) -> Path {
        let mut path = self;
        // A line has not so many fields; one that had would not be taken out.
        if let (Some(slot), Ok(place)) = (path.places.get_mut(usize::from(path.length)), u32::try_from(place))
        {
            *slot = place;
            path.length += 1;
        }
        path
    }
}

/// A `priority` is syslog's level under the journal's own name, or beside another field that only these have.
fn is_of_business(keys: &[&str], value: &Value, beside: &[KeyValue]) -> bool {
    let is_of_syslog =
        keys.last() == Some(&"PRIORITY") || beside.iter().any(|field| names::is_of_syslog(&field.key));
    !is_of_syslog && !matches!(value, Value::StringValue(word) if level::is_no_priority_of_business(word))
}

/// The keys to a field, with dots.
fn path_name(fields: &[KeyValue], path: Option<Path>) -> String {
    let Some(path) = path else { return "an element of a list".to_owned() };
    let (mut keys, mut list) = (Vec::new(), fields);
    for place in path.places() {
        let Some(field) = list.get(*place as usize) else { break };
        keys.push(field.key.as_str());
        list = match field.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::KvlistValue(map)) => &map.values,
            _ => &[],
        };
    }
    keys.join(".")
}

fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn named(value: &Value) -> Option<String> {
    text_of(value).filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// `service=18ms`, as Heroku's router says how long the service took.
fn is_duration(name: &str) -> bool {
    let unit = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    unit.len() < name.len() && matches!(unit, "" | "s" | "ms" | "us" | "µs" | "ns")
}

/// Ids are text, or numbers as Datadog writes them.
fn id_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::StringValue(text) => Some(Cow::Borrowed(text.trim())),
        Value::IntValue(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// An empty or all-zero id is how loggers write "none": nothing to find, and nothing bad.
fn trace_id(text: &str, digits: Digits) -> Option<Meaning> {
    match TraceContext::from_text(text, digits) {
        Ok(TraceContext { trace_id, span_id: None }) => {
            Some(Meaning::TraceId(Ok(trace_id), is_as_answered(trace_id, 32, text, digits)))
        }
        Ok(context) => Some(Meaning::Context(context)),
        Err(NotAnId::Unknown) => Some(Meaning::TraceId(Err(NotAnId::Unknown), false)),
        Err(_) => None,
    }
}

fn span_id(text: &str, digits: Digits) -> Option<Meaning> {
    match SpanId::from_text(text, digits) {
        Ok(span_id) => Some(Meaning::SpanId(Ok(span_id), is_as_answered(span_id, 16, text, digits))),
        Err(NotAnId::Unknown) => Some(Meaning::SpanId(Err(NotAnId::Unknown), false)),
        Err(_) => None,
    }
}

/// Whether the text that an id was read from has it as answers write it: all of its digits, in lower case.
fn is_as_answered(id: impl ToString, digits_max: usize, text: &str, digits: Digits) -> bool {
    match digits {
        Digits::Hex => {
            let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            text.len() == digits_max && text.bytes().fold(true, |all, byte| all & is_digit(byte))
        }
        Digits::Decimal => id.to_string() == text,
    }
}

impl Meaning {
    fn is_no_id(&self) -> bool {
        matches!(self, Meaning::TraceId(Err(_), _) | Meaning::SpanId(Err(_), _))
    }

    fn name(&self) -> &'static str {
        match self {
            Meaning::TraceId(..) => super::TRACE_ID,
            Meaning::SpanId(..) => super::SPAN_ID,
            Meaning::Context(_) => super::BOTH_IDS,
            Meaning::Level(..) => super::LEVEL,
            Meaning::Time(_) => super::TIME,
            Meaning::TimeNanos(_) => "nanoseconds of the time",
            Meaning::Message { .. } => super::MESSAGE,
            Meaning::Service(_) => "service",
            Meaning::ExceptionType(_) => exception::TYPE,
            Meaning::ExceptionMessage(_) | Meaning::ErrorText(_) => exception::MESSAGE,
            Meaning::ExceptionStack => exception::STACKTRACE,
        }
    }

    /// The place among the best. Ids of their own fields go before those of a propagation header.
    fn slot(&self) -> usize {
        match self {
            Meaning::TraceId(..) => 0,
            Meaning::SpanId(..) => 1,
            Meaning::Context(_) => 2,
            Meaning::Level(..) => 3,
            Meaning::Time(_) => 4,
            Meaning::TimeNanos(_) => 5,
            Meaning::Message { .. } => 6,
            Meaning::Service(_) => 7,
            Meaning::ExceptionType(_) => 8,
            Meaning::ExceptionMessage(_) => 9,
            Meaning::ExceptionStack => 10,
            Meaning::ErrorText(_) => 11,
        }
    }
}

impl Best {
    fn consider(&mut self, candidate: Candidate) {
        let place = &mut self.0[candidate.meaning.slot()];
        if place.as_ref().is_none_or(|best| candidate.order() < best.order()) {
            *place = Some(candidate);
        }
    }

    /// `severity` is Google Cloud's name, and OpenTelemetry's too: of a record of its model it is its number.
    fn read_level_as_opentelemetry(&mut self, fields: &[KeyValue]) {
        for candidate in self.0.iter_mut().flatten() {
            if let Meaning::Level(level, Scale::GoogleCloud) = &mut candidate.meaning
                && let Some(read) = level::on_scale_of_opentelemetry(&level.text)
                && is_of_opentelemetry(fields)
            {
                *level = read;
            }
        }
    }

    fn candidates(&mut self) -> impl Iterator<Item = Candidate> {
        self.0.iter_mut().filter_map(Option::take)
    }
}

impl Candidate {
    /// What is no id gives way to what is one, whatever their names; so do a time that cannot be told, a level of
    /// which nothing is known and a message that says nothing. What can be taken out goes before what cannot.
    fn order(&self) -> (bool, bool, usize, u8) {
        let of_no_use = match &self.meaning {
            Meaning::Time(Sent::Absurd) => true,
            // A status goes before no field that is for the level, whatever that says.
            Meaning::Level(level, scale) => level.severity_number == 0 || *scale == Scale::Status,
            Meaning::Message { is_empty } => *is_empty,
            meaning => meaning.is_no_id(),
        };
        // Of two of the same name, the one further out is this record's.
        (of_no_use, self.path.is_none(), self.rank, self.path.map_or(0, |path| path.length))
    }
}

/// What a field that is taken out is for.
#[derive(Debug, Clone, Copy)]
enum Taken {
    /// All that it says was understood.
    Nothing,
    Message,
    ExceptionStack,
}

impl Findings {
    /// Takes over what a field means; what the field itself is then for, if it is of no more use.
    fn take(&mut self, meaning: Meaning) -> Option<Taken> {
        match meaning {
            Meaning::TraceId(id, canonical) => {
                self.bad_trace_id = id.is_err();
                self.trace_id = id.ok();
                canonical.then_some(Taken::Nothing)
            }
            Meaning::SpanId(id, canonical) => {
                self.bad_span_id = id.is_err();
                self.span_id = id.ok();
                canonical.then_some(Taken::Nothing)
            }
            Meaning::Context(context) => {
                self.trace_id.get_or_insert(context.trace_id);
                self.span_id = self.span_id.or(context.span_id);
                self.bad_trace_id = false;
                self.bad_span_id &= self.span_id.is_none();
                None
            }
            Meaning::Level(level, scale) => {
                self.level_is_of_syslog = matches!(scale, Scale::Syslog | Scale::Priority);
                self.level_is_of_status = scale == Scale::Status;
                self.level = Some(level);
                (scale != Scale::Status).then_some(Taken::Nothing)
            }
            Meaning::Time(time) => self.take_time(time).then_some(Taken::Nothing),
            Meaning::TimeNanos(nanos) => self.refine_time(nanos).then_some(Taken::Nothing),
            Meaning::Message { .. } => Some(Taken::Message),
            // It becomes the resource's where that has none; the caller knows.
            Meaning::Service(service) => {
                self.service = Some(service);
                None
            }
            // Type and message are asked for by their own names too, and are short.
            Meaning::ExceptionType(name) => {
                self.exception().exception_type = Some(name);
                None
            }
            Meaning::ExceptionMessage(text) => {
                self.exception().message = Some(text);
                None
            }
            Meaning::ExceptionStack => Some(Taken::ExceptionStack),
            Meaning::ErrorText(text) => {
                let exception = self.exception();
                if exception.message.is_none() {
                    exception.take_error_text(&text);
                }
                None
            }
        }
    }

    /// A time at which nothing can have happened is flagged and not taken, and what was sent stays as an attribute.
    pub(super) fn take_time(&mut self, time: Sent) -> bool {
        match time {
            Sent::At(time) => {
                self.time = Some(time);
                true
            }
            Sent::Absurd => {
                self.flags.insert(Flags::ABSURD_TIME);
                false
            }
        }
    }

    fn exception(&mut self) -> &mut Exception {
        self.exception.get_or_insert_default()
    }

    /// Nanoseconds that go with the time found: behind whole seconds, or in place of its milliseconds.
    fn refine_time(&mut self, nanos: u32) -> bool {
        let Some(time) = &mut self.time else { return false };
        let (seconds, subsec) = (time.0 / 1_000_000_000, time.0 % 1_000_000_000);
        let fits = subsec == 0 || subsec / 1_000_000 == u64::from(nanos) / 1_000_000;
        if fits {
            time.0 = seconds.saturating_mul(1_000_000_000).saturating_add(u64::from(nanos));
        }
        fits
    }

    fn keep(&mut self, taken: Taken, value: Option<Value>) {
        match (taken, value) {
            (Taken::Message, Some(Value::StringValue(text))) => self.message = Some(text),
            (Taken::ExceptionStack, Some(value)) => {
                let text = exception::stack_text(&value, self.exception());
                self.exception().take_stack(text);
            }
            _ => {}
        }
    }
}

/// Where known loggers put the user's own fields, and what only they write beside it.
const WRAPPERS: &[(&[&str], &str)] = &[
    // tracing-subscriber
    (&["fields"], "target"),
    // Monolog
    (&["context"], "channel"),
    // loguru
    (&["record", "extra"], "text"),
    // tslog
    (&["1"], "_meta"),
];

/// Takes the user's own fields out of what their logger has put around them.
fn lift_wrapped(fields: &mut Vec<KeyValue>) {
    for (path, beside) in WRAPPERS {
        if fields.iter().any(|field| field.key == *beside)
            && let Some(inner) = take_map(fields, path)
        {
            for field in inner {
                if !fields.iter().any(|known| known.key == field.key) {
                    fields.push(field);
                }
            }
        }
    }
}

fn take_map(fields: &mut Vec<KeyValue>, path: &[&str]) -> Option<Vec<KeyValue>> {
    let (key, rest) = path.split_first()?;
    let place = fields.iter().position(|field| field.key == *key)?;
    let Some(AnyValue { value: Some(Value::KvlistValue(map)) }) = fields[place].value.as_mut() else {
        return None;
    };
    if !rest.is_empty() {
        return take_map(&mut map.values, rest);
    }
    let inner = std::mem::take(&mut map.values);
    fields.remove(place);
    Some(inner)
}

/// What the fields did not say of the exception stands in a text: loguru's `text`, or the message.
fn complete_exception(findings: &mut Findings) {
    if findings.exception.as_ref().is_some_and(|exception| exception.stacktrace.is_some()) {
        return;
    }
    let text = spandrel_store::record::value::text_attribute(&findings.attributes, "text");
    let text =
        text.filter(|_| findings.exception.as_ref().is_some_and(|known| known.exception_type.is_some()));
    if let Some(read) = text.or(findings.message.as_deref()).and_then(exception::in_text) {
        let mut exception = findings.exception.take().unwrap_or_default();
        exception.complete_with(read);
        findings.exception = Some(exception);
    }
}

/// A record with the fields of OpenTelemetry's data model, as Go's stdoutlog writes it.
fn is_of_opentelemetry(fields: &[KeyValue]) -> bool {
    let has = |name: &str| fields.iter().any(|field| is_named(&field.key, name));
    has("body") && (has("traceid") || has("observedtimestamp"))
}

/// Go's stdoutlog says beside a body's value of what type it is, `{"Type": "String", "Value": …}`: that is no attribute.
fn take_type_of_body(fields: &mut [KeyValue], path: &[u32]) {
    let [place, _] = path else { return };
    let Some(field) = fields.get_mut(*place as usize).filter(|field| is_named(&field.key, "body")) else {
        return;
    };
    if let Some(AnyValue { value: Some(Value::KvlistValue(map)) }) = &field.value
        && map.values.iter().all(|part| part.key == "Type")
    {
        field.value = None;
    }
}

fn is_named(key: &str, name: &str) -> bool {
    names::Folded::of(&[key]).is_some_and(|key| key.as_bytes() == name.as_bytes())
}

/// Serilog's compact format leaves the level out where it is "information".
fn level_left_out(fields: &[KeyValue]) -> Option<LineLevel> {
    let has = |key: &str| fields.iter().any(|field| field.key == key);
    (has("@t") && (has("@m") || has("@mt")) && !has("@l")).then(LineLevel::information)
}

/// Takes the value out of the field at a path, and out of the objects around it that are empty without it. A field
/// without a value is one that was taken out: of those that were read each has one, if only `null`.
fn take_out(fields: &mut [KeyValue], path: &[u32]) -> Option<Value> {
    let (place, rest) = path.split_first()?;
    let field = fields.get_mut(*place as usize)?;
    if rest.is_empty() {
        return field.value.take()?.value;
    }
    let Some(AnyValue { value: Some(Value::KvlistValue(map)) }) = field.value.as_mut() else { return None };
    let taken = take_out(&mut map.values, rest);
    map.values.retain(is_still_there);
    if map.values.is_empty() {
        field.value = None;
    }
    taken
}

fn is_still_there(field: &KeyValue) -> bool {
    field.value.is_some()
}
