//! The names under which loggers write what every log has.
//!
//! A field's path is folded before it is looked up: lower case, without `_`, `-`, `.`, blanks, and without
//! the borders between nested objects, so that `trace_id`, `traceId`, `Trace-Id`, `trace.id` and
//! `{"trace": {"id": …}}` are one name.

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
    Message,
    Service,
}

/// What the numbers of a level mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Syslog's 0 to 7, pino's and bunyan's tens, Monolog's hundreds, Logback's thousands.
    Usual,
    /// Google Cloud's hundreds in place of Monolog's.
    GoogleCloud,
    /// 0 to 7 and nothing else: a `priority` may be `high`.
    Syslog,
    /// Python's tens.
    Python,
    OpenTelemetry,
}

/// Names of the whole path. Where several fields have the same role, the first in this table wins.
const WHOLE: &[(&str, Role)] = &[
    ("traceid", Role::TraceId(Digits::Hex)),
    ("oteltraceid", Role::TraceId(Digits::Hex)),
    ("logginggoogleapiscom/trace", Role::TraceId(Digits::Hex)),
    ("xb3traceid", Role::TraceId(Digits::Hex)),
    ("xtraceid", Role::TraceId(Digits::Hex)),
    ("xraytraceid", Role::TraceId(Digits::Hex)),
    ("ddtraceid", Role::TraceId(Digits::Decimal)),
    ("xdatadogtraceid", Role::TraceId(Digits::Decimal)),
    ("trace", Role::BareTraceId),
    ("spanid", Role::SpanId(Digits::Hex)),
    ("otelspanid", Role::SpanId(Digits::Hex)),
    ("logginggoogleapiscom/spanid", Role::SpanId(Digits::Hex)),
    ("xb3spanid", Role::SpanId(Digits::Hex)),
    ("ddspanid", Role::SpanId(Digits::Decimal)),
    ("span", Role::BareSpanId),
    ("traceparent", Role::Context),
    ("b3", Role::Context),
    ("xamzntraceid", Role::Context),
    ("awstraceheader", Role::Context),
    ("xcloudtracecontext", Role::Context),
    ("uberctraceid", Role::Context),
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
    ("priority", Role::Level(Scale::Syslog)),
    ("@timestamp", Role::Time),
    ("timestamp", Role::Time),
    ("time", Role::Time),
    ("ts", Role::Time),
    ("@t", Role::Time),
    ("timeunixnano", Role::Time),
    ("timestampns", Role::Time),
    ("timestampms", Role::Time),
    ("timemillis", Role::Time),
    ("datetime", Role::Time),
    ("eventtime", Role::Time),
    ("asctime", Role::Time),
    ("date", Role::Time),
    ("t", Role::Time),
    ("message", Role::Message),
    ("msg", Role::Message),
    ("@m", Role::Message),
    ("@message", Role::Message),
    ("log", Role::Message),
    ("shortmessage", Role::Message),
    ("text", Role::Message),
    ("textpayload", Role::Message),
    ("renderedmessage", Role::Message),
    ("body", Role::Message),
    ("event", Role::Message),
    ("@mt", Role::Message),
    ("messagetemplate", Role::Message),
    ("servicename", Role::Service),
    ("service", Role::Service),
    ("otelservicename", Role::Service),
    ("ddservice", Role::Service),
    ("servicecontextservice", Role::Service),
    ("application", Role::Service),
    ("app", Role::Service),
    ("appname", Role::Service),
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

/// No name is longer, so longer keys need no look.
const NAME_BYTES_MAX: usize = 40;

/// The role of the field at a path of keys, and its rank among those of the same role; the lowest wins.
pub(super) fn role(path: &[&str]) -> Option<(Role, usize)> {
    let whole = fold(path)?;
    if let Some(found) = look_up(WHOLE, &whole) {
        return Some(found);
    }
    let [_, .., last] = path else { return None };
    let (role, rank) = look_up(LAST, &fold(&[last])?)?;
    Some((role, WHOLE.len() + rank))
}

fn look_up(table: &[(&str, Role)], name: &str) -> Option<(Role, usize)> {
    let rank = table.iter().position(|(known, _)| *known == name)?;
    Some((table[rank].1, rank))
}

fn fold(path: &[&str]) -> Option<String> {
    if path.iter().map(|key| key.len()).sum::<usize>() > NAME_BYTES_MAX {
        return None;
    }
    let kept = |c: &char| !matches!(c, '_' | '-' | '.' | ' ');
    Some(path.iter().flat_map(|key| key.chars()).filter(kept).map(|c| c.to_ascii_lowercase()).collect())
}
