//! The shape of a question: operators, their precedence (NOT before AND before OR), groups, clauses.

use spandrel_store::filter::Comparison;
use spandrel_store::{Filter, UnixNanos};

use super::SyntaxError;
use super::clause::{Bound, Context, Value};
use super::field::Meaning;
use super::reader::{Reader, Word};

pub(super) struct Parser<'a> {
    reader: Reader<'a>,
    clauses: usize,
    clauses_max: usize,
    now: UnixNanos,
}

/// What stands before the colon of the group that is being read; `None` outside of one.
type Of<'m> = Option<&'m Meaning>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, clauses_max: usize, now: UnixNanos) -> Parser<'a> {
        Parser { reader: Reader::new(text), clauses: 0, clauses_max, now }
    }

    pub(super) fn parse(mut self) -> Result<Filter, SyntaxError> {
        self.reader.skip_space();
        if self.reader.at_end() {
            return Ok(Filter::All);
        }
        let filter = self.or(None)?;
        match self.reader.at_end() {
            true => Ok(filter),
            false => Err(self.reader.error("the end of the query, or an opening `(` before this")),
        }
    }

    fn or(&mut self, of: Of<'_>) -> Result<Filter, SyntaxError> {
        let mut any = vec![self.and(of)?];
        while self.operator("OR", "||") {
            any.push(self.and(of)?);
        }
        Ok(one_or(any, Filter::Or))
    }

    fn and(&mut self, of: Of<'_>) -> Result<Filter, SyntaxError> {
        let mut all = vec![self.not(of)?];
        while self.operator("AND", "&&") || self.at_clause() {
            all.push(self.not(of)?);
        }
        Ok(one_or(all, Filter::And))
    }

    fn not(&mut self, of: Of<'_>) -> Result<Filter, SyntaxError> {
        let mut negated = false;
        loop {
            self.reader.skip_space();
            if self.reader.take_keyword("NOT") || self.reader.take("!") || self.sign('-') {
                negated = !negated;
            } else if !self.sign('+') {
                break;
            }
        }
        let filter = self.primary(of)?;
        self.reader.skip_space();
        Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    /// A sign counts as an operator only right before what it is about.
    fn sign(&mut self, sign: char) -> bool {
        let about = self.reader.rest().strip_prefix(sign).and_then(|rest| rest.chars().next());
        let here = about.is_some_and(|c| !c.is_whitespace() && c != ')');
        if here {
            self.reader.at += sign.len_utf8();
        }
        here
    }

    fn operator(&mut self, keyword: &str, symbol: &str) -> bool {
        self.reader.skip_space();
        self.reader.take_keyword(keyword) || self.reader.take(symbol)
    }

    /// Whether another clause follows without an operator before it.
    fn at_clause(&self) -> bool {
        let ends = self.reader.at_end() || self.reader.rest().starts_with(')');
        !ends && !self.reader.at_keyword("OR") && !self.reader.rest().starts_with("||")
    }

    fn primary(&mut self, of: Of<'_>) -> Result<Filter, SyntaxError> {
        self.count_clause()?;
        let expected = if of.is_some() { "a value" } else { "a word, a phrase or a field and its value" };
        if ["AND", "OR"].into_iter().any(|keyword| self.reader.at_keyword(keyword)) {
            let quote = "(in quotes, where the word itself is meant)";
            return Err(self.reader.error(format!("{expected} {quote}")));
        }
        if self.reader.take("(") {
            return self.group(of);
        }
        match of {
            Some(meaning) => self.value_of(meaning, expected),
            None => self.clause(expected),
        }
    }

    fn group(&mut self, of: Of<'_>) -> Result<Filter, SyntaxError> {
        let filter = self.or(of)?;
        match self.reader.take(")") {
            true => Ok(filter),
            false => Err(self.reader.error("`)`")),
        }
    }

    fn clause(&mut self, expected: &str) -> Result<Filter, SyntaxError> {
        let start = self.reader.at;
        let Some((name, at)) = self.reader.field_name() else { return self.bare(expected) };
        if self.reader.rest().starts_with("//") {
            // An address that was pasted, not a field called `https`.
            self.reader.at = start;
            return self.bare(expected);
        }
        self.reader.skip_space();
        let expected = format!("a value for `{name}`");
        if ["AND", "OR", "NOT"].into_iter().any(|keyword| self.reader.at_keyword(keyword)) {
            return Err(self.reader.error(format!("{expected} (in quotes, where the word itself is meant)")));
        }
        match name.as_str() {
            "*" => self.bare(&expected),
            "_exists_" => Ok(Meaning::of(&self.reader.word(&expected, false)?.text).exists()),
            name if name.contains('*') => {
                Err(SyntaxError::at(self.reader.text, at, "the name of one field, without `*`"))
            }
            name => {
                let meaning = Meaning::of(name);
                match self.reader.take("(") {
                    true => self.group(Some(&meaning)),
                    false => self.value_of(&meaning, &expected),
                }
            }
        }
    }

    /// A word or phrase without a field, or of any field; a lone `*` is everything.
    fn bare(&mut self, expected: &str) -> Result<Filter, SyntaxError> {
        let word = self.reader.word(expected, false)?;
        if word.is_any() { Ok(Filter::All) } else { self.context().bare(&word) }
    }

    fn value_of(&mut self, meaning: &Meaning, expected: &str) -> Result<Filter, SyntaxError> {
        let value = self.value(expected)?;
        self.context().clause(meaning, &value)
    }

    fn value(&mut self, expected: &str) -> Result<Value, SyntaxError> {
        let comparisons = [
            (">=", Comparison::GreaterOrEqual),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
        ];
        for (symbol, comparison) in comparisons {
            if self.reader.take(symbol) {
                self.reader.skip_space();
                let word = self.reader.word(&format!("a value after `{symbol}`"), false)?;
                return Ok(Value::Compare(comparison, word));
            }
        }
        match self.range()? {
            Some(range) => Ok(range),
            None => Ok(Value::Word(self.reader.word(expected, false)?)),
        }
    }

    /// `[a TO b]` with `[ ]` including and `{ }` excluding an end. A bracket without a `TO` after the first
    /// word begins a word like any other character.
    fn range(&mut self) -> Result<Option<Value>, SyntaxError> {
        let start = self.reader.at;
        let low_included = match self.reader.peek() {
            Some('[') => true,
            Some('{') => false,
            _ => return Ok(None),
        };
        self.reader.at += 1;
        self.reader.skip_space();
        let low = self.reader.word("", true).ok();
        self.reader.skip_space();
        let (Some(low), true) = (low, self.reader.take_keyword("TO")) else {
            self.reader.at = start;
            return Ok(None);
        };
        self.reader.skip_space();
        let high = self.reader.word("the upper end of the range, or `*`", true)?;
        self.reader.skip_space();
        let high_included = match () {
            () if self.reader.take("]") => true,
            () if self.reader.take("}") => false,
            () => return Err(self.reader.error("`]` or `}` to close the range")),
        };
        let bound = |word: Word, included| (!word.is_any()).then_some(Bound { word, included });
        Ok(Some(Value::Range { low: bound(low, low_included), high: bound(high, high_included) }))
    }

    fn context(&self) -> Context<'a> {
        Context { text: self.reader.text, now: self.now }
    }

    fn count_clause(&mut self) -> Result<(), SyntaxError> {
        self.clauses += 1;
        match self.clauses > self.clauses_max {
            true => Err(self.reader.error(format!("at most {} clauses", self.clauses_max))),
            false => Ok(()),
        }
    }
}

fn one_or(mut filters: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    if filters.len() == 1 { filters.remove(0) } else { many(filters) }
}
