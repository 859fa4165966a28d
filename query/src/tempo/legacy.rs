//! The older form of a search, which is written as TraceQL and read as that.

use crate::grafana::params::Params;
use crate::grafana::refusal::Refusal;
use crate::language::traceql::{self, Query};

use super::search::bad_query;

/// The older form of a search: `tags` in logfmt, and bounds for the trace's duration.
pub(super) fn query(params: &Params, limits: &spandrel_config::Limits) -> Result<Query, Refusal> {
    let mut conditions = Vec::new();
    for (key, value) in params.get("tags").map(logfmt_pairs).unwrap_or_default() {
        conditions.push(tag_condition(&key, &value));
    }
    for (name, compared) in [("minDuration", ">="), ("maxDuration", "<=")] {
        let Some(text) = params.get(name) else { continue };
        let nanos = crate::time::parse_duration(text)
            .ok_or_else(|| Refusal::bad(format!("invalid {name}: `{text}` is no duration")))?;
        conditions.push(format!("traceDuration {compared} {nanos}ns"));
    }
    let text = format!("{{{}}}", conditions.join(" && "));
    traceql::parse(&text, limits).map_err(|mistake| bad_query(&text, &mistake))
}

/// A tag's value is text that may mean a number or a boolean.
fn tag_condition(key: &str, value: &str) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match (key, value) {
        ("name", value) => return format!("name = {}", quoted(value)),
        ("error", "true") => return "status = error".to_owned(),
        ("status" | "status.code", "ok" | "error" | "unset") => return format!("status = {value}"),
        ("root.name", value) => return format!("rootName = {}", quoted(value)),
        ("root.service.name", value) => return format!("rootServiceName = {}", quoted(value)),
        _ => {}
    }
    let name = format!(".{}", quoted(key));
    let literal = value.parse::<f64>().is_ok_and(f64::is_finite) || matches!(value, "true" | "false");
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte.is_ascii_lowercase());
    match literal && plain {
        true => format!("({name} = {} || {name} = {value})", quoted(value)),
        false => format!("{name} = {}", quoted(value)),
    }
}

/// `key=value key2="a value"`.
fn logfmt_pairs(text: &str) -> Vec<(String, String)> {
    let (mut rest, mut pairs) = (text.trim_start(), Vec::new());
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].to_owned();
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix('=') else {
            rest = rest.trim_start();
            pairs.push((key, "true".to_owned()));
            continue;
        };
        rest = after;
        let value = match crate::language::quoted(&mut rest) {
            Some(value) => value,
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let value = rest[..end].to_owned();
                rest = &rest[end..];
                value
            }
        };
        pairs.push((key, value));
        rest = rest.trim_start();
    }
    pairs
}
