//! A question written anew, as Loki's `format_query` does: one space where there may be any, and lines of their own
//! for the stages and arguments of a question that is longer than a line.

use spandrel_config::Limits;

use super::lexer::{Lexed, Token, lex};
use super::parse;
use crate::language::mistake::Mistake;

/// Characters of a line.
const LINE_MAX: usize = 100;

/// The question as it should be written; a mistake where it is none.
pub fn format(text: &str, limits: &Limits) -> Result<String, Mistake> {
    parse(text, limits)?;
    let tokens = lex(text)?;
    let line = Writer::new(text, &tokens, false).write();
    Ok(if line.chars().count() <= LINE_MAX { line } else { Writer::new(text, &tokens, true).write() })
}

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Braces,
    Brackets,
    /// A list of labels, or the argument of `unwrap`, `ip` or `vector`.
    List,
    /// Around arguments.
    Call,
    /// Around a part of a calculation or of a condition.
    Group,
}

struct Writer<'t> {
    text: &'t str,
    tokens: &'t [Lexed],
    /// Whether stages and arguments stand on lines of their own.
    broken: bool,
    places: Vec<Place>,
    /// In a stage that is no line filter: comparisons stand close.
    in_stage: bool,
    out: String,
}

const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const CLOSE: [&str; 8] = ["ip", "vector", "duration", "duration_seconds", "bytes", "start", "end", "unwrap"];

impl<'t> Writer<'t> {
    fn new(text: &'t str, tokens: &'t [Lexed], broken: bool) -> Writer<'t> {
        Writer { text, tokens, broken, places: Vec::new(), in_stage: false, out: String::new() }
    }

    fn write(mut self) -> String {
        for at in 0..self.tokens.len() {
            self.token(at);
        }
        self.out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    fn token(&mut self, at: usize) {
        let written = self.written(at);
        match &self.tokens[at].token {
            Token::Symbol(symbol) => self.symbol(symbol, at),
            Token::Word(word) => {
                let keyword = LISTS.contains(&word.to_ascii_lowercase().as_str());
                let joins =
                    matches!(word.to_ascii_lowercase().as_str(), "and" | "or" | "unless" | "bool" | "offset");
                let spaced =
                    joins || self.out.ends_with(')') || (keyword && !self.out.ends_with([' ', '(', '\n']));
                if spaced {
                    self.space();
                }
                self.out.push_str(written);
                if keyword || joins || self.is_apart(at) {
                    self.space();
                }
            }
            _ => {
                self.out.push_str(written);
                if self.is_apart(at) {
                    self.space();
                }
            }
        }
    }

    /// Whether the next token is a word, a value or a flag, which would run into this one.
    fn is_apart(&self, at: usize) -> bool {
        matches!(
            self.tokens.get(at + 1).map(|lexed| &lexed.token),
            Some(Token::Word(_) | Token::Text(_) | Token::Number(_) | Token::Bytes(_) | Token::Flag(_))
        )
    }

    fn symbol(&mut self, symbol: &str, at: usize) {
        let place = self.places.last().copied();
        match symbol {
            "{" => {
                self.places.push(Place::Braces);
                self.out.push('{');
            }
            "[" => {
                self.places.push(Place::Brackets);
                self.in_stage = false;
                self.out.push_str(if self.out.ends_with('}') { "[" } else { " [" });
                self.one_space("[");
            }
            "}" | "]" => {
                self.places.pop();
                self.out.push_str(symbol);
            }
            "(" => self.open(at),
            ")" => self.close(),
            "," => self.out.push_str(match place {
                Some(Place::Call) if self.broken => {
                    self.out.push(',');
                    self.line();
                    return;
                }
                _ => ", ",
            }),
            "|" | "|=" | "|~" | "|>" => self.stage(symbol),
            "!=" | "!~" | "!>" if self.is_line_filter(at) => self.stage(symbol),
            "=" | "!=" | "=~" | "!~" | "==" | ">" | "<" | ">=" | "<="
                if place == Some(Place::Braces) || self.in_stage =>
            {
                self.out.push_str(symbol);
            }
            "-" | "+" if self.is_sign(at) => self.out.push_str(symbol),
            _ => {
                self.space();
                self.out.push_str(symbol);
                self.space();
            }
        }
    }

    /// A bracket of a range has no space behind a selector, and one behind a stage.
    fn one_space(&mut self, symbol: &str) {
        let doubled = format!("  {symbol}");
        if self.out.ends_with(&doubled) {
            let end = self.out.len() - doubled.len();
            self.out.replace_range(end.., &format!(" {symbol}"));
        }
    }

    fn open(&mut self, at: usize) {
        let before = at.checked_sub(1).map(|before| &self.tokens[before].token);
        let place = match before {
            Some(Token::Word(word)) if LISTS.contains(&word.to_ascii_lowercase().as_str()) => Place::List,
            Some(Token::Word(word)) if CLOSE.contains(&word.to_ascii_lowercase().as_str()) => Place::List,
            Some(Token::Word(word))
                if !matches!(word.to_ascii_lowercase().as_str(), "and" | "or" | "unless" | "bool") =>
            {
                Place::Call
            }
            Some(Token::Symbol(")")) => Place::Call,
            _ => Place::Group,
        };
        if before == Some(&Token::Symbol(")")) {
            self.space();
        }
        self.out.push('(');
        let place = if self.in_stage && place == Place::Call { Place::List } else { place };
        self.places.push(place);
        if self.broken && place == Place::Call {
            self.line();
        }
    }

    fn close(&mut self) {
        let place = self.places.pop();
        if self.broken && place == Some(Place::Call) {
            self.in_stage = false;
            self.line();
        }
        if place == Some(Place::Call) {
            self.in_stage = false;
        }
        self.out.push(')');
    }

    fn stage(&mut self, symbol: &str) {
        self.in_stage = symbol == "|";
        if self.broken {
            self.line();
            self.out.push_str("  ");
        } else {
            self.space();
        }
        self.out.push_str(symbol);
        self.space();
    }

    /// `!=` behind a selector or a line filter is one; behind a label it compares.
    fn is_line_filter(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| &self.tokens[before].token);
        let follows_text = matches!(self.tokens.get(at + 1).map(|next| &next.token), Some(Token::Text(_)))
            || matches!(self.tokens.get(at + 1).map(|next| &next.token), Some(Token::Word(word)) if word == "ip");
        let ends = matches!(before, Some(Token::Text(_) | Token::Symbol("}" | ")")));
        let is_stage_word = self.in_stage
            && matches!(before, Some(Token::Word(_)))
            && at >= 2
            && self.tokens[at - 2].token == Token::Symbol("|")
            && matches!(before, Some(Token::Word(word)) if ["json", "logfmt", "unpack", "decolorize"].contains(&word.as_str()));
        follows_text && (ends || is_stage_word) && self.places.last() != Some(&Place::Braces)
    }

    fn is_sign(&self, at: usize) -> bool {
        match at.checked_sub(1).map(|before| &self.tokens[before].token) {
            None => true,
            Some(Token::Symbol(symbol)) => !matches!(*symbol, ")" | "]" | "}"),
            Some(Token::Word(word)) => {
                matches!(word.to_ascii_lowercase().as_str(), "offset" | "and" | "or" | "unless" | "bool")
            }
            Some(_) => false,
        }
    }

    fn written(&self, at: usize) -> &'t str {
        let begin = self.tokens[at].position;
        let end = self.tokens.get(at + 1).map_or(self.text.len(), |next| next.position);
        // What is between two tokens is space and comments.
        let rest = &self.text[begin..end];
        match &self.tokens[at].token {
            Token::Text(_) => quoted(rest),
            _ => rest.split(|c: char| c.is_whitespace() || c == '#').next().unwrap_or_default(),
        }
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with([' ', '\n', '(', '[']) {
            self.out.push(' ');
        }
    }

    fn line(&mut self) {
        let depth = self.places.iter().filter(|place| **place == Place::Call).count();
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out.push('\n');
        self.out.push_str(&"  ".repeat(depth));
    }
}

/// The quoted text that stands at the beginning.
fn quoted(text: &str) -> &str {
    let mut rest = text;
    match crate::language::quoted(&mut rest) {
        Some(_) => &text[..text.len() - rest.len()],
        None => text.trim_end(),
    }
}
