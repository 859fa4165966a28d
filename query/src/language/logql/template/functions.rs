//! The functions of templates, under the names that Loki and Go give them.

use std::cmp::Ordering;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::value::Value;
use super::{Source, date};
use crate::language::pattern::Pattern;
use crate::time::parse_duration;

/// Bytes that `repeat` and its like make at most.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// What Go escapes in a query, a space aside.
const QUERY_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A function, by its name among [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Function(&'static str);

const NAMES: [&str; 84] = [
    "__line__",
    "__timestamp__",
    "ToLower",
    "ToUpper",
    "Replace",
    "Trim",
    "TrimLeft",
    "TrimRight",
    "TrimPrefix",
    "TrimSuffix",
    "TrimSpace",
    "lower",
    "upper",
    "title",
    "trunc",
    "substr",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "indent",
    "nindent",
    "replace",
    "repeat",
    "trim",
    "trimAll",
    "trimPrefix",
    "trimSuffix",
    "regexReplaceAll",
    "regexReplaceAllLiteral",
    "count",
    "urldecode",
    "urlencode",
    "b64enc",
    "b64dec",
    "bytes",
    "duration",
    "duration_seconds",
    "unixEpoch",
    "unixEpochMillis",
    "unixEpochNanos",
    "now",
    "date",
    "toDate",
    "toDateInZone",
    "unixToTime",
    "fromJson",
    "index",
    "slice",
    "html",
    "urlquery",
    "default",
    "alignLeft",
    "alignRight",
    "add",
    "sub",
    "mul",
    "div",
    "mod",
    "addf",
    "subf",
    "mulf",
    "divf",
    "max",
    "min",
    "maxf",
    "minf",
    "ceil",
    "floor",
    "round",
    "int",
    "float64",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "or",
    "not",
    "len",
    "print",
    "printf",
    "println",
];

type Called = Result<Value, String>;

impl Function {
    pub(super) fn named(name: &str) -> Option<Function> {
        NAMES.into_iter().find(|known| *known == name).map(Function)
    }

    pub(super) fn call(self, arguments: &[Value], source: &dyn Source) -> Called {
        let args = Arguments { name: self.0, values: arguments };
        match self.0 {
            "__line__" => Ok(Value::Text(source.line().to_owned())),
            "__timestamp__" => Ok(Value::Time(as_int(source.time_ns()))),
            "now" => Ok(Value::Time(as_int(spandrel_store::UnixNanos::now().0))),
            "unixEpoch" | "unixEpochMillis" | "unixEpochNanos" => {
                let nanos = match arguments.last() {
                    Some(Value::Time(nanos)) => *nanos,
                    _ => as_int(source.time_ns()),
                };
                Ok(match self.0 {
                    "unixEpoch" => Value::Text(nanos.div_euclid(1_000_000_000).to_string()),
                    "unixEpochMillis" => Value::Text(nanos.div_euclid(1_000_000).to_string()),
                    _ => Value::Text(nanos.to_string()),
                })
            }
            "date" | "toDate" | "toDateInZone" | "unixToTime" => time(&args),
            "fromJson" | "index" | "slice" => structure(&args),
            "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or" | "not" | "default" => logic(&args),
            "add" | "sub" | "mul" | "div" | "mod" | "addf" | "subf" | "mulf" | "divf" | "max" | "min"
            | "maxf" | "minf" | "ceil" | "floor" | "round" | "int" | "float64" => arithmetic(&args),
            _ => text(&args),
        }
    }
}

fn as_int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

struct Arguments<'a> {
    name: &'static str,
    values: &'a [Value],
}

impl Arguments<'_> {
    fn get(&self, index: usize) -> Result<&Value, String> {
        self.values.get(index).ok_or_else(|| format!("`{}` needs more arguments", self.name))
    }

    fn text(&self, index: usize) -> Result<String, String> {
        self.get(index).map(Value::to_string)
    }

    fn int(&self, index: usize) -> Result<i64, String> {
        Ok(self.get(index)?.float() as i64)
    }

    fn float(&self, index: usize) -> Result<f64, String> {
        Ok(self.get(index)?.float())
    }

    /// A count of characters, not below zero.
    fn size(&self, index: usize) -> Result<usize, String> {
        Ok(usize::try_from(self.int(index)?).unwrap_or(0).min(TEXT_BYTES_MAX))
    }
}

fn text(args: &Arguments<'_>) -> Called {
    let set = |text: &str| text.chars().collect::<Vec<char>>();
    let done = match args.name {
        "ToLower" | "lower" => args.text(0)?.to_lowercase(),
        "ToUpper" | "upper" => args.text(0)?.to_uppercase(),
        "title" => title(&args.text(0)?),
        "TrimSpace" | "trim" => args.text(0)?.trim().to_owned(),
        // Go's own take the text first, Sprig's last.
        "Trim" => args.text(0)?.trim_matches(&set(&args.text(1)?)[..]).to_owned(),
        "TrimLeft" => args.text(0)?.trim_start_matches(&set(&args.text(1)?)[..]).to_owned(),
        "TrimRight" => args.text(0)?.trim_end_matches(&set(&args.text(1)?)[..]).to_owned(),
        "trimAll" => args.text(1)?.trim_matches(&set(&args.text(0)?)[..]).to_owned(),
        "TrimPrefix" => without_prefix(&args.text(0)?, &args.text(1)?),
        "trimPrefix" => without_prefix(&args.text(1)?, &args.text(0)?),
        "TrimSuffix" => without_suffix(&args.text(0)?, &args.text(1)?),
        "trimSuffix" => without_suffix(&args.text(1)?, &args.text(0)?),
        "Replace" => match args.int(3)? {
            count if count < 0 => args.text(0)?.replace(&args.text(1)?, &args.text(2)?),
            count => args.text(0)?.replacen(&args.text(1)?, &args.text(2)?, count as usize),
        },
        "replace" => args.text(2)?.replace(&args.text(0)?, &args.text(1)?),
        "trunc" => truncated(args.int(0)?, &args.text(1)?),
        "substr" => {
            let (start, end) = (args.int(0)?, args.int(1)?);
            let text = args.text(2)?;
            let chars = text.chars().skip(usize::try_from(start).unwrap_or(0));
            match usize::try_from(end - start.max(0)) {
                Ok(count) => chars.take(count).collect(),
                Err(_) => chars.collect(),
            }
        }
        "contains" => return Ok(Value::Bool(args.text(1)?.contains(&args.text(0)?))),
        "hasPrefix" => return Ok(Value::Bool(args.text(1)?.starts_with(&args.text(0)?))),
        "hasSuffix" => return Ok(Value::Bool(args.text(1)?.ends_with(&args.text(0)?))),
        "indent" => indented(args.size(0)?, &args.text(1)?),
        "nindent" => format!("\n{}", indented(args.size(0)?, &args.text(1)?)),
        "repeat" => {
            let text = args.text(1)?;
            text.repeat(args.size(0)?.min(TEXT_BYTES_MAX / text.len().max(1)))
        }
        "regexReplaceAll" => {
            pattern(args)?.regex().replace_all(&args.text(1)?, args.text(2)?.as_str()).into_owned()
        }
        "regexReplaceAllLiteral" => {
            let with = args.text(2)?;
            pattern(args)?.regex().replace_all(&args.text(1)?, regex::NoExpand(&with)).into_owned()
        }
        "count" => return Ok(Value::Int(pattern(args)?.regex().find_iter(&args.text(1)?).count() as i64)),
        "urldecode" => percent_decode_str(&args.text(0)?.replace('+', " ")).decode_utf8_lossy().into_owned(),
        "urlencode" | "urlquery" => {
            utf8_percent_encode(&args.text(0)?, QUERY_ESCAPED).to_string().replace("%20", "+")
        }
        "b64enc" => spandrel_store::record::value::base64(args.text(0)?.as_bytes()),
        "b64dec" => from_base64(&args.text(0)?)?,
        "bytes" => {
            let bytes = crate::language::logql::bytes_of(&args.text(0)?).ok_or("this is no size")?;
            return Ok(Value::Float(bytes));
        }
        "duration" | "duration_seconds" => {
            let text = args.text(0)?;
            let nanos = parse_duration(&text).ok_or_else(|| format!("`{text}` is no duration"))?;
            return Ok(Value::Float(nanos as f64 / 1e9));
        }
        "alignLeft" => aligned(args.size(0)?, &args.text(1)?, true),
        "alignRight" => aligned(args.size(0)?, &args.text(1)?, false),
        "len" => {
            return Ok(Value::Int(match args.get(0)? {
                Value::List(items) => items.len() as i64,
                Value::Map(map) => map.len() as i64,
                other => other.to_string().len() as i64,
            }));
        }
        "html" => escaped(&args.text(0)?),
        "print" => args.values.iter().map(Value::to_string).collect(),
        "println" => format!("{}\n", args.values.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")),
        "printf" => printf(&args.text(0)?, args.values.get(1..).unwrap_or_default()),
        name => return Err(format!("`{name}` is not known")),
    };
    Ok(Value::Text(done))
}

fn time(args: &Arguments<'_>) -> Called {
    Ok(match args.name {
        "date" => {
            let nanos = match args.get(1)? {
                Value::Time(nanos) => *nanos,
                // Sprig takes whole numbers for seconds.
                other => (other.float() as i64).saturating_mul(1_000_000_000),
            };
            Value::Text(date::format(&args.text(0)?, nanos))
        }
        "toDate" => Value::Time(date::parse(&args.text(0)?, "UTC", &args.text(1)?)?),
        "toDateInZone" => Value::Time(date::parse(&args.text(0)?, &args.text(1)?, &args.text(2)?)?),
        _ => {
            // By the number of digits: days, seconds, milliseconds, microseconds, nanoseconds.
            let text = args.text(0)?;
            let number: i64 = text.trim().parse().map_err(|_| format!("`{text}` is no time"))?;
            let unit = match text.trim().trim_start_matches('-').len() {
                5 => 86_400_000_000_000,
                10 => 1_000_000_000,
                13 => 1_000_000,
                16 => 1_000,
                19 => 1,
                _ => return Err(format!("`{text}` is no time since 1970")),
            };
            Value::Time(number.checked_mul(unit).ok_or("a time beyond all others")?)
        }
    })
}

fn structure(args: &Arguments<'_>) -> Called {
    match args.name {
        // What is no JSON is nothing, as in Sprig.
        "fromJson" => Ok(serde_json::from_str(&args.text(0)?).map_or(Value::Nil, Value::of_json)),
        "index" => {
            let mut value = args.get(0)?.clone();
            for key in args.values.iter().skip(1) {
                value = match (value, key) {
                    (Value::Map(mut map), key) => map.remove(&key.to_string()).unwrap_or(Value::Nil),
                    (Value::List(mut items), key) => {
                        let at = usize::try_from(key.float() as i64).ok().filter(|at| *at < items.len());
                        items.swap_remove(at.ok_or_else(|| format!("index out of range: {key}"))?)
                    }
                    (other, _) => return Err(format!("`index` cannot look into `{other}`")),
                };
            }
            Ok(value)
        }
        _ => {
            let bound = |at: usize, length: usize| -> Result<usize, String> {
                match args.values.get(at) {
                    None => Ok(length),
                    Some(bound) => usize::try_from(bound.float() as i64)
                        .ok()
                        .filter(|bound| *bound <= length)
                        .ok_or_else(|| format!("slice index out of range: {bound}")),
                }
            };
            let from = |length| if args.values.len() > 1 { bound(1, length) } else { Ok(0) };
            match args.get(0)? {
                Value::List(items) => {
                    let (from, to) = (from(items.len())?, bound(2, items.len())?);
                    Ok(Value::List(items.get(from..to).ok_or("slice bounds out of order")?.to_vec()))
                }
                Value::Text(text) => {
                    let (from, to) = (from(text.len())?, bound(2, text.len())?);
                    Ok(Value::Text(text.get(from..to).ok_or("slice bounds out of order")?.to_owned()))
                }
                other => Err(format!("`slice` cannot cut `{other}`")),
            }
        }
    }
}

fn pattern(args: &Arguments<'_>) -> Result<Pattern, String> {
    Pattern::part(&args.text(0)?)
}

fn logic(args: &Arguments<'_>) -> Called {
    let compare = || -> Result<Option<Ordering>, String> { Ok(args.get(0)?.compare(args.get(1)?)) };
    Ok(match args.name {
        "not" => Value::Bool(!args.get(0)?.is_true()),
        "and" => args
            .values
            .iter()
            .find(|value| !value.is_true())
            .or(args.values.last())
            .cloned()
            .unwrap_or(Value::Bool(true)),
        "or" => args
            .values
            .iter()
            .find(|value| value.is_true())
            .or(args.values.last())
            .cloned()
            .unwrap_or(Value::Bool(false)),
        "default" => {
            let given = args.get(1)?;
            if given.is_true() { given.clone() } else { args.get(0)?.clone() }
        }
        "eq" => {
            let first = args.get(0)?;
            args.get(1)?;
            let equal = args.values[1..].iter().any(|other| first.compare(other) == Some(Ordering::Equal));
            Value::Bool(equal)
        }
        "ne" => Value::Bool(compare()? != Some(Ordering::Equal)),
        "lt" => Value::Bool(compare()?.is_some_and(Ordering::is_lt)),
        "le" => Value::Bool(compare()?.is_some_and(Ordering::is_le)),
        "gt" => Value::Bool(compare()?.is_some_and(Ordering::is_gt)),
        _ => Value::Bool(compare()?.is_some_and(Ordering::is_ge)),
    })
}

fn arithmetic(args: &Arguments<'_>) -> Called {
    let ints = |combine: fn(i64, i64) -> Option<i64>| -> Called {
        let mut sum = args.int(0)?;
        for index in 1..args.values.len() {
            let next = args.int(index)?;
            sum = combine(sum, next).ok_or_else(|| format!("`{}` of {sum} and {next}", args.name))?;
        }
        Ok(Value::Int(sum))
    };
    let floats = |combine: fn(f64, f64) -> f64| -> Called {
        let mut sum = args.float(0)?;
        for index in 1..args.values.len() {
            sum = combine(sum, args.float(index)?);
        }
        Ok(Value::Float(sum))
    };
    match args.name {
        "add" => ints(i64::checked_add),
        "sub" => ints(i64::checked_sub),
        "mul" => ints(i64::checked_mul),
        "div" => ints(i64::checked_div),
        "mod" => ints(i64::checked_rem),
        "max" => ints(|a, b| Some(a.max(b))),
        "min" => ints(|a, b| Some(a.min(b))),
        "addf" => floats(|a, b| a + b),
        "subf" => floats(|a, b| a - b),
        "mulf" => floats(|a, b| a * b),
        "divf" => floats(|a, b| a / b),
        "maxf" => floats(f64::max),
        "minf" => floats(f64::min),
        "ceil" => Ok(Value::Float(args.float(0)?.ceil())),
        "floor" => Ok(Value::Float(args.float(0)?.floor())),
        "round" => {
            let places = if args.values.len() > 1 { args.int(1)?.clamp(0, 15) } else { 0 };
            let scale = 10f64.powi(places as i32);
            Ok(Value::Float((args.float(0)? * scale).round() / scale))
        }
        "int" => Ok(Value::Int(args.int(0)?)),
        _ => Ok(Value::Float(args.float(0)?)),
    }
}

fn title(text: &str) -> String {
    let mut begins = true;
    let title = text.chars().flat_map(|c| {
        let upper = begins && c.is_alphabetic();
        begins = !c.is_alphanumeric();
        if upper { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
    });
    title.collect()
}

/// As Go escapes text for HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn without_prefix(text: &str, prefix: &str) -> String {
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}

fn without_suffix(text: &str, suffix: &str) -> String {
    text.strip_suffix(suffix).unwrap_or(text).to_owned()
}

/// The first so many characters; the last, where the count is negative.
fn truncated(count: i64, text: &str) -> String {
    let length = text.chars().count();
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    match count < 0 {
        true => text.chars().skip(length.saturating_sub(size)).collect(),
        false => text.chars().take(size).collect(),
    }
}

fn indented(spaces: usize, text: &str) -> String {
    let pad = " ".repeat(spaces.min(1_000));
    format!("{pad}{}", text.replace('\n', &format!("\n{pad}")))
}

fn aligned(width: usize, text: &str, left: bool) -> String {
    let length = text.chars().count();
    let pad = " ".repeat(width.saturating_sub(length));
    match (left, length > width) {
        (true, true) => text.chars().take(width).collect(),
        (false, true) => text.chars().skip(length - width).collect(),
        (true, false) => format!("{text}{pad}"),
        (false, false) => format!("{pad}{text}"),
    }
}

fn from_base64(text: &str) -> Result<String, String> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(c).ok_or("this is no base64")?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// `%s`, `%v`, `%d`, `%q`, `%f` and `%%`, with width and precision.
fn printf(format: &str, values: &[Value]) -> String {
    let (mut out, mut rest, mut values) = (String::new(), format, values.iter());
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let end = after.find(|c: char| c.is_alphabetic() || c == '%').unwrap_or(after.len());
        let (flags, verb) = after.split_at(end);
        let mut chars = verb.chars();
        let Some(verb) = chars.next() else { return out };
        rest = chars.as_str();
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let (width, precision) = flags.split_once('.').unwrap_or((flags, ""));
        let precision: Option<usize> = precision.parse().ok().map(|places: usize| places.min(64));
        let text = match verb {
            'd' => (value.float() as i64).to_string(),
            'f' | 'g' | 'e' => format!("{:.*}", precision.unwrap_or(6), value.float()),
            'q' => format!("{:?}", value.to_string()),
            _ => value.to_string(),
        };
        let zero = width.starts_with('0');
        let left = width.starts_with('-');
        let width: usize = width.trim_start_matches(['-', '0', '+']).parse().unwrap_or(0).min(1_000);
        let pad = width.saturating_sub(text.chars().count());
        let pad = (if zero { "0" } else { " " }).repeat(pad);
        out.push_str(&if left { format!("{text}{pad}") } else { format!("{pad}{text}") });
    }
    out.push_str(rest);
    out
}
