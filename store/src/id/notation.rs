//! The notations that trace and span ids are written in, outside OTLP.
//!
//! Hexadecimal in any case and length with or without `0x`, UUID, W3C `traceparent`, the single B3 header,
//! Jaeger's header, AWS X-Ray, Datadog's decimal, Google Cloud's resource name and header. Two callers, two rules: what comes
//! in has one meaning, which [`Digits`] decides where the text alone doesn't; what is asked for may have
//! several, and [`TraceIdMatch::parse`] tries all.
//!
//! Everything here takes any text, never panics, and looks at each byte a few times at most. An id of zeros
//! only is no id in any notation.

use super::{SpanId, TraceId, TraceIdMatch};

/// How text of decimal digits alone is read: it is valid hexadecimal too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    Hex,
    /// Under Datadog's keys, such as `dd.trace_id`.
    Decimal,
}

/// What a text told of where it belongs: a trace, and the span where the notation carries one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    pub trace_id: TraceId,
    pub span_id: Option<SpanId>,
}

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnId {
    #[error("empty")]
    Empty,
    /// How many libraries write "no trace".
    #[error("all zeros, which stands for no id")]
    Zero,
    #[error("not in a known notation (hexadecimal, UUID, traceparent, B3, Jaeger, X-Ray, Datadog decimal)")]
    Unknown,
}

impl TraceContext {
    /// Reads the text of a trace id field, or of a whole propagation header.
    pub fn from_text(text: &str, digits: Digits) -> Result<TraceContext, NotAnId> {
        let text = non_empty(text)?;
        let trace_id = match digits {
            Digits::Decimal => decimal(text),
            Digits::Hex => None,
        };
        // More digits than hexadecimal has for it: Datadog's of 128 bits.
        let trace_id = trace_id.or_else(|| hex(text)).or_else(|| decimal(text));
        trace_id.map(|id| (id, None)).or_else(|| composite(text)).map_or(
            Err(NotAnId::Unknown),
            |(trace_id, span_id)| {
                let trace_id = trace_id_of(trace_id).ok_or(NotAnId::Zero)?;
                Ok(TraceContext { trace_id, span_id: span_id.and_then(span_id_of) })
            },
        )
    }
}

impl TraceId {
    /// Reads the text of a trace id field; of a composite notation, its trace id.
    pub fn from_text(text: &str, digits: Digits) -> Result<TraceId, NotAnId> {
        TraceContext::from_text(text, digits).map(|context| context.trace_id)
    }
}

impl SpanId {
    /// Reads the text of a span id field: up to 16 hexadecimal digits, or a decimal 64-bit number.
    pub fn from_text(text: &str, digits: Digits) -> Result<SpanId, NotAnId> {
        let text = non_empty(text)?;
        let number = match digits {
            Digits::Decimal => decimal(text),
            Digits::Hex => None,
        };
        let number = number.or_else(|| hex(text)).and_then(|id| u64::try_from(id).ok());
        span_id_of(number.ok_or(NotAnId::Unknown)?).ok_or(NotAnId::Zero)
    }
}

impl TraceIdMatch {
    /// Every trace that somebody who typed this may mean: digits alone are tried as hexadecimal and as
    /// decimal, and an id that fits in 64 bits finds the 128-bit ids that end in it as well.
    pub fn parse(text: &str) -> Result<TraceIdMatch, NotAnId> {
        let text = non_empty(text)?;
        let mut readings: Vec<u128> = hex(text).into_iter().chain(decimal(text)).collect();
        if readings.is_empty() {
            readings.extend(composite(text).map(|(trace_id, _)| trace_id));
        }
        if readings.is_empty() {
            return Err(NotAnId::Unknown);
        }
        readings.retain(|reading| *reading != 0);
        readings.dedup();
        if readings.is_empty() {
            return Err(NotAnId::Zero);
        }
        Ok(TraceIdMatch {
            exact: readings.iter().copied().filter_map(trace_id_of).collect(),
            low64: readings.iter().filter_map(|id| u64::try_from(*id).ok()).collect(),
        })
    }
}

/// The trace's and the span's number, not yet known to be other than zero.
type Numbers = (u128, Option<u64>);

fn composite(text: &str) -> Option<Numbers> {
    xray_header(text).or_else(|| google_cloud(text)).or_else(|| jaeger(text)).or_else(|| dashed(text))
}

/// `<trace>:<span>:<parent>:<flags>` of the header `uber-trace-id`, without leading zeros, its colons maybe escaped.
fn jaeger(text: &str) -> Option<Numbers> {
    let plain = text.replace("%3A", ":");
    let parts: Vec<&str> = plain.splitn(5, ':').collect();
    let [trace, span, parent, flags] = parts[..] else { return None };
    let short = |part: &str| hex_digits(part).and_then(|number| u64::try_from(number).ok());
    let is_header = flags.len() <= 2 && short(parent).is_some() && short(flags).is_some();
    is_header.then(|| Some((hex_digits(trace)?, Some(short(span)?))))?
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`, its parts in any order.
fn xray_header(text: &str) -> Option<Numbers> {
    let part = |name: &str| {
        text.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let root: Vec<&str> = part("Root")?.split('-').collect();
    Some((xray(&root)?, part("Parent").and_then(|parent| exact_hex(parent, 16)).map(low)))
}

/// `projects/<project>/traces/<hex>` of the log format, `<hex>/<decimal>;o=1` of the header.
fn google_cloud(text: &str) -> Option<Numbers> {
    if let Some(name) = text.strip_prefix("projects/") {
        let (_, id) = name.split_once("/traces/")?;
        return Some((exact_hex(id, 32)?, None));
    }
    let (trace, span) = text.split_once('/')?;
    let span = span.split(';').next().and_then(decimal)?;
    Some((exact_hex(trace, 32)?, Some(u64::try_from(span).ok()?)))
}

/// What has dashes in it: `traceparent`, B3, X-Ray's own id, UUID, and 32 digits grouped in any other way.
fn dashed(text: &str) -> Option<Numbers> {
    let parts: Vec<&str> = text.splitn(DASHED_PARTS_MAX + 1, '-').collect();
    if parts.len() < 2 || parts.len() > DASHED_PARTS_MAX {
        return None;
    }
    traceparent(&parts)
        .or_else(|| xray(&parts).map(|id| (id, None)))
        .or_else(|| b3(&parts))
        .or_else(|| grouped(&parts).map(|id| (id, None)))
}

/// No notation has more parts; 32 digits in pairs have half as many dashes.
const DASHED_PARTS_MAX: usize = 16;

/// Version, trace, span, flags. Later versions may append more; `ff` is forbidden.
fn traceparent(parts: &[&str]) -> Option<Numbers> {
    let [version, trace, span, flags, rest @ ..] = parts else { return None };
    let version = exact_hex(version, 2).filter(|version| *version != 0xff)?;
    if version == 0 && !rest.is_empty() {
        return None;
    }
    exact_hex(flags, 2)?;
    Some((exact_hex(trace, 32)?, Some(low(exact_hex(span, 16)?))))
}

/// Version 1, eight digits of time, twenty-four more.
fn xray(parts: &[&str]) -> Option<u128> {
    let ["1", time, rest] = parts else { return None };
    Some(exact_hex(time, 8)? << 96 | exact_hex(rest, 24)?)
}

/// Trace, span, and optionally the sampling state and the parent's span.
fn b3(parts: &[&str]) -> Option<Numbers> {
    let [trace, span, rest @ ..] = parts else { return None };
    match rest {
        [] => {}
        [state] if sampling_state(state) => {}
        [state, parent] if sampling_state(state) => _ = exact_hex(parent, 16)?,
        _ => return None,
    }
    let trace = exact_hex(trace, 32).or_else(|| exact_hex(trace, 16))?;
    Some((trace, Some(low(exact_hex(span, 16)?))))
}

fn sampling_state(text: &str) -> bool {
    matches!(text, "0" | "1" | "d" | "D")
}

/// A UUID, and any other grouping of 32 digits.
fn grouped(parts: &[&str]) -> Option<u128> {
    let digits: usize = parts.iter().map(|part| part.len()).sum();
    if digits != 32 {
        return None;
    }
    parts.iter().try_fold(0, |id, part| {
        let digits = u32::try_from(part.len()).ok()?;
        Some(hex_digits(part)? | u128::checked_shl(id, 4 * digits).unwrap_or(0))
    })
}

/// 1 to 32 hexadecimal digits, with `0x` or without.
fn hex(text: &str) -> Option<u128> {
    hex_digits(text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text))
}

fn exact_hex(text: &str, digits: usize) -> Option<u128> {
    if text.len() == digits { hex_digits(text) } else { None }
}

/// 1 to 32 hexadecimal digits and nothing else. Two halves, for arithmetic of 64 bits is several times as fast.
fn hex_digits(text: &str) -> Option<u128> {
    if !(1..=32).contains(&text.len()) {
        return None;
    }
    let (high, low) = text.as_bytes().split_at(text.len().saturating_sub(16));
    Some(u128::from(hex_half(high)?) << 64 | u128::from(hex_half(low)?))
}

/// At most 16 digits.
fn hex_half(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

/// Decimal digits and nothing else, up to 128 bits.
fn decimal(text: &str) -> Option<u128> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The low half; what has at most 16 digits has no other.
fn low(id: u128) -> u64 {
    id as u64
}

fn trace_id_of(number: u128) -> Option<TraceId> {
    (number != 0).then(|| TraceId(number.to_be_bytes()))
}

fn span_id_of(number: u64) -> Option<SpanId> {
    (number != 0).then(|| SpanId(number.to_be_bytes()))
}

fn non_empty(text: &str) -> Result<&str, NotAnId> {
    let text = text.trim();
    if text.is_empty() { Err(NotAnId::Empty) } else { Ok(text) }
}

#[cfg(test)]
mod tests;
