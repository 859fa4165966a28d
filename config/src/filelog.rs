//! `receivers.filelog`: which files are followed, and how. Keys and meanings are the Collector's.

use std::path::Path;
use std::time::Duration;

use glob::{MatchOptions, Pattern};

use crate::components;
use crate::section::Section;
use crate::setting::{Given, Setting};

/// Alternatives that one pattern may unfold to.
const ALTERNATIVES_MAX: usize = 256;

#[derive(Debug, Clone, PartialEq)]
pub struct FileLogReceiver {
    pub enabled: bool,
    /// Without any, nothing is followed.
    pub include: Vec<FilePattern>,
    pub exclude: Vec<FilePattern>,
    /// Where to begin with files that are there when a pattern is first used.
    pub start_at: StartAt,
    pub poll_interval: Duration,
    /// How long a last line without a line end waits for the rest of it.
    pub force_flush_period: Duration,
    /// The attribute `log.file.name`.
    pub include_file_name: bool,
    /// The attribute `log.file.path`.
    pub include_file_path: bool,
    /// Attributes of the lines.
    pub attributes: Vec<(String, String)>,
    /// Resource attributes of the lines.
    pub resource: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    Beginning,
    End,
}

/// A path with wildcards: `*`, `?`, `[a-z]` within a name, `**` for any folders, `{a,b}` for either.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePattern {
    text: String,
    /// One for each choice of what stands in braces.
    alternatives: Vec<Pattern>,
}

impl FileLogReceiver {
    pub fn is_on(&self) -> bool {
        self.enabled && !self.include.is_empty()
    }

    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("enabled", &mut self.enabled);
        read_patterns(section, "include", &mut self.include);
        read_patterns(section, "exclude", &mut self.exclude);
        section.set("start_at", &mut self.start_at);
        section.set_above_zero("poll_interval", &mut self.poll_interval);
        section.set("force_flush_period", &mut self.force_flush_period);
        section.set("include_file_name", &mut self.include_file_name);
        section.set("include_file_path", &mut self.include_file_path);
        section.texts("attributes", &mut self.attributes);
        section.texts("resource", &mut self.resource);
        components::refuse_filelog_settings(section);
    }
}

impl Default for FileLogReceiver {
    fn default() -> Self {
        FileLogReceiver {
            enabled: true,
            include: Vec::new(),
            exclude: Vec::new(),
            start_at: StartAt::End,
            poll_interval: Duration::from_millis(200),
            force_flush_period: Duration::from_millis(500),
            include_file_name: true,
            include_file_path: false,
            attributes: Vec::new(),
            resource: Vec::new(),
        }
    }
}

impl FilePattern {
    /// How patterns match: a wildcard stays within a name, and stands for a dot at its beginning too.
    pub const MATCHING: MatchOptions = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: false,
    };

    /// An error says what is wrong and where.
    pub fn parse(text: &str) -> Result<FilePattern, String> {
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        let mut alternatives = Vec::new();
        for alternative in unfold(text)? {
            let pattern = Pattern::new(&alternative)
                .map_err(|error| format!("{} at character {}", error.msg, error.pos + 1))?;
            alternatives.push(pattern);
        }
        Ok(FilePattern { text: text.to_owned(), alternatives })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The patterns that it stands for, without braces.
    pub fn alternatives(&self) -> impl Iterator<Item = &str> {
        self.alternatives.iter().map(Pattern::as_str)
    }

    pub fn matches(&self, path: &Path) -> bool {
        self.alternatives.iter().any(|pattern| pattern.matches_path_with(path, Self::MATCHING))
    }
}

/// `a{b,c}d` is `abd` and `acd`.
fn unfold(text: &str) -> Result<Vec<String>, String> {
    let Some(open) = text.find('{') else {
        return match text.contains('}') {
            true => Err("a `}` without its `{`".to_owned()),
            false => Ok(vec![text.to_owned()]),
        };
    };
    let close = closing(&text[open..]).ok_or("a `{` without its `}`")? + open;
    let mut unfolded = Vec::new();
    for choice in choices(&text[open + 1..close]) {
        for rest in unfold(&format!("{choice}{}", &text[close + 1..]))? {
            unfolded.push(format!("{}{rest}", &text[..open]));
        }
        if unfolded.len() > ALTERNATIVES_MAX {
            return Err(format!("its braces stand for more than {ALTERNATIVES_MAX} patterns"));
        }
    }
    Ok(unfolded)
}

/// Where the brace is closed that the text begins with.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The texts between the commas that stand in no inner brace.
fn choices(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut choices) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                choices.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    choices.push(&text[from..]);
    choices
}

fn read_patterns(section: &mut Section<'_, '_>, key: &str, place: &mut Vec<FilePattern>) {
    let mut texts = Texts(place.iter().map(|pattern| pattern.text.clone()).collect());
    section.set(key, &mut texts);
    place.clear();
    for text in texts.0 {
        match FilePattern::parse(&text) {
            Ok(pattern) => place.push(pattern),
            Err(why) => section.fail(key, format!("`{text}` is no path with wildcards: {why}")),
        }
    }
}

/// One text, or a list of them.
struct Texts(Vec<String>);

impl Setting for Texts {
    const EXPECTED: &'static str = "a path with wildcards or a list of them, such as [/var/log/shop/*.log]";

    fn read(given: Given<'_>) -> Option<Texts> {
        let one = |text: &str| Some(Texts(vec![text.to_owned()]));
        given.value.as_str().map_or_else(|| Vec::<String>::read(given).map(Texts), one)
    }
}

impl Setting for StartAt {
    const EXPECTED: &'static str = "`beginning` or `end`";

    fn read(given: Given<'_>) -> Option<StartAt> {
        match given.value.as_str()? {
            "beginning" => Some(StartAt::Beginning),
            "end" => Some(StartAt::End),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
