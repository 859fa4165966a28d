//! What can be read of a question that is still being typed: Grafana asks for the values of a tag with the
//! conditions that stand already, `{resource.service.name="a" && }`.

use spandrel_config::Limits;
use spandrel_store::Filter;

use super::ast::{Asked, Attribute, Binary, Compared, Expr, Intrinsic, Numbers, Of};
use super::expression::keyword;
use super::lexer::{Lexed, Token, lex_leniently};
use super::narrow::{narrow, narrow_pipeline};
use super::parser::COMPARISONS;
use super::{Static, parse};
use crate::language::lexeme::Number;
use crate::language::pattern::Pattern;

/// A filter that every span meant passes: the whole question's where it is one, else of its conditions those
/// that are whole, unless they are alternatives. Never a mistake.
pub fn conditions(text: &str, limits: &Limits) -> Filter {
    if text.len() > limits.query_bytes_max {
        return Filter::All;
    }
    if let Ok(query) = parse(text, limits) {
        return match &query.asked {
            Asked::Spans(pipeline) => narrow_pipeline(pipeline),
            Asked::Numbers(Numbers::Of(of)) => narrow_pipeline(&of.0),
            Asked::Numbers(_) => Filter::All,
        };
    }
    let (tokens, _) = lex_leniently(text);
    let alternatives = ["||", "!", "&>>", ">>", ">", "<<", "~"];
    let braces = tokens.iter().filter(|lexed| lexed.token == Token::Symbol("{")).count();
    let plain = |lexed: &Lexed| !matches!(lexed.token, Token::Symbol("||" | "!" | "("));
    if braces > 1 && tokens.iter().any(|l| matches!(l.token, Token::Symbol(s) if alternatives.contains(&s))) {
        return Filter::All;
    }
    if !tokens.iter().all(plain) {
        return Filter::All;
    }
    let apart = tokens.split(|lexed| matches!(lexed.token, Token::Symbol("&&" | "{" | "}" | "|")));
    apart.filter_map(condition).fold(Filter::All, |filter, expr| filter.and(narrow(&expr)))
}

/// `attribute operator value`, and nothing else.
fn condition(tokens: &[Lexed]) -> Option<Expr> {
    let [attribute, operator, value] = tokens else { return None };
    let attribute = match &attribute.token {
        Token::Attribute(attribute) => attribute.clone(),
        Token::Word(word) => {
            let of =
                Of::Intrinsic(Intrinsic::named(word).filter(|intrinsic| *intrinsic != Intrinsic::Parent)?);
            Attribute { of, written: word.clone(), position: 0 }
        }
        _ => return None,
    };
    let Token::Symbol(operator) = operator.token else { return None };
    let attribute = Box::new(Expr::Attribute(attribute));
    if operator == "=~" {
        let Token::Text(text) = &value.token else { return None };
        let pattern = Pattern::whole(text).ok()?;
        return Some(Expr::Matches { negated: false, value: attribute, pattern });
    }
    let compared: Compared = COMPARISONS.into_iter().find(|(name, _)| *name == operator)?.1;
    let value = match &value.token {
        Token::Text(text) => Static::Text(text.clone()),
        Token::Number(Number::Int(int)) => Static::Int(*int),
        Token::Number(Number::Float(float)) => Static::Float(*float),
        Token::Number(Number::Duration(nanos)) => Static::Duration(*nanos),
        Token::Word(word) => keyword(word)?,
        _ => return None,
    };
    Some(Expr::Binary(Binary::Compare(compared), attribute, Box::new(Expr::Static(value))))
}
