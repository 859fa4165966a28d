//! Go's text templates as LogQL uses them in `line_format` and `label_format`: `{{ .label | ToUpper }}`.
//!
//! Text, fields, pipelines, brackets, `if`/`else`, and the functions of Loki that say something about text and
//! numbers. `range`, `with`, variables and functions that are not known are refused when the query is read.

mod functions;
mod reader;

use functions::{Function, Value};

#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    text: String,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Action(Pipe),
    If { branches: Vec<(Pipe, Vec<Node>)>, otherwise: Vec<Node> },
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
    Field(String),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Function(Function),
    Pipe(Pipe),
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
    fn line(&self) -> &str;
    fn time_ns(&self) -> u64;
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, Refused> {
        Ok(Template { text: text.to_owned(), nodes: reader::read(text)? })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with all filled in, or why a function could not do its work.
    pub fn fill(&self, source: &dyn Source) -> Result<String, String> {
        let mut out = String::new();
        write(&self.nodes, source, &mut out)?;
        Ok(out)
    }
}

fn write(nodes: &[Node], source: &dyn Source, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Action(pipe) => out.push_str(&run(pipe, source)?.to_string()),
            Node::If { branches, otherwise } => {
                let mut taken = otherwise;
                for (condition, nodes) in branches {
                    if run(condition, source)?.is_true() {
                        taken = nodes;
                        break;
                    }
                }
                write(taken, source, out)?;
            }
        }
    }
    Ok(())
}

fn run(pipe: &Pipe, source: &dyn Source) -> Result<Value, String> {
    let mut last: Option<Value> = None;
    for command in pipe {
        let arguments = command.arguments.iter().map(|operand| value(operand, source));
        let mut arguments = arguments.collect::<Result<Vec<Value>, String>>()?;
        arguments.extend(last.take());
        last = Some(match &command.head {
            Operand::Function(function) => function.call(&arguments, source)?,
            operand if arguments.is_empty() => value(operand, source)?,
            _ => return Err("a value is no function".to_owned()),
        });
    }
    last.ok_or_else(|| "an empty pipeline".to_owned())
}

fn value(operand: &Operand, source: &dyn Source) -> Result<Value, String> {
    Ok(match operand {
        Operand::Field(name) => Value::Text(source.label(name)),
        Operand::Text(text) => Value::Text(text.clone()),
        Operand::Int(int) => Value::Int(*int),
        Operand::Float(float) => Value::Float(*float),
        Operand::Bool(flag) => Value::Bool(*flag),
        Operand::Function(function) => function.call(&[], source)?,
        Operand::Pipe(pipe) => run(pipe, source)?,
    })
}
