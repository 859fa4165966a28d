//! Tokens to a [`Query`]: pipelines, spansets, aggregates and hints. Expressions inside braces are read in
//! [`super::expression`], metrics functions in [`super::metrics`].

use super::ast::{
    Aggregate, Asked, Attribute, Binary, Compared, Expr, Hint, Intrinsic, Numbers, Of, Pipeline, Query,
    Relation, Scalar, ScalarFilter, Spanset, Stage, Static, Union,
};
use super::lexer::{self, Lexed, Token};
use crate::language::SyntaxError;
use crate::language::bounds::{self, Part};
use crate::language::lexeme::Number;
use crate::language::mistake::Mistake;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Lexed>,
    pub(super) at: usize,
}

pub(super) type Parsed<T> = Result<T, Mistake>;

const AGGREGATES: [(&str, Aggregate); 5] = [
    ("count", Aggregate::Count),
    ("avg", Aggregate::Avg),
    ("max", Aggregate::Max),
    ("min", Aggregate::Min),
    ("sum", Aggregate::Sum),
];

const RELATIONS: [(&str, Relation, Union); 15] = [
    (">", Relation::Child, Union::Right),
    ("<", Relation::Parent, Union::Right),
    (">>", Relation::Descendant, Union::Right),
    ("<<", Relation::Ancestor, Union::Right),
    ("~", Relation::Sibling, Union::Right),
    ("!>", Relation::Child, Union::Not),
    ("!<", Relation::Parent, Union::Not),
    ("!>>", Relation::Descendant, Union::Not),
    ("!<<", Relation::Ancestor, Union::Not),
    ("!~", Relation::Sibling, Union::Not),
    ("&>", Relation::Child, Union::Both),
    ("&<", Relation::Parent, Union::Both),
    ("&>>", Relation::Descendant, Union::Both),
    ("&<<", Relation::Ancestor, Union::Both),
    ("&~", Relation::Sibling, Union::Both),
];

pub(super) const COMPARISONS: [(&str, Compared); 6] = [
    ("=", Compared::Equal),
    ("!=", Compared::NotEqual),
    ("<", Compared::Less),
    ("<=", Compared::LessOrEqual),
    (">", Compared::Greater),
    (">=", Compared::GreaterOrEqual),
];

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, operators_max: usize) -> Parsed<Parser<'a>> {
        let tokens = lexer::lex(text)?;
        let parts = tokens.iter().map(|lexed| (part(&lexed.token), lexed.position));
        bounds::check(text, parts, operators_max)?;
        Ok(Parser { text, tokens, at: 0 })
    }

    pub(super) fn query(mut self) -> Parsed<Query> {
        let mut hints = Vec::new();
        let asked = match self.at_numbers_in_brackets() {
            true => Asked::Numbers(self.calculated(&mut hints)?),
            false => self.pipeline(&mut hints)?,
        };
        self.hints(&mut hints)?;
        match self.peek() {
            None => Ok(Query { asked, hints }),
            Some(Token::Symbol("+" | "-" | "*" | "/")) if matches!(asked, Asked::Numbers(_)) => {
                Err(self.error("brackets around each metrics query of a calculation"))
            }
            Some(_) => Err(self.error("`|`, an operator between spansets, or the end")),
        }
    }

    /// A pipeline, up to its metrics function and what comes behind that, if it has one.
    pub(super) fn pipeline(&mut self, hints: &mut Vec<Hint>) -> Parsed<Asked> {
        let mut stages = Vec::new();
        loop {
            if let Some(function) = self.metrics_function()? {
                if stages.is_empty() {
                    return Err(self.error("a spanset such as `{}` before a metrics function"));
                }
                let metrics = self.rest_of_metrics(function, hints)?;
                return Ok(Asked::Numbers(Numbers::Of(Box::new((Pipeline(stages), metrics)))));
            }
            stages.push(self.stage(stages.is_empty())?);
            if !self.take("|") {
                return Ok(Asked::Spans(Pipeline(stages)));
            }
        }
    }

    // Pipelines.

    fn stage(&mut self, first: bool) -> Parsed<Stage> {
        if self.at_call("by") {
            self.at += 2;
            let by = self.expression()?;
            self.expect(")")?;
            return Ok(Stage::By(by));
        }
        if self.at_call("coalesce") {
            if first {
                return Err(self.error("a spanset before `coalesce()`"));
            }
            self.at += 2;
            self.expect(")")?;
            return Ok(Stage::Coalesce);
        }
        if self.at_call("select") {
            self.at += 2;
            return Ok(Stage::Select(self.attributes()?));
        }
        if self.at_scalar() {
            return self.scalar_filter().map(Stage::Scalar);
        }
        self.spanset(1).map(Stage::Spanset)
    }

    /// Whether an aggregate or a number begins here, brackets before it aside.
    fn at_scalar(&self) -> bool {
        let opened = self.tokens[self.at..].iter();
        let mut after = opened.skip_while(|lexed| lexed.token == Token::Symbol("("));
        match after.next().map(|lexed| &lexed.token) {
            Some(Token::Number(_)) => true,
            Some(Token::Symbol("-")) => true,
            Some(Token::Word(word)) => AGGREGATES.iter().any(|(name, _)| name == word),
            _ => false,
        }
    }

    /// `level` is 1 for `&&` and `||`, 2 for what binds tighter.
    fn spanset(&mut self, level: usize) -> Parsed<Spanset> {
        let mut left = self.spanset_operand()?;
        loop {
            let operation = match self.peek() {
                Some(Token::Symbol("&&")) => Some((1, Relation::And, Union::Right)),
                Some(Token::Symbol("||")) => Some((1, Relation::Or, Union::Right)),
                Some(Token::Symbol(symbol)) => RELATIONS
                    .into_iter()
                    .find(|(name, _, _)| name == symbol)
                    .map(|(_, relation, union)| (2, relation, union)),
                _ => None,
            };
            let Some((of_level, relation, union)) = operation.filter(|(of_level, _, _)| *of_level >= level)
            else {
                return Ok(left);
            };
            self.at += 1;
            let right = self.spanset(of_level + 1)?;
            let (left_side, right) = (Box::new(left), Box::new(right));
            left = Spanset::Operation { relation, union, left: left_side, right };
        }
    }

    fn spanset_operand(&mut self) -> Parsed<Spanset> {
        if self.take("{") {
            if self.take("}") {
                return Ok(Spanset::Filter(Expr::Static(Static::Bool(true))));
            }
            let filter = self.expression()?;
            self.expect("}")?;
            return Ok(Spanset::Filter(filter));
        }
        if !self.take("(") {
            return Err(self.error("a spanset such as `{ status = error }`"));
        }
        let mut stages = vec![self.stage(true)?];
        while self.take("|") {
            stages.push(self.stage(false)?);
        }
        self.expect(")")?;
        match stages.pop() {
            Some(Stage::Spanset(only)) if stages.is_empty() => Ok(only),
            last => {
                stages.extend(last);
                Ok(Spanset::Pipeline(Pipeline(stages)))
            }
        }
    }

    fn scalar_filter(&mut self) -> Parsed<ScalarFilter> {
        let left = self.scalar(1)?;
        let Some(compared) = self.comparison() else {
            return Err(match self.peek() {
                Some(Token::Symbol(")")) => self.unsupported("a pipeline that ends in a number".to_owned()),
                _ => self.error("a comparison such as `> 2`"),
            });
        };
        Ok(ScalarFilter { left, compared, right: self.scalar(1)? })
    }

    pub(super) fn comparison(&mut self) -> Option<Compared> {
        let Some(Token::Symbol(symbol)) = self.peek() else { return None };
        let (_, compared) = COMPARISONS.into_iter().find(|(name, _)| name == symbol)?;
        self.at += 1;
        Some(compared)
    }

    fn scalar(&mut self, level: usize) -> Parsed<Scalar> {
        let mut left = self.scalar_operand()?;
        while let Some((binary, of_level, right_level)) = self.arithmetic(level) {
            self.at += 1;
            let right = self.scalar(right_level.max(of_level))?;
            left = Scalar::Arithmetic(binary, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    /// The arithmetic operator here, if it binds at `level` or tighter, with its level and its right side's.
    pub(super) fn arithmetic(&self, level: usize) -> Option<(Binary, usize, usize)> {
        let Some(Token::Symbol(symbol)) = self.peek() else { return None };
        let (binary, of_level, right) = match *symbol {
            "+" => (Binary::Add, 1, 2),
            "-" => (Binary::Sub, 1, 2),
            "*" => (Binary::Mul, 2, 3),
            "/" => (Binary::Div, 2, 3),
            "%" => (Binary::Mod, 2, 3),
            "^" => (Binary::Pow, 3, 3),
            _ => return None,
        };
        (of_level >= level).then_some((binary, of_level, right))
    }

    fn scalar_operand(&mut self) -> Parsed<Scalar> {
        if self.take("(") {
            let inner = self.scalar(1)?;
            self.expect(")")?;
            return Ok(inner);
        }
        for (name, aggregate) in AGGREGATES {
            if self.at_call(name) {
                self.at += 2;
                let of = if aggregate == Aggregate::Count { None } else { Some(self.expression()?) };
                self.expect(")")?;
                return Ok(Scalar::Aggregate(aggregate, of));
            }
        }
        self.number().map(Scalar::Static)
    }

    /// `with(name=value, …)`, any number of times.
    pub(super) fn hints(&mut self, hints: &mut Vec<Hint>) -> Parsed<()> {
        while self.at_call("with") {
            self.at += 2;
            loop {
                let Some(Token::Word(name)) = self.peek().cloned() else {
                    return Err(self.error("the name of a hint such as `most_recent`"));
                };
                self.at += 1;
                self.expect("=")?;
                let Some(value) = self.static_value() else { return Err(self.error("the value of a hint")) };
                hints.push(Hint { name, value });
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(())
    }

    // Parts.

    /// Attributes up to the closing bracket, at least one.
    pub(super) fn attributes(&mut self) -> Parsed<Vec<Attribute>> {
        let mut attributes = vec![self.attribute()?];
        while self.take(",") {
            attributes.push(self.attribute()?);
        }
        self.expect(")")?;
        Ok(attributes)
    }

    pub(super) fn attribute(&mut self) -> Parsed<Attribute> {
        self.take_attribute()?
            .ok_or_else(|| self.error("an attribute such as `span.http.method` or `duration`"))
    }

    pub(super) fn take_attribute(&mut self) -> Parsed<Option<Attribute>> {
        let position = self.position();
        let attribute = match self.peek() {
            Some(Token::Attribute(attribute)) => attribute.clone(),
            Some(Token::Word(word)) => match Intrinsic::named(word) {
                Some(Intrinsic::Parent) => {
                    return Err(self.unsupported("the intrinsic `parent`, but beside `nil`,".to_owned()));
                }
                Some(intrinsic) => {
                    Attribute { of: Of::Intrinsic(intrinsic), written: word.clone(), position }
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(attribute))
    }

    /// The parent of a span: it is there or not, and nothing else is asked of it.
    pub(super) fn parent_beside_nil(&mut self) -> Option<Attribute> {
        let near = |by: isize| self.tokens.get(self.at.checked_add_signed(by)?).map(|lexed| &lexed.token);
        let is_word = |by, wanted: &str| matches!(near(by), Some(Token::Word(word)) if word == wanted);
        let compares = |by| matches!(near(by), Some(Token::Symbol("=" | "!=")));
        let nil_by = |by| compares(by) && is_word(2 * by, "nil");
        let beside_nil = is_word(0, "parent") && (nil_by(1) || nil_by(-1));
        let position = self.position();
        self.at += usize::from(beside_nil);
        let of = Of::Intrinsic(Intrinsic::Parent);
        beside_nil.then(|| Attribute { of, written: "parent".to_owned(), position })
    }

    pub(super) fn number(&mut self) -> Parsed<Static> {
        let negative = self.take("-");
        let Some(Token::Number(number)) = self.peek() else {
            return Err(self.error("a number, a duration or an aggregate such as `count()`"));
        };
        let sign = if negative { -1 } else { 1 };
        let value = match *number {
            Number::Int(int) => Static::Int(int * sign),
            Number::Float(float) => Static::Float(float * sign as f64),
            Number::Duration(nanos) => Static::Duration(nanos * sign),
        };
        self.at += 1;
        Ok(value)
    }

    /// A number without a unit.
    pub(super) fn float(&mut self) -> Parsed<f64> {
        Ok(match self.number()? {
            Static::Int(int) => int as f64,
            Static::Float(float) => float,
            _ => return Err(self.error("a number")),
        })
    }

    pub(super) fn int(&mut self) -> Parsed<i64> {
        match self.peek() {
            Some(Token::Number(Number::Int(int))) => {
                let int = *int;
                self.at += 1;
                Ok(int)
            }
            _ => Err(self.error("a whole number")),
        }
    }

    /// How many; at least one.
    pub(super) fn count(&mut self) -> Parsed<usize> {
        let position = self.position();
        let count = self.int()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| Mistake::invalid(position, "a count above 0 is needed"))
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|lexed| &lexed.token)
    }

    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    pub(super) fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.text.len(), |lexed| lexed.position)
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Some(Token::Symbol(here)) if *here == symbol)
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let here = self.at_symbol(symbol);
        self.at += usize::from(here);
        here
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.error(format!("`{symbol}`"))) }
    }

    /// Whether `name(` stands here.
    pub(super) fn at_call(&self, name: &str) -> bool {
        let next = self.tokens.get(self.at + 1).map(|lexed| &lexed.token);
        matches!(self.peek(), Some(Token::Word(word)) if word == name) && next == Some(&Token::Symbol("("))
    }

    pub(super) fn error(&self, expected: impl Into<String>) -> Mistake {
        SyntaxError::at(self.text, self.position(), expected).into()
    }

    pub(super) fn unsupported(&self, construct: String) -> Mistake {
        Mistake::unsupported(self.position(), construct)
    }
}

fn part(token: &Token) -> Part {
    match token {
        Token::Symbol("(" | "{") => Part::Opens,
        Token::Symbol(")" | "}") => Part::Closes,
        Token::Symbol("|" | ",") => Part::Other,
        Token::Symbol(_) => Part::Operates,
        _ => Part::Other,
    }
}
