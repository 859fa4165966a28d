//! One clause: a field and a value to a [`Filter`].

use spandrel_store::SpanId;
use spandrel_store::filter::{Comparison, Field, Operand, Test};
use spandrel_store::id::notation::Digits;
use spandrel_store::text::{Glob, words};
use spandrel_store::{Filter, Level, TraceIdMatch, UnixNanos};

use super::field::{KINDS, Meaning, Reading, TYPES};
use super::reader::Word;
use super::{SyntaxError, UNKNOWN_SERVICE};
use crate::time::{parse_duration, parse_time};

pub(super) enum Value {
    Word(Word),
    Compare(Comparison, Word),
    Range { low: Option<Bound>, high: Option<Bound> },
}

/// One end of a range.
pub(super) struct Bound {
    pub(super) word: Word,
    pub(super) included: bool,
}

/// What reading a value needs beyond the value.
pub(super) struct Context<'a> {
    /// The whole question, for errors.
    pub(super) text: &'a str,
    pub(super) now: UnixNanos,
}

impl Context<'_> {
    /// A word or phrase without a field: the message text is searched for it.
    pub(super) fn bare(&self, word: &Word) -> Result<Filter, SyntaxError> {
        Ok(words_of(&Field::Message, word))
    }

    pub(super) fn clause(&self, meaning: &Meaning, value: &Value) -> Result<Filter, SyntaxError> {
        match (meaning, value) {
            (meaning, Value::Word(word)) if word.is_any() => Ok(meaning.exists()),
            (Meaning::Kind, value) => self.kind(value),
            (Meaning::Field(field, reading), Value::Word(word)) => self.word(field, *reading, word),
            (Meaning::Field(field, reading), Value::Compare(comparison, word)) => {
                self.compare(field, *reading, *comparison, word)
            }
            (Meaning::Field(_, _), Value::Range { low: None, high: None }) => Ok(meaning.exists()),
            (Meaning::Field(field, reading), Value::Range { low, high }) => {
                let low = low.as_ref().map(|bound| (bound, Comparison::Greater, Comparison::GreaterOrEqual));
                let high = high.as_ref().map(|bound| (bound, Comparison::Less, Comparison::LessOrEqual));
                low.into_iter().chain(high).try_fold(Filter::All, |filter, (bound, without, with)| {
                    let comparison = if bound.included { with } else { without };
                    Ok(filter.and(self.compare(field, *reading, comparison, &bound.word)?))
                })
            }
        }
    }

    fn word(&self, field: &Field, reading: Reading, word: &Word) -> Result<Filter, SyntaxError> {
        let lower = !matches!(reading, Reading::Exact);
        match (&word.pattern, reading) {
            (_, Reading::Words) => Ok(words_of(field, word)),
            (Some(pattern), _) => Ok(glob(field, pattern, lower)),
            (None, Reading::TraceId) => {
                let found = TraceIdMatch::parse(&word.text).map_err(|_| self.wrong(word, reading))?;
                Ok(Filter::is(field.clone(), Test::TraceId(found)))
            }
            (None, Reading::SpanId) => self.span_id(field, word),
            (None, _) if *field == Field::Service && word.text == UNKNOWN_SERVICE => Ok(unknown_service()),
            (None, reading) => Ok(Filter::is(field.clone(), Test::Equals(self.operand(reading, word)?))),
        }
    }

    fn compare(
        &self,
        field: &Field,
        reading: Reading,
        comparison: Comparison,
        word: &Word,
    ) -> Result<Filter, SyntaxError> {
        let operand = match reading {
            Reading::TraceId | Reading::SpanId | Reading::Words => Operand::new(&word.text),
            reading => self.operand(reading, word)?,
        };
        Ok(Filter::is(field.clone(), Test::Compare(comparison, operand)))
    }

    /// A span id as typed; digits alone may be hexadecimal or decimal.
    fn span_id(&self, field: &Field, word: &Word) -> Result<Filter, SyntaxError> {
        let readings =
            [Digits::Hex, Digits::Decimal].map(|digits| SpanId::from_text(&word.text, digits).ok());
        let mut ids: Vec<SpanId> = readings.into_iter().flatten().collect();
        ids.dedup();
        let mut filters: Vec<Filter> =
            ids.iter().map(|id| Filter::equals(field.clone(), &id.to_string())).collect();
        match filters.len() {
            0 => Err(self.wrong(word, Reading::SpanId)),
            1 => Ok(filters.remove(0)),
            _ => Ok(Filter::Or(filters)),
        }
    }

    /// `kind:log`, `kind:server`, `kind:SPAN_KIND_SERVER`.
    fn kind(&self, value: &Value) -> Result<Filter, SyntaxError> {
        let Value::Word(word) = value else {
            let at = match value {
                Value::Compare(_, word) => word.at,
                Value::Range { low, high } => low.as_ref().or(high.as_ref()).map_or(0, |bound| bound.word.at),
                Value::Word(word) => word.at,
            };
            return Err(SyntaxError::at(self.text, at, "one kind, without a comparison"));
        };
        if let Some(pattern) = &word.pattern {
            let either = [Field::Type, Field::SpanKind].map(|field| glob(&field, pattern, true));
            return Ok(Filter::Or(either.into()));
        }
        let lower = word.text.to_lowercase();
        let name = lower.strip_prefix("span_kind_").unwrap_or(&lower);
        match name {
            name if TYPES.contains(&name) => Ok(Filter::equals(Field::Type, name)),
            name if KINDS.contains(&name) => Ok(Filter::equals(Field::SpanKind, name)),
            _ => {
                let expected = format!(
                    "one of {}, {} (for an attribute of that name, `attr.kind`)",
                    TYPES.join(", "),
                    KINDS.join(", ")
                );
                Err(SyntaxError::at(self.text, word.at, expected))
            }
        }
    }

    fn operand(&self, reading: Reading, word: &Word) -> Result<Operand, SyntaxError> {
        let text = word.text.as_str();
        let operand = match reading {
            Reading::Exact | Reading::Words => Some(Operand::new(text)),
            Reading::Lower | Reading::TraceId | Reading::SpanId => Some(Operand::new(&text.to_lowercase())),
            Reading::OneOf(values) => {
                let lower = text.to_lowercase();
                values.contains(&lower.as_str()).then(|| Operand::new(&lower))
            }
            Reading::Level => Level::from_text(text).map(|level| Operand::new(level.as_str())),
            Reading::Duration => parse_duration(text).map(Operand::from_nanos),
            Reading::Time => parse_time(text, self.now).map(|time| Operand::from_nanos(time.0)),
            Reading::Number => Some(Operand::new(text)).filter(|operand| operand.number.is_some()),
        };
        operand.ok_or_else(|| self.wrong(word, reading))
    }

    fn wrong(&self, word: &Word, reading: Reading) -> SyntaxError {
        let expected = match reading {
            Reading::OneOf(values) => format!("one of {}", values.join(", ")),
            Reading::Level => {
                let names: Vec<&str> = Level::ALL.into_iter().map(Level::as_str).collect();
                format!("one of {}", names.join(", "))
            }
            Reading::TraceId => "a trace id in hexadecimal, decimal or a header's notation".to_owned(),
            Reading::SpanId => "a span id in hexadecimal or decimal".to_owned(),
            Reading::Duration => "a duration such as 250ms or 1.5s".to_owned(),
            Reading::Time => "a time such as 2026-01-31T12:00:00Z, seconds since 1970 or -15m".to_owned(),
            Reading::Number => "a number".to_owned(),
            Reading::Exact | Reading::Lower | Reading::Words => "a value".to_owned(),
        };
        let expected = format!("{expected} (for an attribute of the same name, put `attr.` before it)");
        SyntaxError::at(self.text, word.at, expected)
    }
}

fn glob(field: &Field, pattern: &str, lower: bool) -> Filter {
    let glob = Glob::new(pattern);
    Filter::is(field.clone(), Test::Glob(if lower { glob.to_lowercase() } else { glob }))
}

/// Records of no service, and those of one that calls itself so, as SDKs without a name do.
fn unknown_service() -> Filter {
    let unnamed = Filter::Not(Box::new(Filter::is(Field::Service, Test::Exists)));
    Filter::Or(vec![Filter::equals(Field::Service, UNKNOWN_SERVICE), unnamed])
}

/// Words in a row; or, where some of them are patterns, each of them anywhere.
fn words_of(field: &Field, word: &Word) -> Filter {
    let Some(pattern) = &word.pattern else {
        let phrase: Vec<String> = words(&word.text).collect();
        // Punctuation alone says nothing that a message could be searched for.
        return if phrase.is_empty() {
            Filter::Nothing
        } else {
            Filter::is(field.clone(), Test::Phrase(phrase))
        };
    };
    let apart = pattern.split(|c: char| !c.is_alphanumeric() && !matches!(c, '*' | '?'));
    let parts = apart.filter(|part| !part.is_empty()).map(|part| {
        let test = match part.contains(['*', '?']) {
            true => Test::WordGlob(Glob::new(part).to_lowercase()),
            false => Test::Phrase(words(part).collect()),
        };
        Filter::is(field.clone(), test)
    });
    parts.fold(Filter::All, Filter::and)
}
