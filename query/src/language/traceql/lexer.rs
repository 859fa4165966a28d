//! TraceQL's tokens. An attribute with its scope is one token: its name goes on to the next space, bracket
//! or operator, so that `span.http.status-code/x` needs no quotes.

use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::take_while;

use super::ast::{Attribute, Intrinsic, Of, Scope};
use crate::language::SyntaxError;
use crate::language::lexeme::{self, Number};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    Attribute(Attribute),
    Text(String),
    Number(Number),
    Symbol(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lexed {
    pub(super) token: Token,
    /// In bytes.
    pub(super) position: usize,
}

/// Longer ones first.
const SYMBOLS: [&str; 35] = [
    "&>>", "&<<", "!>>", "!<<", "&>", "&<", "&~", "!>", "!<", "!~", "!=", "&&", "||", ">>", "<<", ">=", "<=",
    "=~", "{", "}", "(", ")", "|", "=", "<", ">", "~", "!", "+", "-", "*", "/", "%", "^", ",",
];

const SCOPES: [(&str, Scope); 5] = [
    ("span", Scope::Span),
    ("resource", Scope::Resource),
    ("event", Scope::Event),
    ("link", Scope::Link),
    ("instrumentation", Scope::Instrumentation),
];

/// All tokens of a text.
pub(super) fn lex(text: &str) -> Result<Vec<Lexed>, SyntaxError> {
    let (lexed, error) = lex_leniently(text);
    error.map_or(Ok(lexed), Err)
}

/// The tokens of a text that may break off, with the first mistake; what is no token is passed over.
pub(super) fn lex_leniently(text: &str) -> (Vec<Lexed>, Option<SyntaxError>) {
    let (mut rest, mut lexed, mut error) = (text, Vec::new(), None);
    loop {
        skip_space(&mut rest);
        if rest.is_empty() {
            return (lexed, error);
        }
        let position = text.len() - rest.len();
        match token(&mut rest, position) {
            Ok(token) => lexed.push(Lexed { token, position }),
            Err(expected) => {
                error.get_or_insert_with(|| SyntaxError::at(text, position, expected));
                let mut chars = rest.chars();
                chars.next();
                rest = chars.as_str();
            }
        }
    }
}

/// Space, and comments as Tempo has them, beside those with `#`.
fn skip_space(rest: &mut &str) {
    loop {
        lexeme::skip_space(rest);
        let after = match (rest.strip_prefix("//"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.find('\n').map(|end| &comment[end..]),
            (None, Some(comment)) => comment.find("*/").map(|end| &comment[end + 2..]),
            (None, None) => return,
        };
        *rest = after.unwrap_or_default();
    }
}

fn token(rest: &mut &str, position: usize) -> Result<Token, &'static str> {
    if rest.starts_with(['"', '`']) {
        return lexeme::quoted(rest).map(Token::Text).ok_or("text in quotes that are closed");
    }
    if rest.starts_with(|c: char| c.is_ascii_digit()) || starts_with_point_and_digit(rest) {
        return lexeme::number(rest).map(Token::Number).ok_or("a number or a duration such as 100ms");
    }
    if rest.starts_with('.') || rest.starts_with(is_word_start) {
        return word_or_attribute(rest, position);
    }
    let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
    let symbol = symbol.ok_or("an operator, a bracket, a value or an attribute")?;
    *rest = &rest[symbol.len()..];
    Ok(Token::Symbol(symbol))
}

fn starts_with_point_and_digit(rest: &str) -> bool {
    // `.5` is a number; an attribute whose name begins with a digit is written in quotes.
    rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_in_name(c: char) -> bool {
    !c.is_whitespace() && !"(){}=~!<>&|^,\"`".contains(c)
}

fn word<'t>(rest: &mut &'t str) -> &'t str {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let word: Result<&str, EmptyError> = take_while(0.., in_word).parse_next(rest);
    word.unwrap_or_default()
}

fn word_or_attribute(rest: &mut &str, position: usize) -> Result<Token, &'static str> {
    let whole = *rest;
    let first = word(rest);
    let mut parent = false;
    let mut scope = match first {
        "" => Some(Scope::None),
        "parent" if rest.starts_with('.') => {
            parent = true;
            Some(Scope::None)
        }
        first => SCOPES.into_iter().find(|(name, _)| *name == first).map(|(_, scope)| scope),
    };
    if !rest.starts_with('.') {
        scope = None;
    }
    let Some(mut scope) = scope else {
        if let Some(after) = rest.strip_prefix(':').filter(|after| after.starts_with(is_word_start)) {
            *rest = after;
            word(rest);
        }
        return Ok(Token::Word(whole[..whole.len() - rest.len()].to_owned()));
    };
    *rest = &rest[1..];
    if parent {
        let inner = SCOPES
            .into_iter()
            .find(|(name, _)| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        if let Some((name, inner)) = inner {
            *rest = &rest[name.len() + 1..];
            scope = inner;
        }
    }
    let quoted = rest.starts_with('"');
    let name = attribute_name(rest).ok_or("the name of an attribute")?;
    let written = whole[..whole.len() - rest.len()].to_owned();
    // `parent.status` is the parent's intrinsic; `parent."status"` and `parent.span.status` are attributes.
    let intrinsic = Intrinsic::named(&name).filter(|intrinsic| *intrinsic != Intrinsic::Parent);
    let of = match intrinsic.filter(|_| parent && !quoted && scope == Scope::None) {
        Some(intrinsic) => Of::ParentIntrinsic(intrinsic),
        None => Of::Named { scope, parent, name },
    };
    Ok(Token::Attribute(Attribute { of, written, position }))
}

/// A name in which parts may be quoted: `span."odd name".x`.
fn attribute_name(rest: &mut &str) -> Option<String> {
    let mut name = String::new();
    loop {
        if rest.starts_with('"') {
            name.push_str(&lexeme::quoted(rest)?);
            continue;
        }
        let plain: Result<&str, EmptyError> = take_while(1.., is_in_name).parse_next(rest);
        let Ok(plain) = plain else { break };
        name.push_str(plain);
    }
    (!name.is_empty()).then_some(name)
}

/// A text that is an attribute and nothing else. Of a tag's name, everything behind the scope is the name.
pub(super) fn whole_attribute(text: &str) -> Option<Attribute> {
    let attribute = |of| Some(Attribute { of, written: text.to_owned(), position: 0 });
    if let Some(intrinsic) = Intrinsic::named(text) {
        return attribute(Of::Intrinsic(intrinsic));
    }
    let (scope, name) = match text.strip_prefix('.') {
        Some(name) => (Scope::None, name),
        None => {
            let (scope, name) = text.split_once('.')?;
            (SCOPES.into_iter().find(|(name, _)| *name == scope)?.1, name)
        }
    };
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    attribute(Of::Named { scope, parent: false, name: name.to_owned() })
}
