//! What the lexers of TraceQL and LogQL share: quoted text, numbers, durations, space and comments.
//!
//! Every parser here takes its lexeme off the front of the input or leaves the input as it was.

use winnow::ascii::digit1;
use winnow::combinator::{alt, opt, repeat};
use winnow::prelude::*;
use winnow::token::{any, literal, take_till, take_while};

use crate::time::parse_duration;

type NoMatch = winnow::error::EmptyError;

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
}

/// Space, and comments from `#` to the end of the line.
pub(super) fn skip_space(input: &mut &str) {
    let space = take_while::<_, &str, NoMatch>(1.., char::is_whitespace);
    let comment = (literal("#"), take_till(0.., '\n')).take();
    let skipped: Result<(), NoMatch> = repeat(0.., alt((space, comment))).parse_next(input);
    // Zero or more of it cannot fail.
    let _ = skipped;
}

/// Text in double quotes with Go's escapes, or in backticks as it stands. `None` where the quote is not
/// closed or an escape is not one.
pub(crate) fn quoted(input: &mut &str) -> Option<String> {
    let before = *input;
    let text = match before.as_bytes().first()? {
        b'`' => before[1..].split_once('`').map(|(text, rest)| {
            *input = rest;
            text.to_owned()
        }),
        b'"' => {
            *input = &before[1..];
            escaped(input)
        }
        _ => None,
    };
    if text.is_none() {
        *input = before;
    }
    text
}

fn escaped(input: &mut &str) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let c = take_char(input)?;
        match c {
            '"' => return String::from_utf8(bytes).ok(),
            '\\' => escape(input, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// One of Go's escapes, behind its backslash. `\x` and the octal ones are bytes, the others characters.
fn escape(input: &mut &str, bytes: &mut Vec<u8>) -> Option<()> {
    let c = match take_char(input)? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'v' => '\x0b',
        c @ ('\\' | '"' | '\'' | '`' | '/') => c,
        'x' => {
            bytes.push(u8::try_from(digits(input, 2, 16)?).ok()?);
            return Some(());
        }
        'u' => char::from_u32(digits(input, 4, 16)?)?,
        'U' => char::from_u32(digits(input, 8, 16)?)?,
        c @ '0'..='7' => {
            let number = c.to_digit(8)? * 64 + digits(input, 2, 8)?;
            bytes.push(u8::try_from(number).ok()?);
            return Some(());
        }
        _ => return None,
    };
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

fn take_char(input: &mut &str) -> Option<char> {
    any::<_, NoMatch>.parse_next(input).ok()
}

fn digits(input: &mut &str, count: usize, radix: u32) -> Option<u32> {
    let (digits, rest) = input.split_at_checked(count)?;
    *input = rest;
    digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
}

/// A number or a duration: what begins with a digit, or with a point and a digit. `None` where none stands
/// here, or none that fits.
pub(super) fn number(input: &mut &str) -> Option<Number> {
    let before = *input;
    let found = duration(input).or_else(|| {
        *input = before;
        plain_number(input)
    });
    // `10abc` is neither.
    let ends = !input.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if found.is_none() || !ends {
        *input = before;
        return None;
    }
    found
}

fn duration(input: &mut &str) -> Option<Number> {
    let small = alt::<&str, &str, NoMatch, _>(("ns", "us", "µs", "μs", "ms"));
    let unit = alt((small, alt(("s", "m", "h", "d", "w", "y"))));
    let part = (digit1, opt((literal("."), digit1)), unit).take();
    let text: &str = repeat::<_, _, (), NoMatch, _>(1.., part).take().parse_next(input).ok()?;
    // A year is what Prometheus takes for one.
    let nanos = match text.strip_suffix('y') {
        Some(years) => years.parse::<u64>().ok()?.checked_mul(365 * 86_400 * 1_000_000_000)?,
        None => parse_duration(text)?,
    };
    i64::try_from(nanos).ok().map(Number::Duration)
}

fn plain_number(input: &mut &str) -> Option<Number> {
    let text: &str = alt::<&str, &str, NoMatch, _>((
        (alt(("0x", "0X")), take_while(1.., |c: char| c.is_ascii_hexdigit())).take(),
        (literal("."), digit1, opt(exponent)).take(),
        (digit1, opt((literal("."), opt(digit1))), opt(exponent)).take(),
    ))
    .parse_next(input)
    .ok()?;
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok().map(Number::Int);
    }
    match text.parse::<i64>() {
        Ok(int) => Some(Number::Int(int)),
        Err(_) => text.parse::<f64>().ok().filter(|float| float.is_finite()).map(Number::Float),
    }
}

fn exponent<'t>(input: &mut &'t str) -> Result<&'t str, NoMatch> {
    (alt(("e", "E")), opt(alt(("+", "-"))), digit1).take().parse_next(input)
}
