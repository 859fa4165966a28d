//! The names under which loggers write what every log has.
//!
//! A field's path is folded before it is looked up: lower case, without `_`, `-`, `.`, blanks, and without
//! the borders between nested objects, so that `trace_id`, `traceId`, `Trace-Id`, `trace.id` and
//! `{"trace": {"id": …}}` are one name.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;
use spandrel_store::id::notation::Digits;

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    TraceId(Digits),
    SpanId(Digits),
    /// Everyday words, under which only what is exactly as long as an id is one: `trace` may hold a stack.
    BareTraceId,
    BareSpanId,
    /// A whole propagation header: trace and span.
    Context,
    Level(Scale),
    Time,
    /// What stands behind the whole seconds or milliseconds of the time, in nanoseconds.
    TimeNanos,
    Message,
    Service,
    ExceptionType,
    ExceptionMessage,
    ExceptionStack,
    /// An error as one text, as Go and Rust have it: `error: "insufficient funds"`.
    ErrorText,
}

/// What the numbers of a level mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Syslog's 0 to 7, pino's and bunyan's tens, Monolog's hundreds, Logback's thousands.
    Usual,
    /// Google Cloud's hundreds in place of Monolog's.
    GoogleCloud,
    /// 0 to 7 and nothing else.
    Syslog,
    /// The same where a journal or syslog wrote it; jobs and tickets have a `priority` too, of 3 or of `critical`, so else
    /// only a word that is a level and none of theirs.
    Priority,
    /// Python's tens.
    Python,
    OpenTelemetry,
    /// A level's word and nothing else: the name alone says little.
    Word,
    /// Datadog's `status`. Others have it for what became of something, so it stays an attribute.
    Status,
}

/// Names of the whole path. Where several fields have the same role, the first in this table wins.
const WHOLE: &[(&str, Role)] = &[
    ("traceid", Role::TraceId(Digits::Hex)),
    ("oteltraceid", Role::TraceId(Digits::Hex)),
    ("logginggoogleapiscom/trace", Role::TraceId(Digits::Hex)),
    // Serilog's compact format.
    ("@tr", Role::TraceId(Digits::Hex)),
    ("xb3traceid", Role::TraceId(Digits::Hex)),
    ("xtraceid", Role::TraceId(Digits::Hex)),
    ("xraytraceid", Role::TraceId(Digits::Hex)),
    ("ddtraceid", Role::TraceId(Digits::Decimal)),
    ("xdatadogtraceid", Role::TraceId(Digits::Decimal)),
    ("trace", Role::BareTraceId),
    ("spanid", Role::SpanId(Digits::Hex)),
    ("otelspanid", Role::SpanId(Digits::Hex)),
    ("logginggoogleapiscom/spanid", Role::SpanId(Digits::Hex)),
    ("@sp", Role::SpanId(Digits::Hex)),
    ("xb3spanid", Role::SpanId(Digits::Hex)),
    ("ddspanid", Role::SpanId(Digits::Decimal)),
    ("span", Role::BareSpanId),
    ("traceparent", Role::Context),
    ("b3", Role::Context),
    ("xamzntraceid", Role::Context),
    ("awstraceheader", Role::Context),
    ("xcloudtracecontext", Role::Context),
    ("ubertraceid", Role::Context),
    ("level", Role::Level(Scale::Usual)),
    ("lvl", Role::Level(Scale::Usual)),
    ("loglevel", Role::Level(Scale::Usual)),
    ("levelname", Role::Level(Scale::Usual)),
    ("@l", Role::Level(Scale::Usual)),
    ("@level", Role::Level(Scale::Usual)),
    ("severitytext", Role::Level(Scale::Usual)),
    ("severity", Role::Level(Scale::GoogleCloud)),
    ("severitynumber", Role::Level(Scale::OpenTelemetry)),
    ("levelno", Role::Level(Scale::Python)),
    ("syslogseverity", Role::Level(Scale::Syslog)),
    ("logsyslogseverityname", Role::Level(Scale::Usual)),
    ("metaloglevelname", Role::Level(Scale::Usual)),
    ("priority", Role::Level(Scale::Priority)),
    ("l", Role::Level(Scale::Word)),
    ("at", Role::Level(Scale::Word)),
    ("@timestamp", Role::Time),
    ("timestamp", Role::Time),
    ("time", Role::Time),
    ("ts", Role::Time),
    ("@t", Role::Time),
    ("timeunixnano", Role::Time),
    ("timestampns", Role::Time),
    ("timestampms", Role::Time),
    ("timemillis", Role::Time),
    ("timestampseconds", Role::Time),
    ("instantepochsecond", Role::Time),
    ("datetime", Role::Time),
    ("eventtime", Role::Time),
    ("asctime", Role::Time),
    ("timetimestamp", Role::Time),
    ("metadate", Role::Time),
    // systemd's journal: the sender's clock before the journal's own.
    ("sourcerealtimetimestamp", Role::Time),
    ("realtimetimestamp", Role::Time),
    ("date", Role::Time),
    ("when", Role::Time),
    ("t", Role::Time),
    ("timestampnanos", Role::TimeNanos),
    ("instantnanoofsecond", Role::TimeNanos),
    ("nanoseconds", Role::TimeNanos),
    ("message", Role::Message),
    ("msg", Role::Message),
    ("@m", Role::Message),
    ("@message", Role::Message),
    ("log", Role::Message),
    ("shortmessage", Role::Message),
    // loguru's `text` is the whole line that it would have written.
    ("recordmessage", Role::Message),
    ("text", Role::Message),
    ("textpayload", Role::Message),
    ("renderedmessage", Role::Message),
    ("body", Role::Message),
    ("bodystringvalue", Role::Message),
    // Go's stdoutlog.
    ("bodyvalue", Role::Message),
    ("event", Role::Message),
    ("@mt", Role::Message),
    ("messagetemplate", Role::Message),
    ("m", Role::Message),
    ("0", Role::Message),
    ("servicename", Role::Service),
    ("service", Role::Service),
    ("otelservicename", Role::Service),
    ("ddservice", Role::Service),
    ("servicecontextservice", Role::Service),
    ("application", Role::Service),
    ("app", Role::Service),
    ("appname", Role::Service),
    ("syslogidentifier", Role::Service),
    ("exceptiontype", Role::ExceptionType),
    ("errortype", Role::ExceptionType),
    ("errtype", Role::ExceptionType),
    ("errorkind", Role::ExceptionType),
    ("errorclass", Role::ExceptionType),
    ("errorname", Role::ExceptionType),
    ("errname", Role::ExceptionType),
    ("exceptionclass", Role::ExceptionType),
    ("exceptionname", Role::ExceptionType),
    ("exceptionexceptionclass", Role::ExceptionType),
    ("throwableclassname", Role::ExceptionType),
    ("thrownname", Role::ExceptionType),
    ("1nativeerrorname", Role::ExceptionType),
    ("exceptionmessage", Role::ExceptionMessage),
    ("errormessage", Role::ExceptionMessage),
    ("errmessage", Role::ExceptionMessage),
    ("exceptionexceptionmessage", Role::ExceptionMessage),
    ("exceptionvalue", Role::ExceptionMessage),
    ("throwablemessage", Role::ExceptionMessage),
    ("thrownmessage", Role::ExceptionMessage),
    ("1message", Role::ExceptionMessage),
    ("exceptionstacktrace", Role::ExceptionStack),
    ("errorstacktrace", Role::ExceptionStack),
    ("errorstack", Role::ExceptionStack),
    ("errstack", Role::ExceptionStack),
    ("exceptionexceptionstacktrace", Role::ExceptionStack),
    ("exceptiontrace", Role::ExceptionStack),
    ("throwablesteparray", Role::ExceptionStack),
    ("thrownextendedstacktrace", Role::ExceptionStack),
    ("exception", Role::ExceptionStack),
    ("@x", Role::ExceptionStack),
    ("excinfo", Role::ExceptionStack),
    ("exctext", Role::ExceptionStack),
    ("errorverbose", Role::ExceptionStack),
    ("stacktrace", Role::ExceptionStack),
    ("stack", Role::ExceptionStack),
    ("traceback", Role::ExceptionStack),
    ("fullmessage", Role::ExceptionStack),
    ("1stack", Role::ExceptionStack),
    ("error", Role::ErrorText),
    ("err", Role::ErrorText),
    ("@error", Role::ErrorText),
];

/// Names of the last part of a path, for ids inside `context`, `mdc`, `extra`, `fields` and the like.
const LAST: &[(&str, Role)] = &[
    ("traceid", Role::TraceId(Digits::Hex)),
    ("oteltraceid", Role::TraceId(Digits::Hex)),
    ("ddtraceid", Role::TraceId(Digits::Decimal)),
    ("spanid", Role::SpanId(Digits::Hex)),
    ("otelspanid", Role::SpanId(Digits::Hex)),
    ("ddspanid", Role::SpanId(Digits::Decimal)),
    ("traceparent", Role::Context),
];

/// Names of the whole path that count where no other field has their role.
const LAST_RESORT: &[(&str, Role)] = &[("status", Role::Level(Scale::Status))];

/// Objects that loggers put around what is said: the names inside count as if they stood outside, behind those
/// that do.
const WRAPPERS: &[&str] =
    &["fields", "context", "record", "extra", "jsonpayload", "payload", "contextmap", "data"];

/// No name is longer, so longer keys need no look.
const NAME_BYTES_MAX: usize = 40;

/// A role, and its rank among the names of it; the lowest wins.
type Ranked = (Role, usize);

/// Fields that only records of syslog and of journals have, folded.
const OF_SYSLOG: &[&str] = &[
    "facility",
    "syslogfacility",
    "syslogidentifier",
    "syslogpid",
    "transport",
    "systemdunit",
    "cursor",
    "bootid",
    "machineid",
];

/// Whether a field of this name stands only beside a priority of syslog.
pub(super) fn is_of_syslog(key: &str) -> bool {
    Folded::of(&[key]).is_some_and(|key| OF_SYSLOG.iter().any(|name| key.as_bytes() == name.as_bytes()))
}

/// What a name stands for, by where it is found.
#[derive(Debug, Default, Clone, Copy)]
struct Named {
    whole: Option<Ranked>,
    last: Option<Ranked>,
    last_resort: Option<Ranked>,
    wraps: bool,
}

/// Every key of every line is looked up here, most in vain. Nobody chooses what is in it, so the hash may be a plain
/// one.
struct Names {
    by_name: HashMap<&'static [u8], Named, FixedState>,
    /// By a name's first byte, its possible lengths as bits: enough to know of most keys that they are no name.
    lengths: [u64; 256],
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { by_name: HashMap::default(), lengths: [0; 256] };
    for (rank, (name, role)) in WHOLE.iter().enumerate() {
        names.entry(name).whole = Some((*role, rank));
    }
    for (place, (name, role)) in LAST.iter().enumerate() {
        names.entry(name).last = Some((*role, 2 * WHOLE.len() + place));
    }
    for (place, (name, role)) in LAST_RESORT.iter().enumerate() {
        names.entry(name).last_resort = Some((*role, 3 * WHOLE.len() + place));
    }
    for name in WRAPPERS {
        names.entry(name).wraps = true;
    }
    names
});

impl Names {
    fn entry(&mut self, name: &'static str) -> &mut Named {
        self.lengths[usize::from(name.as_bytes()[0])] |= 1 << name.len();
        self.by_name.entry(name.as_bytes()).or_default()
    }

    fn get(&self, path: Folded) -> Option<&Named> {
        let name = path.as_bytes();
        let lengths = self.lengths[usize::from(*name.first()?)];
        if lengths >> name.len() & 1 == 0 { None } else { self.by_name.get(name) }
    }
}

fn named(path: &[&str]) -> Option<&'static Named> {
    NAMES.get(Folded::of(path)?)
}

/// A path as it is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folded {
    /// One more than there may be, for what does not count behind the last.
    bytes: [u8; NAME_BYTES_MAX + 1],
    length: usize,
}

impl Folded {
    /// `None` where the path is longer than any name, or has what no name has.
    pub(super) fn of(path: &[&str]) -> Option<Folded> {
        let mut folded = Folded { bytes: [0; NAME_BYTES_MAX + 1], length: 0 };
        for byte in path.iter().flat_map(|key| key.bytes()) {
            // Every byte is written, and the next one over it if it does not count: no branch to be guessed wrong.
            *folded.bytes.get_mut(folded.length)? = byte.to_ascii_lowercase();
            folded.length += usize::from(!matches!(byte, b'_' | b'-' | b'.' | b' '));
        }
        (folded.length <= NAME_BYTES_MAX).then_some(folded)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The role of the field at a path of keys, and its rank among those of the same role; the lowest wins.
pub(super) fn role(path: &[&str]) -> Option<Ranked> {
    let [first, inner @ ..] = path else { return None };
    let Some(last) = inner.last() else {
        let name = named(path)?;
        return name.whole.or(name.last_resort);
    };
    if let Some(found) = named(path).and_then(|name| name.whole) {
        return Some(found);
    }
    let wrapped = || named(inner)?.whole.map(|(role, rank)| (role, WHOLE.len() + rank));
    let found = named(&[first]).filter(|name| name.wraps).and_then(|_| wrapped());
    found.or_else(|| named(&[last])?.last)
}
