//! Nodes to text.

use super::functions::TEXT_BYTES_MAX;
use super::value::Value;
use super::{Action, Branch, Definitions, Node, Operand, Pipe, Source};

/// Nodes and commands of one filling: `range` within `range` multiplies them.
const STEPS_MAX: usize = 200_000;

/// Templates that call one another: each holds a part of the stack.
const CALLS_MAX: usize = 50;

/// Brackets within brackets are bounded when the template is read.
struct Filling<'a> {
    source: &'a dyn Source,
    definitions: &'a Definitions,
    /// What `.` is; nothing: all labels.
    dot: Option<Value>,
    /// What `$` is: what the template was given.
    root: Option<Value>,
    /// Templates around.
    calls: usize,
    variables: Vec<(String, Value)>,
    out: String,
    steps: usize,
}

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

pub(super) fn fill(nodes: &[Node], definitions: &Definitions, source: &dyn Source) -> Result<String, String> {
    let mut filling = Filling {
        source,
        definitions,
        dot: None,
        root: None,
        calls: 0,
        variables: Vec::new(),
        out: String::new(),
        steps: 0,
    };
    filling.nodes(nodes)?;
    Ok(filling.out)
}

impl Filling<'_> {
    fn nodes(&mut self, nodes: &[Node]) -> Result<Flow, String> {
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(text) => self.write(text)?,
                Node::Action(action) => {
                    let value = self.action(action)?;
                    match action.variable {
                        Some(_) => Flow::On,
                        None => self.write(&value.to_string())?,
                    }
                }
                Node::Choice { branches, otherwise } => self.choice(branches, otherwise)?,
                Node::Range { over, key, body, otherwise } => {
                    self.range(over, key.as_deref(), body, otherwise)?
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
                Node::Call { name, with } => self.call(name, with.as_ref())?,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn call(&mut self, name: &str, with: Option<&Pipe>) -> Result<Flow, String> {
        let definitions = self.definitions;
        let Some(body) = definitions.get(name) else { return Err(format!("template `{name}` not defined")) };
        if self.calls >= CALLS_MAX {
            return Err("templates call one another too often".to_owned());
        }
        let given = match with {
            None => Some(Value::Nil),
            Some(pipe) => self.given(pipe)?,
        };
        let outer = (self.dot.take(), self.root.take(), std::mem::take(&mut self.variables));
        (self.dot, self.root) = (given.clone(), given);
        self.calls += 1;
        let flow = self.nodes(body);
        self.calls -= 1;
        (self.dot, self.root, self.variables) = outer;
        flow
    }

    /// A template that is given the dot as it is, is given what the dot is: all labels stay that.
    fn given(&mut self, pipe: &Pipe) -> Result<Option<Value>, String> {
        if let [command] = pipe.as_slice()
            && command.arguments.is_empty()
        {
            match &command.head {
                Operand::Dot(path) if path.is_empty() => return Ok(self.dot.clone()),
                Operand::Variable(name, path) if name.is_empty() && path.is_empty() => {
                    return Ok(self.root.clone());
                }
                _ => {}
            }
        }
        self.pipe(pipe).map(Some)
    }

    fn write(&mut self, text: &str) -> Result<Flow, String> {
        if self.out.len() + text.len() > TEXT_BYTES_MAX {
            return Err(format!("the text would be longer than {TEXT_BYTES_MAX} bytes"));
        }
        self.out.push_str(text);
        Ok(Flow::On)
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err("the template takes too many steps".to_owned()) } else { Ok(()) }
    }

    fn choice(&mut self, branches: &[Branch], otherwise: &[Node]) -> Result<Flow, String> {
        let known = self.variables.len();
        for branch in branches {
            let value = self.action(&branch.condition)?;
            if value.is_true() {
                let outer = self.dot.clone();
                if branch.is_with {
                    self.dot = Some(value);
                }
                let flow = self.nodes(&branch.body);
                self.dot = outer;
                self.variables.truncate(known);
                return flow;
            }
        }
        let flow = self.nodes(otherwise);
        self.variables.truncate(known);
        flow
    }

    fn range(
        &mut self,
        over: &Action,
        key: Option<&str>,
        body: &[Node],
        otherwise: &[Node],
    ) -> Result<Flow, String> {
        let items: Vec<(Value, Value)> = match self.pipe(&over.pipe)? {
            Value::List(items) => {
                items.into_iter().enumerate().map(|(at, item)| (Value::Int(at as i64), item)).collect()
            }
            Value::Map(map) => map.into_iter().map(|(key, value)| (Value::Text(key), value)).collect(),
            Value::Int(count) => {
                (0..count.clamp(0, STEPS_MAX as i64)).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            Value::Nil => Vec::new(),
            other => return Err(format!("`range` cannot go over `{other}`")),
        };
        if items.is_empty() {
            return self.nodes(otherwise);
        }
        let (known, outer) = (self.variables.len(), self.dot.clone());
        let mut flow = Flow::On;
        for (name, item) in items {
            self.variables.truncate(known);
            if let Some(key) = key {
                self.variables.push((key.to_owned(), name));
            }
            if let Some(variable) = &over.variable {
                self.variables.push((variable.name.clone(), item.clone()));
            }
            self.dot = Some(item);
            flow = self.nodes(body)?;
            if flow == Flow::Break {
                break;
            }
        }
        self.dot = outer;
        self.variables.truncate(known);
        // Both ended this loop and not the one around it.
        Ok(if flow == Flow::On { flow } else { Flow::On })
    }

    fn action(&mut self, action: &Action) -> Result<Value, String> {
        let value = self.pipe(&action.pipe)?;
        if let Some(variable) = &action.variable {
            let known = self.variables.iter_mut().rev().find(|(name, _)| *name == variable.name);
            match known.filter(|_| !variable.is_new) {
                Some((_, known)) => *known = value.clone(),
                None => self.variables.push((variable.name.clone(), value.clone())),
            }
        }
        Ok(value)
    }

    fn pipe(&mut self, pipe: &Pipe) -> Result<Value, String> {
        let mut last: Option<Value> = None;
        for command in pipe {
            self.step()?;
            let mut arguments = Vec::with_capacity(command.arguments.len() + 1);
            for operand in &command.arguments {
                arguments.push(self.value(operand)?);
            }
            arguments.extend(last.take());
            last = Some(match &command.head {
                Operand::Function(function) => function.call(&arguments, self.source)?,
                operand if arguments.is_empty() => self.value(operand)?,
                _ => return Err("a value is no function".to_owned()),
            });
        }
        last.ok_or_else(|| "an empty pipeline".to_owned())
    }

    fn value(&mut self, operand: &Operand) -> Result<Value, String> {
        Ok(match operand {
            Operand::Dot(path) => match &self.dot {
                Some(dot) => dot.at(path),
                None => self.label(path),
            },
            Operand::Variable(name, path) if name.is_empty() => match &self.root {
                Some(root) => root.at(path),
                None => self.label(path),
            },
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.map_or(Value::Nil, |(_, value)| value.at(path))
            }
            Operand::Text(text) => Value::Text(text.clone()),
            Operand::Int(int) => Value::Int(*int),
            Operand::Float(float) => Value::Float(*float),
            Operand::Bool(flag) => Value::Bool(*flag),
            Operand::Nil => Value::Nil,
            Operand::Function(function) => function.call(&[], self.source)?,
            Operand::Pipe(pipe, path) => self.pipe(pipe)?.at(path),
        })
    }

    /// One label, or all of them.
    fn label(&self, path: &[String]) -> Value {
        if !path.is_empty() {
            return Value::Text(self.source.label(&path.join(".")));
        }
        let labels = self.source.labels().into_iter();
        Value::Map(labels.map(|(name, value)| (name, Value::Text(value))).collect())
    }
}
