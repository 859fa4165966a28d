//! Regular expressions of TraceQL and LogQL: RE2's syntax, in time linear in the text, bounded in memory.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled expression may take; a few kilobytes is usual.
const COMPILED_BYTES_MAX: usize = 1 << 20;

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
