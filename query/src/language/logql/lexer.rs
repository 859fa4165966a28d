//! LogQL's tokens.

use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::take_while;

use crate::language::SyntaxError;
use crate::language::lexeme::{self, Number};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    /// `--strict`, without its dashes.
    Flag(String),
    Text(String),
    Number(Number),
    Bytes(f64),
    Symbol(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexed {
    pub(super) token: Token,
    /// In bytes.
    pub(super) position: usize,
}

/// Longer ones first.
const SYMBOLS: [&str; 28] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "=", ">", "<", "|", "{", "}", "(", ")", "[",
    "]", ",", "+", "-", "*", "/", "%", "^", "@",
];

const BYTE_UNITS: [(&str, f64); 19] = [
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("pb", 1e15),
    ("eb", 1e18),
    ("kib", 1024.0),
    ("mib", 1048576.0),
    ("gib", 1073741824.0),
    ("tib", 1099511627776.0),
    ("pib", 1125899906842624.0),
    ("eib", 1152921504606846976.0),
    ("ki", 1024.0),
    ("mi", 1048576.0),
    ("gi", 1073741824.0),
    ("ti", 1099511627776.0),
    ("k", 1e3),
    ("g", 1e9),
];

pub(super) fn lex(text: &str) -> Result<Vec<Lexed>, SyntaxError> {
    let (mut rest, mut lexed) = (text, Vec::new());
    loop {
        lexeme::skip_space(&mut rest);
        if rest.is_empty() {
            return Ok(lexed);
        }
        let position = text.len() - rest.len();
        let token = token(&mut rest).map_err(|expected| SyntaxError::at(text, position, expected))?;
        lexed.push(Lexed { token, position });
    }
}

fn token(rest: &mut &str) -> Result<Token, &'static str> {
    if rest.starts_with(['"', '`']) {
        return lexeme::quoted(rest).map(Token::Text).ok_or("text in quotes that are closed");
    }
    if rest.starts_with(|c: char| c.is_ascii_digit()) || is_fraction(rest) {
        return number(rest).ok_or("a number, a duration such as 5m or a size such as 10KB");
    }
    if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return Ok(Token::Word(word(rest).to_owned()));
    }
    if let Some(flag) = rest.strip_prefix("--").filter(|flag| flag.starts_with(|c: char| c.is_alphabetic())) {
        *rest = flag;
        let end = flag.find(|c: char| !c.is_alphanumeric() && c != '-').unwrap_or(flag.len());
        *rest = &flag[end..];
        return Ok(Token::Flag(flag[..end].to_owned()));
    }
    let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
    let symbol = symbol.ok_or("an operator, a bracket, a label or a value")?;
    *rest = &rest[symbol.len()..];
    Ok(Token::Symbol(symbol))
}

fn is_fraction(rest: &str) -> bool {
    rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn word<'t>(rest: &mut &'t str) -> &'t str {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '.';
    let word: Result<&str, EmptyError> = take_while(0.., in_word).parse_next(rest);
    word.unwrap_or_default()
}

fn number(rest: &mut &str) -> Option<Token> {
    if let Some(number) = lexeme::number(rest) {
        return Some(Token::Number(number));
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '.').unwrap_or(rest.len());
    let bytes = bytes_of(&rest[..end])?;
    *rest = &rest[end..];
    Some(Token::Bytes(bytes))
}

/// A size such as `10KB`, `1.5GiB` or `42`, in bytes.
pub fn bytes_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    let unit = text[end..].trim().to_ascii_lowercase();
    if unit.is_empty() {
        return Some(number);
    }
    BYTE_UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, factor)| number * factor)
}
