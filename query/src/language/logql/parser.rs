//! Tokens to an [`Expr`]: selectors, aggregations, operators. Stages of a pipeline are read in
//! [`super::pipeline`].

use super::ast::{
    Aggregation, At, Binary, Expr, Grouping, LogQuery, Matched, Matcher, Matching, Measured, Metric,
    Operator, PatternPart, RangeFunction, Side, Stage, Vectors,
};
use super::lexer::{self, Lexed, Token};
use crate::language::SyntaxError;
use crate::language::bounds::{self, Part};
use crate::language::lexeme::Number;
use crate::language::mistake::Mistake;
use crate::language::pattern::Pattern;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Lexed>,
    at: usize,
}

pub(super) type Parsed<T> = Result<T, Mistake>;

/// The lines that a function looks at.
struct Window {
    range_ns: u64,
    offset_ns: i64,
    at: Option<At>,
}

const RANGE_FUNCTIONS: [(&str, RangeFunction); 15] = [
    ("rate", RangeFunction::Rate),
    ("rate_counter", RangeFunction::RateCounter),
    ("count_over_time", RangeFunction::Count),
    ("bytes_rate", RangeFunction::BytesRate),
    ("bytes_over_time", RangeFunction::Bytes),
    ("absent_over_time", RangeFunction::Absent),
    ("sum_over_time", RangeFunction::Sum),
    ("avg_over_time", RangeFunction::Avg),
    ("max_over_time", RangeFunction::Max),
    ("min_over_time", RangeFunction::Min),
    ("first_over_time", RangeFunction::First),
    ("last_over_time", RangeFunction::Last),
    ("stdvar_over_time", RangeFunction::Stdvar),
    ("stddev_over_time", RangeFunction::Stddev),
    ("quantile_over_time", RangeFunction::Quantile(0.0)),
];

const AGGREGATIONS: [(&str, Aggregation); 12] = [
    ("sum", Aggregation::Sum),
    ("avg", Aggregation::Avg),
    ("min", Aggregation::Min),
    ("max", Aggregation::Max),
    ("count", Aggregation::Count),
    ("stddev", Aggregation::Stddev),
    ("stdvar", Aggregation::Stdvar),
    ("topk", Aggregation::Top(0)),
    // Loki's estimate of the same; this one is exact.
    ("approx_topk", Aggregation::Top(0)),
    ("bottomk", Aggregation::Bottom(0)),
    ("sort", Aggregation::Sort),
    ("sort_desc", Aggregation::SortDescending),
];

/// Operators with how tightly they bind.
const OPERATORS: [(&str, Operator, usize); 16] = [
    ("or", Operator::Or, 1),
    ("and", Operator::And, 2),
    ("unless", Operator::Unless, 2),
    ("==", Operator::Equal, 3),
    ("=", Operator::Equal, 3),
    ("!=", Operator::NotEqual, 3),
    ("<", Operator::Less, 3),
    ("<=", Operator::LessOrEqual, 3),
    (">", Operator::Greater, 3),
    (">=", Operator::GreaterOrEqual, 3),
    ("+", Operator::Add, 4),
    ("-", Operator::Sub, 4),
    ("*", Operator::Mul, 5),
    ("/", Operator::Div, 5),
    ("%", Operator::Mod, 5),
    ("^", Operator::Pow, 6),
];

/// What Loki has and this program does not evaluate.
const UNSUPPORTED: [&str; 2] = ["variants", "count_min_sketch"];

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, operators_max: usize) -> Parsed<Parser<'a>> {
        let tokens = lexer::lex(text)?;
        let parts = tokens.iter().map(|lexed| (part(&lexed.token), lexed.position));
        bounds::check(text, parts, operators_max)?;
        Ok(Parser { text, tokens, at: 0 })
    }

    pub(super) fn question(mut self) -> Parsed<Expr> {
        let expr = self.expr(1)?;
        match self.peek() {
            None => Ok(expr),
            Some(_) => Err(self.error("an operator, a stage of a pipeline, or the end")),
        }
    }

    pub(super) fn only_selector(mut self) -> Parsed<Vec<Matcher>> {
        let matchers = self.matchers()?;
        match self.peek() {
            None => Ok(matchers),
            // A pipeline behind it changes nothing about which streams there are.
            Some(Token::Symbol(symbol)) if symbol.starts_with(['|', '!']) => Ok(matchers),
            Some(_) => Err(self.error("the end of the selector")),
        }
    }

    fn expr(&mut self, level: usize) -> Parsed<Expr> {
        let mut left = self.operand()?;
        while let Some((operator, of_level)) = self.operator(level) {
            let position = self.position();
            let Expr::Metric(left_side) = left else {
                return Err(Mistake::invalid(
                    position,
                    "an operator needs numbers on its left; lines have none",
                ));
            };
            self.at += 1;
            let as_bool = self.take_word("bool");
            let vectors = self.vectors()?;
            let right_level = if operator == Operator::Pow { of_level } else { of_level + 1 };
            let position = self.position();
            let Expr::Metric(right) = self.expr(right_level)? else {
                return Err(Mistake::invalid(
                    position,
                    "an operator needs numbers on its right; lines have none",
                ));
            };
            if as_bool && operator.compares(0.0, 0.0).is_none() {
                return Err(Mistake::invalid(position, "`bool` stands behind a comparison"));
            }
            let scalar = |side: &Metric| matches!(side, Metric::Number(_));
            if operator.is_set() && (scalar(&left_side) || scalar(&right)) {
                return Err(Mistake::invalid(
                    position,
                    "`and`, `or` and `unless` need vectors on both sides",
                ));
            }
            left = Expr::Metric(Metric::Binary(Box::new(Binary {
                operator,
                as_bool,
                vectors,
                left: left_side,
                right,
            })));
        }
        Ok(left)
    }

    fn operator(&self, level: usize) -> Option<(Operator, usize)> {
        let name = match self.peek()? {
            Token::Symbol(symbol) => (*symbol).to_owned(),
            Token::Word(word) => word.to_ascii_lowercase(),
            _ => return None,
        };
        let found = OPERATORS.into_iter().find(|(known, _, _)| *known == name);
        found.map(|(_, operator, of_level)| (operator, of_level)).filter(|(_, of_level)| *of_level >= level)
    }

    fn vectors(&mut self) -> Parsed<Option<Vectors>> {
        let on = self.take_word("on");
        if !on && !self.take_word("ignoring") {
            return Ok(None);
        }
        let labels = self.labels()?;
        let matching = if on { Matching::On(labels) } else { Matching::Ignoring(labels) };
        let side = match () {
            () if self.take_word("group_left") => Some(Side::Left),
            () if self.take_word("group_right") => Some(Side::Right),
            () => None,
        };
        let many = match side {
            Some(side) if self.at_symbol("(") => Some((side, self.labels()?)),
            Some(side) => Some((side, Vec::new())),
            None => None,
        };
        Ok(Some(Vectors { matching, many }))
    }

    fn operand(&mut self) -> Parsed<Expr> {
        if self.at_symbol("{") {
            return self.log_query().map(Expr::Log);
        }
        if self.take("(") {
            let inner = self.expr(1)?;
            self.expect(")")?;
            return Ok(match inner {
                Expr::Log(mut log) => {
                    self.stages(&mut log)?;
                    Expr::Log(log)
                }
                metric => metric,
            });
        }
        if matches!(self.peek(), Some(Token::Number(_) | Token::Symbol("-" | "+"))) {
            return self.number().map(|number| Expr::Metric(Metric::Number(number)));
        }
        let Some(Token::Word(word)) = self.peek() else {
            return Err(self.error("a selector such as `{service_name=\"x\"}`, a function or a number"));
        };
        let word = word.to_ascii_lowercase();
        if let Some((_, function)) = RANGE_FUNCTIONS.into_iter().find(|(name, _)| *name == word) {
            self.at += 1;
            return self.range_function(function).map(Expr::Metric);
        }
        if let Some((_, aggregation)) = AGGREGATIONS.into_iter().find(|(name, _)| *name == word) {
            self.at += 1;
            return self.aggregation(aggregation).map(Expr::Metric);
        }
        match word.as_str() {
            "vector" => {
                self.at += 1;
                self.expect("(")?;
                let number = self.number()?;
                self.expect(")")?;
                Ok(Expr::Metric(Metric::Vector(number)))
            }
            "label_replace" => {
                self.at += 1;
                self.label_replace().map(Expr::Metric)
            }
            word if UNSUPPORTED.contains(&word) => Err(self.unsupported(format!("`{word}`"))),
            _ => Err(self.error("a selector such as `{service_name=\"x\"}`, a function or a number")),
        }
    }

    fn label_replace(&mut self) -> Parsed<Metric> {
        self.expect("(")?;
        let inner = Box::new(self.metric()?);
        let mut texts = Vec::new();
        let mut position = self.position();
        for _ in 0..4 {
            self.expect(",")?;
            position = self.position();
            texts.push(self.quoted("text in quotes")?);
        }
        self.expect(")")?;
        let pattern = Pattern::whole(&texts[3]).map_err(|why| Mistake::invalid(position, why))?;
        let [to, replacement, from] = [0, 1, 2].map(|index: usize| texts[index].clone());
        Ok(Metric::LabelReplace { inner, to, replacement, from, pattern })
    }

    fn metric(&mut self) -> Parsed<Metric> {
        let position = self.position();
        match self.expr(1)? {
            Expr::Metric(metric) => Ok(metric),
            Expr::Log(_) => Err(Mistake::invalid(position, "numbers are needed here; lines have none")),
        }
    }

    fn aggregation(&mut self, aggregation: Aggregation) -> Parsed<Metric> {
        let mut grouping = self.grouping()?;
        self.expect("(")?;
        let aggregation = match aggregation {
            Aggregation::Top(_) | Aggregation::Bottom(_) => {
                let position = self.position();
                let count = self.number()?;
                if count < 1.0 || count.fract() != 0.0 {
                    return Err(Mistake::invalid(position, "a whole number above 0 is needed"));
                }
                self.expect(",")?;
                match aggregation {
                    Aggregation::Top(_) => Aggregation::Top(count as usize),
                    _ => Aggregation::Bottom(count as usize),
                }
            }
            plain => plain,
        };
        let inner = Box::new(self.metric()?);
        self.expect(")")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        Ok(Metric::Aggregate { aggregation, grouping, inner })
    }

    fn grouping(&mut self) -> Parsed<Option<Grouping>> {
        let without = match () {
            () if self.take_word("by") => false,
            () if self.take_word("without") => true,
            () => return Ok(None),
        };
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    fn labels(&mut self) -> Parsed<Vec<String>> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.take(")") {
            labels.push(self.word("a label")?);
            if !self.take(",") && !self.at_symbol(")") {
                return Err(self.error("`,` or `)`"));
            }
        }
        Ok(labels)
    }

    fn range_function(&mut self, function: RangeFunction) -> Parsed<Metric> {
        let position = self.position();
        self.expect("(")?;
        let function = match function {
            RangeFunction::Quantile(_) => {
                let quantile = self.number()?;
                self.expect(",")?;
                RangeFunction::Quantile(quantile)
            }
            plain => plain,
        };
        let mut brackets = 0;
        while self.take("(") {
            brackets += 1;
        }
        let mut log = LogQuery { matchers: self.matchers()?, stages: Vec::new() };
        let mut range = self.range()?;
        self.stages(&mut log)?;
        for _ in 0..brackets {
            if range.is_none() {
                range = self.range()?;
            }
            self.expect(")")?;
            self.stages(&mut log)?;
        }
        if range.is_none() {
            range = self.range()?;
        }
        let Some(Window { range_ns, offset_ns, at }) = range else {
            return Err(self.error("a range such as `[5m]`"));
        };
        self.expect(")")?;
        let grouping = self.grouping()?;
        let unwraps = log.stages.iter().any(|stage| matches!(stage, Stage::Unwrap { .. }));
        check_range(function, unwraps, grouping.is_some()).map_err(|why| Mistake::invalid(position, why))?;
        Ok(Metric::Range(Box::new(Measured { function, log, range_ns, offset_ns, at, grouping })))
    }

    /// `[5m]`, with `offset` and `@` behind it in any order.
    fn range(&mut self) -> Parsed<Option<Window>> {
        if !self.take("[") {
            return Ok(None);
        }
        let position = self.position();
        let range = self.duration()?;
        let range_ns = u64::try_from(range).ok().filter(|range| *range > 0);
        let range_ns =
            range_ns.ok_or_else(|| Mistake::invalid(position, "a range is longer than nothing"))?;
        self.expect("]")?;
        let mut window = Window { range_ns, offset_ns: 0, at: None };
        loop {
            if self.take_word("offset") {
                let sign = if self.take("-") { -1 } else { 1 };
                window.offset_ns = sign * self.duration()?;
            } else if self.take("@") {
                window.at = Some(self.time()?);
            } else {
                return Ok(Some(window));
            }
        }
    }

    /// Seconds since 1970, `start()` or `end()`.
    fn time(&mut self) -> Parsed<At> {
        for (name, at) in [("start", At::Start), ("end", At::End)] {
            if self.take_word(name) {
                self.expect("(")?;
                self.expect(")")?;
                return Ok(at);
            }
        }
        let position = self.position();
        let nanos = self.number()? * 1e9;
        match (0.0..u64::MAX as f64).contains(&nanos) {
            true => Ok(At::Time(nanos.round() as u64)),
            false => Err(Mistake::invalid(position, "a time is not before 1970")),
        }
    }

    fn log_query(&mut self) -> Parsed<LogQuery> {
        let mut log = LogQuery { matchers: self.matchers()?, stages: Vec::new() };
        self.stages(&mut log)?;
        if log.stages.iter().any(|stage| matches!(stage, Stage::Unwrap { .. })) {
            return Err(Mistake::invalid(
                self.position(),
                "`unwrap` needs a function over a range around it",
            ));
        }
        Ok(log)
    }

    fn matchers(&mut self) -> Parsed<Vec<Matcher>> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        while !self.take("}") {
            let label = self.word("a label")?;
            matchers.push(self.matcher(label)?);
            if !self.take(",") && !self.at_symbol("}") {
                return Err(self.error("`,` or `}`"));
            }
        }
        Ok(matchers)
    }

    /// The rest of a matcher, from its operator on.
    pub(super) fn matcher(&mut self, label: String) -> Parsed<Matcher> {
        let Some(Token::Symbol(symbol @ ("=" | "!=" | "=~" | "!~"))) = self.peek() else {
            return Err(self.error("`=`, `!=`, `=~` or `!~`"));
        };
        let symbol = *symbol;
        self.at += 1;
        let position = self.position();
        let text = self.quoted("text in quotes")?;
        let pattern = || Pattern::whole(&text).map_err(|why| Mistake::invalid(position, why));
        let matched = match symbol {
            "=" => Matched::Equal(text),
            "!=" => Matched::NotEqual(text),
            "=~" => Matched::Regex(pattern()?),
            _ => Matched::NotRegex(pattern()?),
        };
        Ok(Matcher { label, matched })
    }

    // Parts.

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|lexed| &lexed.token)
    }

    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.at + 1).map(|lexed| &lexed.token)
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

    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(here)) if here.eq_ignore_ascii_case(word))
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let here = self.at_word(word);
        self.at += usize::from(here);
        here
    }

    pub(super) fn word(&mut self, expected: &str) -> Parsed<String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.error(expected)),
        }
    }

    pub(super) fn quoted(&mut self, expected: &str) -> Parsed<String> {
        match self.peek() {
            Some(Token::Text(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error(expected)),
        }
    }

    pub(super) fn number(&mut self) -> Parsed<f64> {
        let sign = match () {
            () if self.take("-") => -1.0,
            () => {
                self.take("+");
                1.0
            }
        };
        let number = match self.peek() {
            Some(Token::Number(Number::Int(int))) => *int as f64,
            Some(Token::Number(Number::Float(float))) => *float,
            _ => return Err(self.error("a number")),
        };
        self.at += 1;
        Ok(sign * number)
    }

    fn duration(&mut self) -> Parsed<i64> {
        match self.peek() {
            Some(Token::Number(Number::Duration(nanos))) => {
                let nanos = *nanos;
                self.at += 1;
                Ok(nanos)
            }
            _ => Err(self.error("a duration such as 5m")),
        }
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
        Token::Symbol("(" | "{" | "[") => Part::Opens,
        Token::Symbol(")" | "}" | "]") => Part::Closes,
        // Stages stand in a list. Label filters are a chain, joined by words, commas or nothing at all.
        Token::Symbol("|" | "|=" | "|~" | "|>" | "!>" | "@") => Part::Other,
        Token::Symbol(_) => Part::Operates,
        Token::Word(word) if matches!(&**word, "and" | "or" | "unless") => Part::Operates,
        _ => Part::Other,
    }
}

/// Which functions need numbers out of lines, and which may be grouped.
fn check_range(function: RangeFunction, unwraps: bool, grouped: bool) -> Result<(), &'static str> {
    use RangeFunction::*;
    match function {
        Count | Bytes | BytesRate if unwraps => Err("this function counts lines; it takes no `unwrap`"),
        Sum | Avg | Max | Min | First | Last | Stdvar | Stddev | Quantile(_) | RateCounter if !unwraps => {
            Err("this function needs numbers: `| unwrap label` at the end of the pipeline")
        }
        Rate | Count | Bytes | BytesRate | Absent | Sum | RateCounter if grouped => {
            Err("this function is not grouped; aggregate it, as in `sum by (…) (…)`")
        }
        _ => Ok(()),
    }
}

/// The parts of a pattern such as `<ip> - <_> "<method>"`. In a line filter all captures are `<_>`.
pub fn pattern_parts(text: &str) -> Result<Vec<PatternPart>, String> {
    let mut parts: Vec<PatternPart> = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, after) = rest.split_at(open);
        let name_end =
            after[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(after.len(), |n| n + 1);
        let name = &after[1..name_end];
        let is_capture = after[name_end..].starts_with('>')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let literal = if is_capture { before } else { &rest[..=open] };
        match parts.last_mut() {
            Some(PatternPart::Literal(last)) => last.push_str(literal),
            _ if !literal.is_empty() => parts.push(PatternPart::Literal(literal.to_owned())),
            _ => {}
        }
        if !is_capture {
            rest = &rest[open + 1..];
            continue;
        }
        if matches!(parts.last(), Some(PatternPart::Capture(_))) {
            return Err("captures that follow one another cannot be told apart".to_owned());
        }
        parts.push(PatternPart::Capture((name != "_").then(|| name.to_owned())));
        rest = &after[name_end + 1..];
    }
    match parts.last_mut() {
        Some(PatternPart::Literal(last)) => last.push_str(rest),
        _ if !rest.is_empty() => parts.push(PatternPart::Literal(rest.to_owned())),
        _ => {}
    }
    Ok(parts)
}
