//! The text under a reading position: words, phrases and names, with their escapes taken off.

use super::SyntaxError;

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

const NO_FUZZINESS: &str = "the end of the value: there is no fuzzy search; write `*` or `?` for what may differ, or quotes where `~` is meant";
const NO_BOOST: &str = "the end of the value: there is no boosting, as matches have no scores; leave it out, or write quotes where `^` is meant";
const NO_PROXIMITY: &str = "a space or the end after the phrase: its words stand in a row; for words anywhere write them without quotes";

/// A word or a phrase.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// Without escapes and quotes.
    pub(super) text: String,
    /// The same as a pattern for `Glob::new`, where it is to be read as one.
    pub(super) pattern: Option<String>,
    pub(super) at: usize,
}

impl Word {
    /// A lone `*`: any value at all.
    pub(super) fn is_any(&self) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.chars().all(|c| c == '*'))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Goes past `token` if it stands here.
    pub(super) fn take(&mut self, token: &str) -> bool {
        let here = self.rest().starts_with(token);
        if here {
            self.at += token.len();
        }
        here
    }

    pub(super) fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Whether `keyword` stands here as a word of its own.
    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        let after = self.rest().strip_prefix(keyword);
        after.is_some_and(|after| after.chars().next().is_none_or(|c| c.is_whitespace() || "()".contains(c)))
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        self.at_keyword(keyword) && self.take(keyword)
    }

    /// `&&` and `||` end a word as they do in Lucene, with blanks around them or without.
    fn at_operator(&self) -> bool {
        self.rest().starts_with("&&") || self.rest().starts_with("||")
    }

    /// Refuses the word that begins at `start` and ends here if Lucene would read its end as fuzziness or boost.
    fn refuse_suffix(&self, start: usize) -> Result<(), SyntaxError> {
        let word = &self.text[start..self.at];
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let marked = word.trim_end_matches(is_number);
        let has_number = marked.len() < word.len();
        let expected = match marked.chars().next_back() {
            Some('~') if marked.len() > 1 || has_number => NO_FUZZINESS,
            Some('^') if has_number => NO_BOOST,
            _ => return Ok(()),
        };
        let at = marked.len() - 1;
        match word[..at].ends_with('\\') {
            true => Ok(()),
            false => Err(SyntaxError::at(self.text, start + at, expected)),
        }
    }

    pub(super) fn error(&self, expected: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.text, self.at, expected)
    }

    /// A field's name and its colon, with the name's position; stays where it is if there is none here.
    pub(super) fn field_name(&mut self) -> Option<(String, usize)> {
        let start = self.at;
        let mut name = String::new();
        while !self.at_operator()
            && let Some(c) = self.bump()
        {
            match c {
                ':' if !name.is_empty() => return Some((name, start)),
                '\\' => name.extend(self.bump()),
                c if c.is_whitespace() || ":()\"<>=?{}[]".contains(c) => break,
                c => name.push(c),
            }
        }
        self.at = start;
        None
    }

    /// A word or a phrase; an error names `expected`. In a range a bracket ends a word too.
    pub(super) fn word(&mut self, expected: &str, in_range: bool) -> Result<Word, SyntaxError> {
        if self.peek() == Some('"') {
            return self.phrase();
        }
        let start = self.at;
        let (mut text, mut pattern, mut wild, mut depth) = (String::new(), String::new(), false, 0u32);
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() => break,
                '&' | '|' if self.at_operator() => break,
                ')' if depth == 0 => break,
                ']' | '}' if in_range => break,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            self.bump();
            match c {
                '\\' => {
                    let literal = self.bump().unwrap_or('\\');
                    text.push(literal);
                    pattern.extend(['\\', literal]);
                }
                c => {
                    wild |= matches!(c, '*' | '?');
                    text.push(c);
                    pattern.push(c);
                }
            }
        }
        if self.at == start {
            return Err(self.error(expected));
        }
        self.refuse_suffix(start)?;
        Ok(Word { text, pattern: wild.then_some(pattern), at: start })
    }

    fn phrase(&mut self) -> Result<Word, SyntaxError> {
        let start = self.at;
        self.bump();
        let mut text = String::new();
        loop {
            match self.bump() {
                Some('"') if self.rest().starts_with(['~', '^']) => {
                    return Err(self.error(NO_PROXIMITY));
                }
                Some('"') => return Ok(Word { text, pattern: None, at: start }),
                Some('\\') => text.extend(self.bump()),
                Some(c) => text.push(c),
                None => return Err(self.error("a closing quote `\"`")),
            }
        }
    }
}
