//! How text is taken apart into words: one rule for what is indexed, what is asked and what is compared.

mod notation;

/// The words of a text, lower-cased: runs of letters and digits of any script, everything else between.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Visits the same words, without a text of its own for each. `lower` is what they are written in.
pub(crate) fn visit_words(text: &str, lower: &mut String, visit: &mut dyn FnMut(&str)) {
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            visit(word);
        } else if word.is_ascii() {
            lower.clear();
            lower.push_str(word);
            lower.make_ascii_lowercase();
            visit(lower);
        } else {
            visit(&word.to_lowercase());
        }
    }
}

/// Whether `phrase`, words as [`words`] makes them, stands in `text` in a row. An empty phrase stands
/// everywhere.
pub fn contains_phrase(text: &str, phrase: &[String]) -> bool {
    match phrase {
        [] => true,
        [word] => words(text).any(|w| w == *word),
        _ => {
            let all: Vec<String> = words(text).collect();
            all.windows(phrase.len()).any(|window| window == phrase)
        }
    }
}

/// A pattern in which `*` stands for any run of characters and `?` for any one; all else for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Literal(String),
    AnyOne,
    AnyRun,
}

impl Glob {
    /// Reads a pattern; a backslash takes the next character for itself.
    pub fn new(pattern: &str) -> Glob {
        let mut parts: Vec<Part> = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            match c {
                '*' if parts.last() == Some(&Part::AnyRun) => {}
                '*' => parts.push(Part::AnyRun),
                '?' => parts.push(Part::AnyOne),
                c => {
                    let c = if c == '\\' { chars.next().unwrap_or('\\') } else { c };
                    match parts.last_mut() {
                        Some(Part::Literal(text)) => text.push(c),
                        _ => parts.push(Part::Literal(c.to_string())),
                    }
                }
            }
        }
        Glob { parts }
    }

    /// The same pattern over lower-cased text.
    pub fn to_lowercase(&self) -> Glob {
        let lower = |part: &Part| match part {
            Part::Literal(text) => Part::Literal(text.to_lowercase()),
            other => other.clone(),
        };
        Glob { parts: self.parts.iter().map(lower).collect() }
    }

    /// What every match begins with; may be empty.
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// Whether the whole of `text` matches, in time proportional to the text times the pattern at worst.
    pub fn matches(&self, text: &str) -> bool {
        let (mut part, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let step = match self.parts.get(part) {
                Some(Part::AnyRun) => {
                    retry = Some((part + 1, rest));
                    Some(rest)
                }
                Some(Part::AnyOne) => skip_char(rest),
                Some(Part::Literal(literal)) => rest.strip_prefix(literal.as_str()),
                None if rest.is_empty() => return true,
                None => None,
            };
            match (step, retry) {
                (Some(next), _) => (part, rest) = (part + 1, next),
                (None, Some((after, from))) => {
                    let Some(from) = skip_char(from) else { return false };
                    retry = Some((after, from));
                    (part, rest) = (after, from);
                }
                (None, None) => return false,
            }
        }
    }
}

fn skip_char(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

#[cfg(test)]
mod tests;
