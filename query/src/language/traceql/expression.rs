//! Expressions over one span: what stands between braces.

use spandrel_store::id::notation::Digits;
use spandrel_store::{SpanId, TraceId};

use super::ast::{Attribute, Binary, Compared, Expr, Intrinsic, Kind, Of, Static, Status};
use super::lexer::Token;
use super::parser::{COMPARISONS, Parsed, Parser};
use crate::language::lexeme::Number;
use crate::language::mistake::Mistake;
use crate::language::pattern::{OfData, Pattern};

/// How tightly operators bind: `&&` and `||`, comparisons, sums, `!`, products, powers.
const LOGIC: usize = 1;
const COMPARISON: usize = 2;
const SUM: usize = 3;
const PRODUCT: usize = 5;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.binary(LOGIC)
    }

    fn binary(&mut self, level: usize) -> Parsed<Expr> {
        let mut left = self.operand()?;
        while let Some(Token::Symbol(symbol)) = self.peek() {
            let symbol = *symbol;
            if let logic @ ("&&" | "||") = symbol
                && level <= LOGIC
            {
                self.step();
                let right = self.binary(COMPARISON)?;
                let binary = if logic == "&&" { Binary::And } else { Binary::Or };
                left = Expr::Binary(binary, Box::new(left), Box::new(right));
            } else if let matching @ ("=~" | "!~") = symbol
                && level <= COMPARISON
            {
                self.step();
                left = self.matching(matching == "!~", left)?;
            } else if let Some((_, compared)) = COMPARISONS.into_iter().find(|(name, _)| *name == symbol)
                && level <= COMPARISON
            {
                self.step();
                let right = self.binary(SUM)?;
                left = comparison(compared, left, right);
            } else if let Some((binary, of_level, right)) = self.arithmetic(1)
                && expression_level(of_level) >= level
            {
                self.step();
                let right = self.binary(expression_level(right))?;
                left = Expr::Binary(binary, Box::new(left), Box::new(right));
            } else {
                break;
            }
        }
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Expr> {
        if self.take("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("!") {
            return Ok(Expr::Not(Box::new(self.binary(PRODUCT)?)));
        }
        if self.take("-") {
            return Ok(match self.binary(PRODUCT)? {
                Expr::Static(Static::Int(int)) => Expr::Static(Static::Int(int.saturating_neg())),
                Expr::Static(Static::Float(float)) => Expr::Static(Static::Float(-float)),
                Expr::Static(Static::Duration(nanos)) => {
                    Expr::Static(Static::Duration(nanos.saturating_neg()))
                }
                other => Expr::Negative(Box::new(other)),
            });
        }
        if let Some(attribute) = self.parent_beside_nil() {
            return Ok(Expr::Attribute(attribute));
        }
        if let Some(attribute) = self.take_attribute()? {
            return Ok(Expr::Attribute(attribute));
        }
        if let Some(value) = self.static_value() {
            return Ok(Expr::Static(value));
        }
        let expected = match self.peek() {
            Some(Token::Word(_)) => {
                "an attribute with its scope (`span.`, `resource.`, `.`), an intrinsic or a value"
            }
            _ => "an attribute, an intrinsic or a value",
        };
        Err(self.error(expected))
    }

    fn matching(&mut self, negated: bool, value: Expr) -> Parsed<Expr> {
        let (position, value) = (self.position(), Box::new(value));
        if let Some(Token::Text(text)) = self.peek() {
            let pattern = Pattern::whole(text).map_err(|why| Mistake::invalid(position, why))?;
            self.step();
            return Ok(Expr::Matches { negated, value, pattern });
        }
        if let Some(pattern) = self.take_attribute()? {
            return Ok(Expr::MatchesOwn { negated, value, pattern, compiled: OfData::default() });
        }
        match self.peek() {
            Some(Token::Number(_)) => {
                Err(Mistake::invalid(position, "a regular expression is text in quotes, or an attribute"))
            }
            _ => Err(self.error("a regular expression in quotes, or an attribute")),
        }
    }

    /// A literal, if one stands here.
    pub(super) fn static_value(&mut self) -> Option<Static> {
        let value = match self.peek()? {
            Token::Text(text) => Static::Text(text.clone()),
            Token::Number(Number::Int(int)) => Static::Int(*int),
            Token::Number(Number::Float(float)) => Static::Float(*float),
            Token::Number(Number::Duration(nanos)) => Static::Duration(*nanos),
            Token::Word(word) => keyword(word)?,
            Token::Attribute(_) | Token::Symbol(_) => return None,
        };
        self.step();
        Some(value)
    }
}

pub(super) fn keyword(word: &str) -> Option<Static> {
    match word {
        "nil" => return Some(Static::Nil),
        "true" => return Some(Static::Bool(true)),
        "false" => return Some(Static::Bool(false)),
        "minInt" => return Some(Static::Int(i64::MIN)),
        "maxInt" => return Some(Static::Int(i64::MAX)),
        _ => {}
    }
    let status = Status::ALL.into_iter().find(|(name, _)| *name == word);
    let kind = || Kind::ALL.into_iter().find(|(name, _)| *name == word);
    status.map(|(_, status)| Static::Status(status)).or_else(|| kind().map(|(_, kind)| Static::Kind(kind)))
}

/// Sums, products and powers among the levels of expressions.
fn expression_level(arithmetic: usize) -> usize {
    match arithmetic {
        1 => SUM,
        2 => PRODUCT,
        _ => PRODUCT + 1,
    }
}

/// Ids are compared in one notation, whatever was typed. Nothing beside nothing is false, as in Tempo.
fn comparison(compared: Compared, left: Expr, right: Expr) -> Expr {
    let (left, right) = match (left, right) {
        (Expr::Static(Static::Nil), Expr::Static(Static::Nil)) => return Expr::Static(Static::Bool(false)),
        (Expr::Attribute(attribute), Expr::Static(Static::Text(text))) => {
            let text = id_of(&attribute, text);
            (Expr::Attribute(attribute), Expr::Static(Static::Text(text)))
        }
        (Expr::Static(Static::Text(text)), Expr::Attribute(attribute)) => {
            let text = id_of(&attribute, text);
            (Expr::Static(Static::Text(text)), Expr::Attribute(attribute))
        }
        sides => sides,
    };
    Expr::Binary(Binary::Compare(compared), Box::new(left), Box::new(right))
}

fn id_of(attribute: &Attribute, text: String) -> String {
    let (Of::Intrinsic(intrinsic) | Of::ParentIntrinsic(intrinsic)) = &attribute.of else { return text };
    let id = match intrinsic {
        Intrinsic::TraceId | Intrinsic::LinkTraceId => {
            TraceId::from_text(&text, Digits::Hex).map(|id| id.to_string()).ok()
        }
        Intrinsic::SpanId | Intrinsic::ParentId | Intrinsic::LinkSpanId => {
            SpanId::from_text(&text, Digits::Hex).map(|id| id.to_string()).ok()
        }
        _ => None,
    };
    id.unwrap_or(text)
}
