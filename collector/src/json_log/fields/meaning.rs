//! What the value of a field means in the role that its name gives it, and what becomes of it.

use std::borrow::Cow;

use spandrel_store::id::notation::{Digits, NotAnId, TraceContext};
use spandrel_store::otlp::Value;
use spandrel_store::{Flags, SpanId, TraceId};

use super::super::Findings;
use super::super::exception::{self, Exception};
use super::super::level::{self, LineLevel};
use super::super::names::{Role, Scale};
use super::super::time::{Clock, Sent};
use super::super::{BOTH_IDS, LEVEL, MESSAGE, SPAN_ID, TIME, TRACE_ID};

pub(super) enum Meaning {
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
pub(super) const MEANINGS: usize = 12;

impl Meaning {
    /// What a value means in a role; `None` where it cannot have it.
    pub(super) fn of(role: Role, value: &Value, clock: Clock<'_>) -> Option<Meaning> {
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
            Role::Time => clock.of_value(value).map(Meaning::Time),
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

    pub(super) fn is_no_id(&self) -> bool {
        matches!(self, Meaning::TraceId(Err(_), _) | Meaning::SpanId(Err(_), _))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Meaning::TraceId(..) => TRACE_ID,
            Meaning::SpanId(..) => SPAN_ID,
            Meaning::Context(_) => BOTH_IDS,
            Meaning::Level(..) => LEVEL,
            Meaning::Time(_) => TIME,
            Meaning::TimeNanos(_) => "nanoseconds of the time",
            Meaning::Message { .. } => MESSAGE,
            Meaning::Service(_) => "service",
            Meaning::ExceptionType(_) => exception::TYPE,
            Meaning::ExceptionMessage(_) | Meaning::ErrorText(_) => exception::MESSAGE,
            Meaning::ExceptionStack => exception::STACKTRACE,
        }
    }

    /// The place among the best. Ids of their own fields go before those of a propagation header.
    pub(super) fn slot(&self) -> usize {
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

/// What a field that is taken out is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Taken {
    /// All that it says was understood.
    Nothing,
    Message,
    ExceptionStack,
}

impl Findings {
    /// Takes over what a field means; what the field itself is then for, if it is of no more use.
    pub(super) fn take(&mut self, meaning: Meaning) -> Option<Taken> {
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
    pub(in crate::json_log) fn take_time(&mut self, time: Sent) -> bool {
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

    pub(super) fn keep(&mut self, taken: Taken, value: Option<Value>) {
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
