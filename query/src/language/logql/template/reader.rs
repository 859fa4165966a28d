//! Text to nodes.

use super::functions::Function;
use super::{Action, Branch, Command, Definitions, Node, Operand, Pipe, Refused, Variable};
use crate::language::lexeme::{self, Number};

/// Blocks and brackets that may stand in one another.
const DEPTH_MAX: usize = 32;

/// A piece of the text: as it stands, or what was between braces.
enum Piece<'t> {
    Text(String),
    Action(&'t str),
}

/// The nodes of the text itself, and those that are defined in it.
pub(super) fn read(text: &str) -> Result<(Vec<Node>, Definitions), Refused> {
    let pieces = pieces(text)?;
    let mut reader =
        Reader { pieces, at: 0, variables: Vec::new(), loops: 0, definitions: Definitions::new() };
    let nodes = reader.nodes(0)?;
    match reader.pieces.get(reader.at) {
        None => Ok((nodes, reader.definitions)),
        Some(_) => Err(syntax("`end` or `else` without `if`, `with` or `range`")),
    }
}

struct Reader<'t> {
    pieces: Vec<Piece<'t>>,
    at: usize,
    /// Those that are known here; `$` always is.
    variables: Vec<String>,
    /// Loops around.
    loops: usize,
    definitions: Definitions,
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

impl<'t> Reader<'t> {
    /// Nodes up to the `else` or `end` of whoever asks, or the end of the text.
    fn nodes(&mut self, depth: usize) -> Result<Vec<Node>, Refused> {
        if depth > DEPTH_MAX {
            return Err(syntax("nested too deep"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            let action = match piece {
                Piece::Text(text) => {
                    if !text.is_empty() {
                        nodes.push(Node::Text(text.clone()));
                    }
                    self.at += 1;
                    continue;
                }
                Piece::Action(action) => *action,
            };
            let word = word(action);
            if matches!(word, "end" | "else") {
                return Ok(nodes);
            }
            self.at += 1;
            nodes.push(match word {
                "define" if depth > 0 => return Err(syntax("`define` within another block")),
                "define" => {
                    let (name, rest) = named(action)?;
                    if !rest.trim().is_empty() {
                        return Err(syntax(format!("`{rest}` is not understood")));
                    }
                    self.definition(&name, depth)?;
                    continue;
                }
                "block" => {
                    let call = self.call(action)?;
                    if let Node::Call { name, .. } = &call {
                        self.definition(name, depth)?;
                    }
                    call
                }
                "template" => self.call(action)?,
                "if" | "with" => self.choice(action, depth)?,
                "range" => self.range(&action["range".len()..], depth)?,
                "break" | "continue" if self.loops == 0 => {
                    return Err(syntax(format!("`{word}` outside of `range`")));
                }
                "break" => Node::Break,
                "continue" => Node::Continue,
                _ => Node::Action(self.action(action)?),
            });
        }
        Ok(nodes)
    }

    /// What stands up to the `end`, in which nothing of what is around is known.
    fn definition(&mut self, name: &str, depth: usize) -> Result<(), Refused> {
        let (variables, loops) = (std::mem::take(&mut self.variables), std::mem::take(&mut self.loops));
        let body = self.nodes(depth + 1)?;
        match self.pieces.get(self.at) {
            Some(Piece::Action("end")) => self.at += 1,
            _ => return Err(syntax(format!("`{name}` is defined without an `end`"))),
        }
        (self.variables, self.loops) = (variables, loops);
        // As in Go, what is empty gives way.
        let is_empty = |nodes: &[Node]| {
            nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
        };
        match self.definitions.get(name) {
            Some(known) if !is_empty(known) && !is_empty(&body) => {
                return Err(syntax(format!("multiple definition of template `{name}`")));
            }
            Some(known) if !is_empty(known) => {}
            _ => drop(self.definitions.insert(name.to_owned(), body)),
        }
        Ok(())
    }

    /// `template "name" pipe`; of a block, which has to have a pipe, too.
    fn call(&self, action: &str) -> Result<Node, Refused> {
        let (name, rest) = named(action)?;
        let with = match rest.trim() {
            "" if word(action) == "block" => return Err(syntax("`block` needs a value behind its name")),
            "" => None,
            pipe => Some(self.pipe(pipe)?),
        };
        Ok(Node::Call { name, with })
    }

    fn choice(&mut self, first: &'t str, depth: usize) -> Result<Node, Refused> {
        let known = self.variables.len();
        let (mut branches, mut otherwise) = (vec![self.branch(first, depth)?], Vec::new());
        loop {
            let Some(Piece::Action(action)) = self.pieces.get(self.at) else {
                return Err(syntax(format!("`{}` without `end`", word(first))));
            };
            let action = *action;
            self.at += 1;
            match action.strip_prefix("else").map(str::trim) {
                None => break,
                Some("") => otherwise = self.nodes(depth + 1)?,
                Some(rest) if matches!(word(rest), "if" | "with") => branches.push(self.branch(rest, depth)?),
                Some(_) => return Err(syntax(format!("`{action}` is not understood"))),
            }
        }
        self.variables.truncate(known);
        Ok(Node::Choice { branches, otherwise })
    }

    /// `if …` or `with …`, and what stands behind it.
    fn branch(&mut self, text: &'t str, depth: usize) -> Result<Branch, Refused> {
        let word = word(text);
        let condition = self.action(&text[word.len()..])?;
        Ok(Branch { condition, is_with: word == "with", body: self.nodes(depth + 1)? })
    }

    fn range(&mut self, text: &'t str, depth: usize) -> Result<Node, Refused> {
        let known = self.variables.len();
        // `range $key, $value := …`
        let pair = text.split_once(":=").and_then(|(names, pipe)| {
            let (key, value) = names.split_once(',')?;
            Some((key.trim().strip_prefix('$')?, value.trim(), pipe))
        });
        let (key, over) = match pair {
            Some((key, value, pipe)) => {
                let over = self.action(&format!("{value} := {pipe}"))?;
                self.variables.push(key.to_owned());
                (Some(key.to_owned()), over)
            }
            None => (None, self.action(text)?),
        };
        self.loops += 1;
        let body = self.nodes(depth + 1)?;
        self.loops -= 1;
        let mut otherwise = Vec::new();
        loop {
            let Some(Piece::Action(action)) = self.pieces.get(self.at) else {
                return Err(syntax("`range` without `end`"));
            };
            let action = *action;
            self.at += 1;
            match action {
                "end" => break,
                "else" => otherwise = self.nodes(depth + 1)?,
                _ => return Err(syntax(format!("`{action}` is not understood"))),
            }
        }
        self.variables.truncate(known);
        Ok(Node::Range { over, key, body, otherwise })
    }

    /// A pipe, and the variable before it.
    fn action(&mut self, text: &str) -> Result<Action, Refused> {
        let named = text.trim_start().strip_prefix('$').and_then(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let rest = rest.trim_start();
            let is_new = rest.starts_with(":=");
            let pipe = rest.strip_prefix(":=").or_else(|| rest.strip_prefix('='))?;
            Some((Variable { name: name.to_owned(), is_new }, pipe))
        });
        let Some((variable, text)) = named else {
            return Ok(Action { variable: None, pipe: self.pipe(text)? });
        };
        let pipe = self.pipe(text)?;
        if variable.is_new {
            self.variables.push(variable.name.clone());
        } else if !self.variables.contains(&variable.name) {
            return Err(syntax(format!("undefined variable `${}`", variable.name)));
        }
        Ok(Action { variable: Some(variable), pipe })
    }

    fn pipe(&self, text: &str) -> Result<Pipe, Refused> {
        let mut rest = text;
        let pipe = commands(&mut rest, 0, &self.variables)?;
        match rest.is_empty() {
            true => Ok(pipe),
            false => Err(syntax(format!("`{rest}` is not understood"))),
        }
    }
}

/// The name in quotes behind the first word, and what follows it.
fn named(action: &str) -> Result<(String, &str), Refused> {
    let mut rest = action[word(action).len()..].trim_start();
    let name = rest.starts_with(['"', '`']).then(|| lexeme::quoted(&mut rest)).flatten();
    Ok((name.ok_or_else(|| syntax(format!("`{}` needs a name in quotes", word(action))))?, rest))
}

fn word(action: &str) -> &str {
    action.split_whitespace().next().unwrap_or_default()
}

/// Commands up to a closing bracket or the end.
fn commands(rest: &mut &str, depth: usize, variables: &[String]) -> Result<Pipe, Refused> {
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
        operands.push(operand(rest, depth, variables)?);
    }
}

fn command(operands: Vec<Operand>) -> Result<Command, Refused> {
    let mut operands = operands.into_iter();
    let head = operands.next().ok_or_else(|| syntax("a value or a function is missing"))?;
    Ok(Command { head, arguments: operands.collect() })
}

fn operand(rest: &mut &str, depth: usize, variables: &[String]) -> Result<Operand, Refused> {
    if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        let inner = commands(rest, depth + 1, variables)?;
        *rest = rest.strip_prefix(')').ok_or_else(|| syntax("`(` without `)`"))?;
        let end = if rest.starts_with('.') { word_end(rest) } else { 0 };
        let (field, after) = rest.split_at(end);
        *rest = after;
        return Ok(Operand::Pipe(inner, path(field)));
    }
    if rest.starts_with(['"', '`']) {
        return lexeme::quoted(rest).map(Operand::Text).ok_or_else(|| syntax("a quote that is not closed"));
    }
    let (word, after) = rest.split_at(word_end(rest));
    *rest = after;
    if let Some(field) = word.strip_prefix('.') {
        return Ok(Operand::Dot(path(field)));
    }
    if let Some(variable) = word.strip_prefix('$') {
        let (name, field) = variable.split_once('.').unwrap_or((variable, ""));
        if !name.is_empty() && !variables.iter().any(|known| known == name) {
            return Err(syntax(format!("undefined variable `${name}`")));
        }
        return Ok(Operand::Variable(name.to_owned(), path(field)));
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
        "nil" => Ok(Operand::Nil),
        word => Function::named(word)
            .map(Operand::Function)
            .ok_or_else(|| Refused::Unsupported(format!("the template function `{word}`"))),
    }
}

fn word_end(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || "()|\"`".contains(c)).unwrap_or(text.len())
}

/// `.a.b`
fn path(text: &str) -> Vec<String> {
    text.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
