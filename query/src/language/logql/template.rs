//! Go's text templates as LogQL uses them in `line_format` and `label_format`: `{{ .label | ToUpper }}`.
//!
//! Text, fields, pipelines, brackets, variables, `if`, `with`, `range`, templates that are defined and called within
//! one, and the functions of Loki. Functions that are not known are refused when the query is read. Filling a template in
//! takes a bounded number of steps and makes a bounded text, whatever it says.

mod date;
mod fill;
mod functions;
mod reader;
mod value;

use std::collections::BTreeMap;

use functions::Function;

#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    text: String,
    nodes: Vec<Node>,
    definitions: Definitions,
}

/// What `define` and `block` name.
type Definitions = BTreeMap<String, Vec<Node>>;

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Action(Action),
    /// The first branch whose condition holds, with what its pipe says as the dot where it is a `with`.
    Choice {
        branches: Vec<Branch>,
        otherwise: Vec<Node>,
    },
    Range {
        over: Action,
        key: Option<String>,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Break,
    Continue,
    /// `template "name"`, with what is the dot in it.
    Call {
        name: String,
        with: Option<Pipe>,
    },
}

#[derive(Debug, Clone, PartialEq)]
struct Branch {
    condition: Action,
    is_with: bool,
    body: Vec<Node>,
}

/// A pipe, and the variable that takes its value.
#[derive(Debug, Clone, PartialEq)]
struct Action {
    variable: Option<Variable>,
    pipe: Pipe,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    /// `:=`, in place of `=`.
    is_new: bool,
}

/// Commands, each of which gets the value of the one before as its last argument.
type Pipe = Vec<Command>;

#[derive(Debug, Clone, PartialEq)]
struct Command {
    head: Operand,
    arguments: Vec<Operand>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    /// `.`, or `.a.b`: of what is looked at.
    Dot(Vec<String>),
    /// `$x` or `$x.a`; `$` is all labels.
    Variable(String, Vec<String>),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Function(Function),
    /// In brackets, and what is looked at of its value.
    Pipe(Pipe, Vec<String>),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    Syntax(String),
    /// A construct or function that is Go's or Loki's and not evaluated here.
    Unsupported(String),
}

/// What a template is filled from.
pub trait Source {
    /// The text of a label; empty where there is none.
    fn label(&self, name: &str) -> String;
    /// All labels, by name.
    fn labels(&self) -> Vec<(String, String)>;
    fn line(&self) -> &str;
    fn time_ns(&self) -> u64;
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, Refused> {
        let (nodes, definitions) = reader::read(text)?;
        Ok(Template { text: text.to_owned(), nodes, definitions })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with all filled in, or why a function could not do its work.
    pub fn fill(&self, source: &dyn Source) -> Result<String, String> {
        fill::fill(&self.nodes, &self.definitions, source)
    }
}

#[cfg(test)]
mod tests;
