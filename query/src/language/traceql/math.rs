//! Calculations with metrics queries: `({ status = error } | rate()) / ({} | rate()) * 100 | topk(3)`. Each query
//! stands in brackets, so that brackets tell at the beginning whether it is a calculation.

use super::ast::{Asked, Binary, Hint, Numbers, Static};
use super::lexer::Token;
use super::metrics::METRICS;
use super::parser::{Parsed, Parser};
use crate::language::mistake::Mistake;

/// What an opening bracket begins.
enum Bracket {
    /// A pipeline with a metrics function.
    Query,
    /// A calculation with such a query in it.
    Calculation,
    /// No metrics function is in it.
    Other,
}

/// One side of a calculation.
enum Term {
    Number(Static),
    Numbers(Numbers),
}

/// The level at which nothing but one number, or what is in brackets, is read.
const CONSTANT: usize = 4;

const NO_DURATION: &str = "a duration cannot be used in a calculation";

impl Parser<'_> {
    /// Whether a metrics function stands in brackets anywhere ahead.
    pub(super) fn at_numbers_in_brackets(&self) -> bool {
        let mut depth = 0usize;
        (self.at..self.tokens.len()).any(|at| {
            match self.tokens[at].token {
                Token::Symbol("(") => depth += 1,
                Token::Symbol(")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth > 0 && self.is_metrics_call(at)
        })
    }

    fn is_metrics_call(&self, at: usize) -> bool {
        let is_named =
            matches!(&self.tokens[at].token, Token::Word(word) if METRICS.contains(&word.as_str()));
        let next = self.tokens.get(at + 1).map(|lexed| &lexed.token);
        is_named && next == Some(&Token::Symbol("("))
    }

    fn bracket(&self, at: usize) -> Bracket {
        let (mut depth, mut found) = (0usize, Bracket::Other);
        for index in at..self.tokens.len() {
            match self.tokens[index].token {
                Token::Symbol("(") => depth += 1,
                Token::Symbol(")") if depth == 1 => break,
                Token::Symbol(")") => depth -= 1,
                _ if self.is_metrics_call(index) && depth == 1 => return Bracket::Query,
                _ if self.is_metrics_call(index) => found = Bracket::Calculation,
                _ => {}
            }
        }
        found
    }

    pub(super) fn calculated(&mut self, hints: &mut Vec<Hint>) -> Parsed<Numbers> {
        let position = self.position();
        let Term::Numbers(numbers) = self.sum(1, hints)? else {
            return Err(Mistake::invalid(position, "a number alone says nothing about spans"));
        };
        let stages = self.second_stages(hints)?;
        Ok(if stages.is_empty() { numbers } else { Numbers::Then(Box::new(numbers), stages) })
    }

    /// `level` is 1 for sums, 2 for products.
    fn sum(&mut self, level: usize, hints: &mut Vec<Hint>) -> Parsed<Term> {
        let mut left = self.calculation_operand(hints)?;
        while let Some((binary, of_level, right_level)) = self.arithmetic(level) {
            if matches!(binary, Binary::Mod | Binary::Pow) {
                return Err(self.unsupported("`%` or `^` between queries".to_owned()));
            }
            let position = self.position();
            self.step();
            let right = self.sum(right_level.max(of_level), hints)?;
            left = joined(binary, left, right).map_err(|why| Mistake::invalid(position, why))?;
        }
        Ok(left)
    }

    fn calculation_operand(&mut self, hints: &mut Vec<Hint>) -> Parsed<Term> {
        let bracket = if self.at_symbol("(") { self.bracket(self.at) } else { Bracket::Other };
        let numbers = match bracket {
            Bracket::Other => return self.folded(CONSTANT).map(Term::Number),
            Bracket::Query => {
                self.step();
                let Asked::Numbers(numbers) = self.pipeline(hints)? else {
                    return Err(self.error("a metrics function such as `| rate()`"));
                };
                numbers
            }
            Bracket::Calculation => {
                self.step();
                self.calculated(hints)?
            }
        };
        self.expect(")")?;
        Ok(Term::Numbers(numbers))
    }

    /// A number, or a calculation with numbers alone.
    pub(super) fn constant(&mut self) -> Parsed<f64> {
        let position = self.position();
        match self.folded(1)? {
            // Numbers of metrics about durations are seconds.
            Static::Duration(nanos) => Ok(nanos as f64 / 1e9),
            other => number(&other).ok_or_else(|| Mistake::invalid(position, "a number is needed")),
        }
    }

    fn folded(&mut self, level: usize) -> Parsed<Static> {
        let mut left = match () {
            () if self.take("(") => {
                let inner = self.folded(1)?;
                self.expect(")")?;
                inner
            }
            () => self.number()?,
        };
        while let Some((binary, of_level, right_level)) = self.arithmetic(level) {
            if matches!(binary, Binary::Mod | Binary::Pow) {
                break;
            }
            let position = self.position();
            self.step();
            let right = self.folded(right_level.max(of_level))?;
            left = fold(binary, &left, &right).map_err(|why| Mistake::invalid(position, why))?;
        }
        Ok(left)
    }
}

fn joined(binary: Binary, left: Term, right: Term) -> Result<Term, &'static str> {
    if let (Term::Number(left), Term::Number(right)) = (&left, &right) {
        return fold(binary, left, right).map(Term::Number);
    }
    let numbers = |term: Term| match term {
        Term::Numbers(numbers) => Ok(Box::new(numbers)),
        Term::Number(of) => number(&of).map(|of| Box::new(Numbers::Number(of))).ok_or(NO_DURATION),
    };
    Ok(Term::Numbers(Numbers::Arithmetic(binary, numbers(left)?, numbers(right)?)))
}

fn number(of: &Static) -> Option<f64> {
    match of {
        Static::Int(int) => Some(*int as f64),
        Static::Float(float) => Some(*float),
        _ => None,
    }
}

/// Whole numbers stay whole: `1 / 2` is 0.
fn fold(binary: Binary, left: &Static, right: &Static) -> Result<Static, &'static str> {
    if let (Static::Int(left), Static::Int(right)) = (left, right) {
        let whole = match binary {
            Binary::Add => left.checked_add(*right),
            Binary::Sub => left.checked_sub(*right),
            Binary::Mul => left.checked_mul(*right),
            _ => left.checked_div(*right),
        };
        return whole.map(Static::Int).ok_or("a division by zero, or a number that is too large");
    }
    match (number(left), number(right)) {
        (Some(left), Some(right)) => Ok(Static::Float(calculate(binary, left, right))),
        _ => Err(NO_DURATION),
    }
}

/// A division by zero is no number, as in Tempo.
pub fn calculate(binary: Binary, left: f64, right: f64) -> f64 {
    match binary {
        Binary::Add => left + right,
        Binary::Sub => left - right,
        Binary::Mul => left * right,
        Binary::Div if right != 0.0 => left / right,
        _ => f64::NAN,
    }
}
