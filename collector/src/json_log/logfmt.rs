//! logfmt: `time=… level=warn msg="stock is low" trace_id=…`, as Go's loggers and Heroku have it.
//!
//! A line is logfmt when it is pairs from its start on, at least two of them, and one is a name that every log
//! has: prose with an `=` in it is none. Quoted values have JSON's escapes.

use spandrel_store::otlp::Value;

use super::level;
use super::names::{self, Role, Scale};
use super::object::Object;
use crate::normalise::attribute;

/// Parts without a `=` that a line may have, such as a bare flag.
const BARE_MAX: usize = 1;

/// Pairs behind the limit that are read; there are not so many names that every log has.
const KNOWN_MAX: usize = 256;

/// The pairs of a line, or nothing where it is no logfmt. Behind as many as there may be, those that every log has are
/// still read.
pub(super) fn read(line: &str, pairs_max: usize) -> Option<Object> {
    let line = line.trim();
    // Most text fails here: its first word is no pair.
    let first = line.split([' ', '\t']).next()?;
    if !first.contains('=') {
        return None;
    }
    let (mut pairs, mut bare, mut is_known) = (Object::default(), 0, false);
    let mut rest = line;
    while !rest.is_empty() {
        let (key, value, behind) = pair(rest)?;
        match value {
            Some(value) => {
                let has_role = names::role(&[key]).is_some_and(|(role, _)| is_said_in(role, &value));
                is_known |= has_role;
                if pairs.within < pairs_max {
                    pairs.within += 1;
                    pairs.fields.push(attribute(key, value));
                } else if has_role && pairs.fields.len() < pairs_max + KNOWN_MAX {
                    pairs.fields.push(attribute(key, value));
                } else {
                    pairs.left_out += 1;
                }
            }
            None => bare += 1,
        }
        if bare > BARE_MAX {
            return None;
        }
        rest = behind.trim_start();
    }
    pairs.cut = pairs.left_out > 0;
    (pairs.fields.len() >= 2 && is_known).then_some(pairs)
}

/// `status=shipped` alone makes no log.
fn is_said_in(role: Role, value: &Value) -> bool {
    match role {
        Role::Level(scale @ Scale::Status) => level::of_value(value, scale).is_some(),
        _ => true,
    }
}

type Pair<'l> = (&'l str, Option<Value>, &'l str);

/// The next key with its value, and what is behind them.
fn pair(text: &str) -> Option<Pair<'_>> {
    let end = text.find(|c: char| c == '=' || c.is_whitespace() || c == '"').unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    if key.is_empty() {
        return None;
    }
    match rest.chars().next() {
        Some('=') => {
            let (value, behind) = value(&rest[1..])?;
            Some((key, Some(value), behind))
        }
        Some('"') => None,
        _ => Some((key, None, rest)),
    }
}

fn value(text: &str) -> Option<(Value, &str)> {
    if text.starts_with('"') {
        let end = quoted_end(text)?;
        let (quoted, behind) = text.split_at(end);
        let inner = match serde_json::from_str::<String>(quoted) {
            Ok(inner) => inner,
            // Go's %q has escapes that JSON lacks: `\a`, `\x00`.
            Err(_) => quoted[1..end - 1].to_owned(),
        };
        return behind
            .is_empty()
            .then_some(())
            .or_else(|| behind.starts_with(char::is_whitespace).then_some(()))
            .map(|()| (Value::StringValue(inner), behind));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (plain, behind) = text.split_at(end);
    if plain.contains('"') {
        return None;
    }
    Some((typed(plain), behind))
}

/// Behind the closing quote.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// Numbers and booleans that lose nothing by being such; everything else, `007` and ids too, is text.
fn typed(text: &str) -> Value {
    if text.len() < 16 && text.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'-') {
        if let Ok(number) = text.parse::<i64>()
            && number.to_string() == text
        {
            return Value::IntValue(number);
        }
        if let Ok(number) = text.parse::<f64>()
            && number.to_string() == text
        {
            return Value::DoubleValue(number);
        }
    }
    match text {
        "true" => Value::BoolValue(true),
        "false" => Value::BoolValue(false),
        _ => Value::StringValue(text.to_owned()),
    }
}

#[cfg(test)]
mod tests;
