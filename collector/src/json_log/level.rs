//! Levels as loggers write them, words or numbers, with the original kept beside what they mean.

use spandrel_store::Level;
use spandrel_store::otlp::Value;

use super::names::Scale;

/// A level: OpenTelemetry's number for it, 0 where it is not known, and how it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LineLevel {
    pub(super) severity_number: i32,
    pub(super) text: String,
}

impl LineLevel {
    pub(super) fn new(level: Option<Level>, text: &str) -> LineLevel {
        LineLevel { severity_number: level.map_or(0, severity_number), text: text.to_owned() }
    }

    pub(super) fn information() -> LineLevel {
        LineLevel::new(Some(Level::Info), "")
    }
}

/// The first of the four numbers that OpenTelemetry has for a level.
fn severity_number(level: Level) -> i32 {
    (i32::from(level as u8) - 1) * 4 + 1
}

pub(super) fn of_value(value: &Value, scale: Scale) -> Option<LineLevel> {
    let is_word = || matches!(value, Value::StringValue(text) if of_word(text).is_some());
    let is_level = match scale {
        Scale::Word => is_word(),
        // `ok`, `success` and `default` say how something went, and letters may be anything.
        Scale::Status => is_word() && matches!(value, Value::StringValue(text) if is_level_word(text.trim())),
        _ => true,
    };
    if !is_level {
        return None;
    }
    let level = of_any(value, scale)?;
    let is_of_syslog = matches!(scale, Scale::Syslog | Scale::Priority);
    (!is_of_syslog || level.severity_number != 0).then_some(level)
}

/// The store's words, one of Rust's slog, and those between Go's.
pub(super) fn of_word(text: &str) -> Option<Level> {
    let of_rust = || text.trim().eq_ignore_ascii_case("erro").then_some(Level::Error);
    Level::from_text(text).or_else(of_rust).or_else(|| of_slog(text.trim()))
}

/// A capital that stands for a level, where its place says that it does.
pub(super) fn of_letter(letter: &str) -> Option<Level> {
    Some(match letter {
        "T" => Level::Trace,
        "D" => Level::Debug,
        "I" => Level::Info,
        "W" => Level::Warn,
        "E" => Level::Error,
        "F" => Level::Fatal,
        _ => return None,
    })
}

/// `INFO+1`, `DEBUG-4`: a level of one's own between those of Go's slog, by the one that it is written with.
pub(super) fn of_slog(text: &str) -> Option<Level> {
    let (word, offset) = text.split_once(['+', '-'])?;
    if !(1..=3).contains(&offset.len()) || !offset.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match word {
        "DEBUG" => Some(Level::Debug),
        "INFO" => Some(Level::Info),
        "WARN" => Some(Level::Warn),
        "ERROR" => Some(Level::Error),
        _ => None,
    }
}

/// Words that are levels and nothing else; `OK`, `HTTP` or `DEFAULT` at the start of a text say something else.
pub(super) fn is_level_word(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "trace",
        "trc",
        "debug",
        "dbg",
        "debg",
        "verbose",
        "info",
        "inf",
        "information",
        "notice",
        "warn",
        "warning",
        "wrn",
        "error",
        "err",
        "eror",
        "erro",
        "severe",
        "fatal",
        "ftl",
        "critical",
        "crit",
        "alert",
        "emerg",
        "emergency",
        "panic",
    ];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// A level's word that is not the priority of a job or of a ticket as well, as `critical` and `alert` are.
pub(super) fn is_no_priority_of_business(word: &str) -> bool {
    const WORDS: &[&str] = &["trace", "debug", "info", "notice", "warn", "warning", "error", "err", "fatal"];
    WORDS.iter().any(|known| word.trim().eq_ignore_ascii_case(known))
}

fn of_any(value: &Value, scale: Scale) -> Option<LineLevel> {
    match value {
        Value::StringValue(text) if text.trim().is_empty() => None,
        Value::StringValue(text) => Some(match text.trim().parse() {
            Ok(number) => of_number(number, scale, text),
            Err(_) => LineLevel::new(of_word(text), text),
        }),
        Value::IntValue(number) => Some(of_number(*number, scale, &number.to_string())),
        Value::DoubleValue(number) if number.fract() == 0.0 => {
            Some(of_number(*number as i64, scale, &number.to_string()))
        }
        _ => None,
    }
}

fn of_number(number: i64, scale: Scale, text: &str) -> LineLevel {
    if scale == Scale::OpenTelemetry || scale == Scale::GoogleCloud && is_of_opentelemetry_only(number) {
        let number =
            i32::try_from(number).ok().filter(|number| Level::from_severity_number(*number).is_some());
        return LineLevel { severity_number: number.unwrap_or(0), text: text.to_owned() };
    }
    LineLevel::new(level_of_number(number, scale), text)
}

/// Google Cloud's numbers are hundreds, syslog's end at 7, and 10 and 20 may be pino's.
fn is_of_opentelemetry_only(number: i64) -> bool {
    (8..=24).contains(&number) && number % 10 != 0
}

/// The level of a number that was read on another scale, where it is one of OpenTelemetry's, 0 for none among them.
pub(super) fn on_scale_of_opentelemetry(text: &str) -> Option<LineLevel> {
    let number = text.parse::<i64>().ok().filter(|number| (0..=24).contains(number))?;
    Some(of_number(number, Scale::OpenTelemetry, text))
}

fn level_of_number(number: i64, scale: Scale) -> Option<Level> {
    match (number, scale) {
        (0..=9, Scale::Python) => None,
        (10..=59, Scale::Python) => Level::from_repr(u8::try_from(number / 10).ok()? + 1),
        (0..=7, _) => of_syslog(number),
        (_, Scale::Syslog | Scale::Priority) => None,
        // pino and bunyan: trace 10, debug 20, … fatal 60; levels of one's own lie between.
        (10..=69, _) => Level::from_repr(u8::try_from(number / 10).ok()?),
        (100..=800, Scale::GoogleCloud) => of_google_cloud(number),
        (100..=600, _) => of_monolog(number),
        (5_000..=50_000, _) => of_logback(number),
        _ => None,
    }
}

/// RFC 5424: emergency 0 to debug 7.
pub(super) fn of_syslog(number: i64) -> Option<Level> {
    Some(match number {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        7 => Level::Debug,
        _ => return None,
    })
}

fn of_google_cloud(number: i64) -> Option<Level> {
    Some(match number {
        100..200 => Level::Debug,
        200..400 => Level::Info,
        400..500 => Level::Warn,
        500..600 => Level::Error,
        _ => Level::Fatal,
    })
}

fn of_monolog(number: i64) -> Option<Level> {
    Some(match number {
        100..200 => Level::Debug,
        200..300 => Level::Info,
        300..400 => Level::Warn,
        400..500 => Level::Error,
        _ => Level::Fatal,
    })
}

fn of_logback(number: i64) -> Option<Level> {
    Some(match number {
        5_000..10_000 => Level::Trace,
        10_000..20_000 => Level::Debug,
        20_000..30_000 => Level::Info,
        30_000..40_000 => Level::Warn,
        40_000..50_000 => Level::Error,
        _ => Level::Fatal,
    })
}
