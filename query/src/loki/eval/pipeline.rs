//! A pipeline over one entry.

use std::net::IpAddr;

use spandrel_store::id::notation::Digits;
use spandrel_store::{SpanId, TraceIdMatch};

use super::entry::Entry;
use super::parsers::{self, ERROR, ERROR_DETAILS, fail};
use crate::language::logql::{
    Conversion, IpRange, LabelFilter, LabelFormat, LineFilter, LineTest, LogQuery, Matched, Matcher, Stage,
    bytes_of,
};
use crate::time::parse_duration;

pub struct Pipeline {
    log: LogQuery,
}

/// A line with which a stage could not do its work, in a question for numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineError {
    pub error: String,
    pub details: String,
}

/// What is left of an entry.
pub struct Passed {
    pub entry: Entry,
    /// The number that was taken out of it.
    pub unwrapped: Option<f64>,
}

impl Pipeline {
    pub fn new(log: LogQuery) -> Pipeline {
        Pipeline { log }
    }

    /// Whether anything but the labels of streams and the line is looked at.
    pub fn needs_metadata(&self) -> bool {
        !self.log.stages.iter().all(|stage| matches!(stage, Stage::Line(_) | Stage::Decolorize))
    }

    /// Whether the labels of the stream are those that are asked for.
    pub fn selects(&self, entry: &Entry) -> bool {
        let selected = |matcher: &Matcher| {
            let of_stream =
                entry.labels.iter().find(|l| l.kind == super::Kind::Stream && l.name == matcher.label);
            matched(matcher, of_stream.map_or("", |label| &label.value))
        };
        self.log.matchers.iter().all(selected)
    }

    /// Runs all stages; `None` where one of them drops the entry.
    pub fn run(&self, mut entry: Entry) -> Option<Passed> {
        if !self.selects(&entry) {
            return None;
        }
        let mut unwrapped = None;
        for stage in &self.log.stages {
            match stage {
                Stage::Line(filter) if !passes_line(filter, &entry.line) => return None,
                Stage::Label(filter) if !passes_label(filter, &mut entry) => return None,
                Stage::Unwrap { label, conversion } => {
                    unwrapped = Some(unwrap(&mut entry, label, *conversion)?)
                }
                stage => apply(stage, &mut entry),
            }
        }
        Some(Passed { entry, unwrapped })
    }
}

impl Passed {
    /// What went wrong on the way, if it was not dropped or filtered since.
    pub fn error(&self) -> Option<PipelineError> {
        let error = self.entry.get(ERROR).filter(|error| !error.is_empty())?.to_owned();
        let details = self.entry.get(ERROR_DETAILS).unwrap_or_default().to_owned();
        Some(PipelineError { error, details })
    }
}

fn apply(stage: &Stage, entry: &mut Entry) {
    match stage {
        Stage::Json(fields) => parsers::json(entry, fields),
        Stage::Logfmt { strict, keep_empty, fields } => parsers::logfmt(entry, *strict, *keep_empty, fields),
        Stage::Regexp(pattern) => parsers::regexp(entry, pattern),
        Stage::Pattern(parts) => parsers::pattern(entry, parts),
        Stage::Unpack => parsers::unpack(entry),
        Stage::Decolorize => entry.line = parsers::decolorized(&entry.line),
        Stage::LineFormat(template) => match template.fill(entry) {
            Ok(line) => entry.line = line,
            Err(why) => fail(entry, "TemplateFormatErr", why),
        },
        Stage::LabelFormat(formats) => {
            formats.iter().for_each(|(label, format)| relabel(entry, label, format))
        }
        Stage::Drop(selected) => {
            for (label, matcher) in selected {
                let drops = matcher
                    .as_ref()
                    .is_none_or(|matcher| matched(matcher, entry.get(label).unwrap_or_default()));
                if drops {
                    entry.remove(label);
                }
            }
        }
        Stage::Keep(selected) => {
            let kept: Vec<bool> = entry
                .labels
                .iter()
                .map(|label| {
                    let special = label.name.starts_with("__");
                    special
                        || selected.iter().any(|(name, matcher)| {
                            label.name == *name
                                && matcher.as_ref().is_none_or(|matcher| matched(matcher, &label.value))
                        })
                })
                .collect();
            let mut kept = kept.into_iter();
            entry.labels.retain(|_| kept.next().unwrap_or(true));
        }
        Stage::Line(_) | Stage::Label(_) | Stage::Unwrap { .. } => {}
    }
}

fn relabel(entry: &mut Entry, label: &str, format: &LabelFormat) {
    match format {
        LabelFormat::Rename(from) => {
            if let Some(value) = entry.get(from).map(str::to_owned) {
                entry.remove(from);
                entry.set(label, value);
            }
        }
        LabelFormat::Template(template) => match template.fill(entry) {
            Ok(value) => entry.set(label, value),
            Err(why) => fail(entry, "TemplateFormatErr", why),
        },
    }
}

fn passes_line(filter: &LineFilter, line: &str) -> bool {
    let any = filter.any.iter().any(|test| match test {
        LineTest::Contains(text) => line.contains(text.as_str()),
        LineTest::Matches(pattern) => pattern.matches(line),
        LineTest::Like(parts) => parsers::is_like(parts, line),
        LineTest::Ip(range) => addresses(line).any(|ip| range.contains(ip)),
    });
    any != filter.negated
}

/// The addresses that stand in a text.
fn addresses(text: &str) -> impl Iterator<Item = IpAddr> + '_ {
    let apart = text.split(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':');
    apart.filter(|word| word.len() >= 2).filter_map(|word| {
        let word = word.trim_end_matches(['.', ':']);
        let without_port = || word.rsplit_once(':').and_then(|(address, _)| address.parse().ok());
        word.parse().ok().or_else(without_port)
    })
}

/// A value that cannot be read as what it is compared with lets the entry pass, with the error noted.
fn passes_label(filter: &LabelFilter, entry: &mut Entry) -> bool {
    let mut numeric = |label: &str, read: fn(&str) -> Option<f64>, holds: &dyn Fn(f64) -> bool| {
        // Where something went wrong before, only text decides.
        if entry.get(ERROR).is_some_and(|error| !error.is_empty()) {
            return true;
        }
        // A label without text is none.
        let Some(text) = entry.get(label).filter(|text| !text.is_empty()) else { return false };
        match read(text) {
            Some(number) => holds(number),
            None => {
                let details = format!("`{text}` is no number, duration or size");
                fail(entry, "LabelFilterErr", details);
                true
            }
        }
    };
    match filter {
        LabelFilter::And(left, right) => passes_label(left, entry) && passes_label(right, entry),
        LabelFilter::Or(left, right) => passes_label(left, entry) || passes_label(right, entry),
        LabelFilter::Match(matcher) => matched(matcher, entry.get(&matcher.label).unwrap_or_default()),
        LabelFilter::Number(label, operator, bound) => {
            numeric(label, number, &|number| operator.compares(number, *bound).unwrap_or(false))
        }
        LabelFilter::Duration(label, operator, bound) => {
            numeric(label, seconds, &|number| operator.compares(number, *bound).unwrap_or(false))
        }
        LabelFilter::Bytes(label, operator, bound) => {
            numeric(label, bytes_of, &|number| operator.compares(number, *bound).unwrap_or(false))
        }
        LabelFilter::Ip { label, negated, range } => in_range(entry.get(label), range) != *negated,
    }
}

fn in_range(value: Option<&str>, range: &IpRange) -> bool {
    value.is_some_and(|value| addresses(value).any(|ip| range.contains(ip)))
}

/// Ids are compared whatever notation they were typed in.
fn matched(matcher: &Matcher, value: &str) -> bool {
    let same_id = |wanted: &str| match matcher.label.as_str() {
        "trace_id" => TraceIdMatch::parse(wanted).is_ok_and(|wanted| {
            spandrel_store::TraceId::from_text(value, Digits::Hex).is_ok_and(|id| wanted.matches(id))
        }),
        "span_id" => SpanId::from_text(wanted, Digits::Hex).is_ok_and(|id| id.to_string() == value),
        _ => false,
    };
    match &matcher.matched {
        Matched::Equal(wanted) => value == wanted || same_id(wanted),
        Matched::NotEqual(wanted) => value != wanted && !same_id(wanted),
        _ => matcher.matches(value),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let (text, sign) = text.strip_prefix('-').map_or((text, 1.0), |text| (text, -1.0));
    // Nanoseconds need a unit here.
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    parse_duration(text).map(|nanos| sign * nanos as f64 / 1e9)
}

/// The label's number, which the entry then has no more; an entry without the label is dropped.
fn unwrap(entry: &mut Entry, label: &str, conversion: Conversion) -> Option<f64> {
    let text = entry.get(label)?.to_owned();
    let read = match conversion {
        Conversion::Number => number(&text),
        Conversion::Duration => seconds(&text).or_else(|| number(&text)),
        Conversion::Bytes => bytes_of(&text),
    };
    entry.remove(label);
    if read.is_none() {
        fail(entry, "SampleExtractionErr", format!("`{text}` is no number"));
    }
    Some(read.unwrap_or(0.0))
}
