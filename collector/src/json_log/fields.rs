//! Finding a log's own fields among the keys of a JSON object, and taking them out of it.

mod meaning;

use spandrel_store::Flags;
use spandrel_store::otlp::{AnyValue, KeyValue, Value};

use self::meaning::{MEANINGS, Meaning, Taken};
use super::Findings;
use super::exception;
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
            && let Some(meaning) = Meaning::of(role, value, self.clock)
            && !(meaning.is_no_id() && matches!(role, Role::BareTraceId | Role::BareSpanId))
        {
            self.best.consider(Candidate { rank, path, meaning });
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
