//! Text to nodes.

use super::functions::Function;
use super::{Command, Node, Operand, Pipe, Refused};
use crate::language::lexeme::{self, Number};

/// Blocks and brackets that may stand in one another.
const DEPTH_MAX: usize = 32;

const UNSUPPORTED: [&str; 7] = ["range", "with", "define", "template", "block", "break", "continue"];

/// A piece of the text: as it stands, or what was between braces.
enum Piece<'t> {
    Text(String),
    Action(&'t str),
}

pub(super) fn read(text: &str) -> Result<Vec<Node>, Refused> {
    let pieces = pieces(text)?;
    let mut at = 0;
    let nodes = nodes(&pieces, &mut at, 0)?;
    match pieces.get(at) {
        None => Ok(nodes),
        Some(_) => Err(syntax("`end` or `else` without `if`")),
    }
}

fn syntax(why: impl Into<String>) -> Refused {
    Refused::Syntax(why.into())
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Refused> {
    let (mut rest, mut pieces, mut trim) = (text, Vec::new(), false);
    loop {
        let Some((before, after)) = rest.split_once("{{") else {
            let last = if trim { rest.trim_start() } else { rest };
            pieces.push(Piece::Text(last.to_owned()));
            return Ok(pieces);
        };
        let mut before = if trim { before.trim_start() } else { before };
        let end = action_end(after).ok_or_else(|| syntax("`{{` without `}}`"))?;
        let mut action = &after[..end];
        rest = &after[end + 2..];
        if let Some(trimmed) = action.strip_prefix("- ") {
            (action, before) = (trimmed, before.trim_end());
        }
        trim = action.ends_with(" -");
        action = action.strip_suffix(" -").unwrap_or(action);
        pieces.push(Piece::Text(before.to_owned()));
        if !(action.trim_start().starts_with("/*") && action.trim_end().ends_with("*/")) {
            pieces.push(Piece::Action(action.trim()));
        }
    }
}

/// Where the braces close, quotes looked over.
fn action_end(text: &str) -> Option<usize> {
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with("}}") {
            return Some(text.len() - rest.len());
        }
        if !rest.starts_with(['"', '`']) || lexeme::quoted(&mut rest).is_none() {
            let mut chars = rest.chars();
            chars.next();
            rest = chars.as_str();
        }
    }
    None
}

/// Nodes up to the `else` or `end` of whoever asks, or the end of the text.
fn nodes(pieces: &[Piece<'_>], at: &mut usize, depth: usize) -> Result<Vec<Node>, Refused> {
    if depth > DEPTH_MAX {
        return Err(syntax("nested too deep"));
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.get(*at) {
        let action = match piece {
            Piece::Text(text) => {
                if !text.is_empty() {
                    nodes.push(Node::Text(text.clone()));
                }
                *at += 1;
                continue;
            }
            Piece::Action(action) => *action,
        };
        let word = action.split_whitespace().next().unwrap_or_default();
        match word {
            "end" | "else" => return Ok(nodes),
            "if" => {
                *at += 1;
                nodes.push(condition(&action["if".len()..], pieces, at, depth)?);
            }
            word if UNSUPPORTED.contains(&word) => {
                return Err(Refused::Unsupported(format!("`{word}` in a template")));
            }
            _ => {
                *at += 1;
                nodes.push(Node::Action(pipe(action)?));
            }
        }
    }
    Ok(nodes)
}

fn condition(first: &str, pieces: &[Piece<'_>], at: &mut usize, depth: usize) -> Result<Node, Refused> {
    let mut branches = vec![(pipe(first)?, nodes(pieces, at, depth + 1)?)];
    let mut otherwise = Vec::new();
    loop {
        let Some(Piece::Action(action)) = pieces.get(*at) else { return Err(syntax("`if` without `end`")) };
        *at += 1;
        let rest = action.strip_prefix("else").map(str::trim);
        match rest {
            None => return Ok(Node::If { branches, otherwise }),
            Some("") => otherwise = nodes(pieces, at, depth + 1)?,
            Some(rest) => match rest.strip_prefix("if ") {
                Some(condition) => branches.push((pipe(condition)?, nodes(pieces, at, depth + 1)?)),
                None => return Err(syntax(format!("`{action}` is not understood"))),
            },
        }
    }
}

fn pipe(text: &str) -> Result<Pipe, Refused> {
    let mut rest = text;
    let pipe = commands(&mut rest, 0)?;
    match rest.is_empty() {
        true => Ok(pipe),
        false => Err(syntax(format!("`{rest}` is not understood"))),
    }
}

/// Commands up to a closing bracket or the end.
fn commands(rest: &mut &str, depth: usize) -> Result<Pipe, Refused> {
    if depth > DEPTH_MAX {
        return Err(syntax("nested too deep"));
    }
    let (mut pipe, mut operands) = (Vec::new(), Vec::new());
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with(')') {
            pipe.push(command(operands)?);
            return Ok(pipe);
        }
        if let Some(after) = rest.strip_prefix('|') {
            *rest = after;
            pipe.push(command(std::mem::take(&mut operands))?);
            continue;
        }
        operands.push(operand(rest, depth)?);
    }
}

fn command(operands: Vec<Operand>) -> Result<Command, Refused> {
    let mut operands = operands.into_iter();
    let head = operands.next().ok_or_else(|| syntax("a value or a function is missing"))?;
    Ok(Command { head, arguments: operands.collect() })
}

fn operand(rest: &mut &str, depth: usize) -> Result<Operand, Refused> {
    if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        let inner = commands(rest, depth + 1)?;
        *rest = rest.strip_prefix(')').ok_or_else(|| syntax("`(` without `)`"))?;
        return Ok(Operand::Pipe(inner));
    }
    if rest.starts_with(['"', '`']) {
        return lexeme::quoted(rest).map(Operand::Text).ok_or_else(|| syntax("a quote that is not closed"));
    }
    if rest.starts_with('$') {
        return Err(Refused::Unsupported("a variable in a template".to_owned()));
    }
    let end = rest.find(|c: char| c.is_whitespace() || "()|\"`".contains(c)).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    if let Some(field) = word.strip_prefix('.') {
        return match field {
            "" => Err(Refused::Unsupported("`.` alone in a template".to_owned())),
            field => Ok(Operand::Field(field.to_owned())),
        };
    }
    let (digits, sign) = word.strip_prefix('-').map_or((word, 1), |digits| (digits, -1));
    let mut number = digits;
    if let Some(found) = lexeme::number(&mut number).filter(|_| number.is_empty()) {
        return match found {
            Number::Int(int) => Ok(Operand::Int(int * sign)),
            Number::Float(float) => Ok(Operand::Float(float * sign as f64)),
            Number::Duration(_) => Err(syntax(format!("`{word}` is no number"))),
        };
    }
    match word {
        "true" => Ok(Operand::Bool(true)),
        "false" => Ok(Operand::Bool(false)),
        word => Function::named(word)
            .map(Operand::Function)
            .ok_or_else(|| Refused::Unsupported(format!("the template function `{word}`"))),
    }
}
