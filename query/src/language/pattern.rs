//! Regular expressions of TraceQL and LogQL: RE2's syntax, in time linear in the text, bounded in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled expression may take; a few kilobytes is usual.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// The same of one that stands in a record, and what searching with it may take.
const OF_DATA_BYTES_MAX: usize = 1 << 18;

/// So many of them are kept.
const OF_DATA_KEPT_MAX: usize = 16;

/// A compiled expression. Equal to another if it was written alike.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    anchored: bool,
    regex: Regex,
}

impl Pattern {
    /// The whole value must match.
    pub fn whole(text: &str) -> Result<Pattern, String> {
        Pattern::compile(text, true)
    }

    /// A part of the value must match.
    pub fn part(text: &str) -> Result<Pattern, String> {
        Pattern::compile(text, false)
    }

    fn compile(text: &str, anchored: bool) -> Result<Pattern, String> {
        let source = if anchored { format!("^(?s:{text})$") } else { text.to_owned() };
        let regex = RegexBuilder::new(&source).size_limit(COMPILED_BYTES_MAX).build();
        let regex = regex.map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default().trim();
            format!("error parsing regexp `{text}`: {}", last.trim_start_matches("error: "))
        })?;
        Ok(Pattern { text: text.to_owned(), anchored, regex })
    }

    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn regex(&self) -> &Regex {
        &self.regex
    }

    /// The texts that an anchored expression matches, where it is an alternation of plain ones: `a|b\.c`.
    pub fn literals(&self) -> Option<Vec<String>> {
        let mut all = vec![String::new()];
        let mut chars = self.text.chars();
        while let Some(c) = chars.next() {
            let literal = match c {
                '|' => {
                    all.push(String::new());
                    continue;
                }
                '\\' => chars.next().filter(|c| c.is_ascii_punctuation())?,
                '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
                c => c,
            };
            all.last_mut()?.push(literal);
        }
        self.anchored.then_some(all)
    }
}

/// Expressions that stand in records, compiled as they are met. Few are different, so that the last ones are kept.
#[derive(Clone, Default)]
pub struct OfData(Arc<Mutex<BTreeMap<String, Option<Regex>>>>);

impl OfData {
    /// Whether the whole value matches; `None` where the text is no expression.
    pub fn matches(&self, text: &str, value: &str) -> Option<bool> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(regex) = kept.get(text) {
            return regex.as_ref().map(|regex| regex.is_match(value));
        }
        let mut builder = RegexBuilder::new(&format!("^(?s:{text})$"));
        let regex = builder.size_limit(OF_DATA_BYTES_MAX).dfa_size_limit(OF_DATA_BYTES_MAX).build().ok();
        let matched = regex.as_ref().map(|regex| regex.is_match(value));
        if kept.len() >= OF_DATA_KEPT_MAX {
            kept.clear();
        }
        kept.insert(text.to_owned(), regex);
        matched
    }
}

impl PartialEq for OfData {
    /// What was met says nothing about the question.
    fn eq(&self, _: &OfData) -> bool {
        true
    }
}

impl fmt::Debug for OfData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfData")
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text && self.anchored == other.anchored
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}
