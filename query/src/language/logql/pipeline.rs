//! The stages of a pipeline.

use super::ast::{
    Conversion, IpRange, LabelFilter, LabelFormat, LineFilter, LineTest, LogQuery, Matched, Operator,
    PathPart, PatternPart, Stage,
};
use super::lexer::Token;
use super::parser::{Parsed, Parser, pattern_parts};
use super::template::Template;
use crate::language::lexeme::Number;
use crate::language::mistake::Mistake;
use crate::language::pattern::Pattern;

impl Parser<'_> {
    /// All stages that stand here.
    pub(super) fn stages(&mut self, log: &mut LogQuery) -> Parsed<()> {
        loop {
            match self.peek() {
                Some(Token::Symbol("|")) => {
                    self.step();
                    let stage = self.stage()?;
                    log.stages.push(stage);
                }
                Some(Token::Symbol(symbol @ ("|=" | "!=" | "|~" | "!~" | "|>" | "!>"))) => {
                    let symbol = *symbol;
                    // A comparison of numbers looks like a filter of lines, but for what follows.
                    if !matches!(self.peek_second(), Some(Token::Text(_) | Token::Word(_))) {
                        return Ok(());
                    }
                    self.step();
                    let filter = self.line_filter(symbol)?;
                    log.stages.push(Stage::Line(filter));
                }
                _ => return Ok(()),
            }
        }
    }

    fn line_filter(&mut self, symbol: &str) -> Parsed<LineFilter> {
        let mut any = vec![self.line_test(symbol)?];
        while self.take_word("or") {
            any.push(self.line_test(symbol)?);
        }
        Ok(LineFilter { negated: symbol.starts_with('!'), any })
    }

    fn line_test(&mut self, symbol: &str) -> Parsed<LineTest> {
        if self.at_word("ip") {
            if !matches!(symbol, "|=" | "!=") {
                return Err(self.error("text in quotes"));
            }
            self.step();
            return self.ip_range().map(LineTest::Ip);
        }
        let position = self.position();
        let text = self.quoted("text in quotes")?;
        let invalid = |why: String| Mistake::invalid(position, why);
        Ok(match symbol {
            "|=" | "!=" => LineTest::Contains(text),
            "|~" | "!~" => LineTest::Matches(Pattern::part(&text).map_err(invalid)?),
            _ => {
                let parts = pattern_parts(&text).map_err(invalid)?;
                if parts.iter().any(|part| matches!(part, PatternPart::Capture(Some(_)))) {
                    return Err(invalid("a pattern that filters lines has no names, only `<_>`".to_owned()));
                }
                LineTest::Like(parts)
            }
        })
    }

    fn ip_range(&mut self) -> Parsed<IpRange> {
        self.expect("(")?;
        let position = self.position();
        let text = self.quoted("an address, a range of them or a network, in quotes")?;
        self.expect(")")?;
        IpRange::parse(&text)
            .ok_or_else(|| Mistake::invalid(position, format!("`{text}` is no address or network")))
    }

    fn stage(&mut self) -> Parsed<Stage> {
        let Some(Token::Word(word)) = self.peek() else {
            if self.at_symbol("(") {
                return self.label_filter().map(Stage::Label);
            }
            return Err(self.error("a stage such as `json` or a label filter such as `level=\"error\"`"));
        };
        let word = word.to_ascii_lowercase();
        let compared = matches!(
            self.peek_second(),
            Some(Token::Symbol("=" | "!=" | "=~" | "!~" | "==" | ">" | ">=" | "<" | "<="))
        );
        // Stages that may stand alone are no labels: `| json != "x"` is a stage and a filter of lines.
        let alone = matches!(word.as_str(), "json" | "logfmt" | "unpack" | "decolorize");
        if compared && !alone {
            return self.label_filter().map(Stage::Label);
        }
        match word.as_str() {
            "json" => {
                self.step();
                self.json()
            }
            "logfmt" => {
                self.step();
                self.logfmt()
            }
            "regexp" => {
                self.step();
                self.regexp()
            }
            "pattern" => {
                self.step();
                self.pattern()
            }
            "unpack" => {
                self.step();
                Ok(Stage::Unpack)
            }
            "decolorize" => {
                self.step();
                Ok(Stage::Decolorize)
            }
            "line_format" => {
                self.step();
                let position = self.position();
                let text = self.quoted("a template in quotes")?;
                template(position, &text).map(Stage::LineFormat)
            }
            "label_format" => {
                self.step();
                self.label_format()
            }
            "drop" => {
                self.step();
                self.selected_labels().map(Stage::Drop)
            }
            "keep" => {
                self.step();
                self.selected_labels().map(Stage::Keep)
            }
            "unwrap" => {
                self.step();
                self.unwrap_stage()
            }
            "distinct" => Err(self.unsupported("the stage `distinct`".to_owned())),
            _ => self.label_filter().map(Stage::Label),
        }
    }

    fn json(&mut self) -> Parsed<Stage> {
        let mut fields = Vec::new();
        for (position, label, path) in self.extractions()? {
            let path =
                path_of(&path).ok_or_else(|| Mistake::invalid(position, format!("`{path}` is no path")))?;
            fields.push((label, path));
        }
        Ok(Stage::Json(fields))
    }

    fn logfmt(&mut self) -> Parsed<Stage> {
        let (mut strict, mut keep_empty) = (false, false);
        while let Some(Token::Flag(flag)) = self.peek() {
            match flag.as_str() {
                "strict" => strict = true,
                "keep-empty" => keep_empty = true,
                _ => return Err(self.error("`--strict` or `--keep-empty`")),
            }
            self.step();
        }
        let fields = self.extractions()?.into_iter().map(|(_, label, key)| (label, key)).collect();
        Ok(Stage::Logfmt { strict, keep_empty, fields })
    }

    /// `a, b="x.y"`: labels with what they are taken from, and where that stands.
    fn extractions(&mut self) -> Parsed<Vec<(usize, String, String)>> {
        let mut extractions = Vec::new();
        while let Some(Token::Word(word)) = self.peek() {
            let (position, label) = (self.position(), word.clone());
            // `| json and …` is none, nor is a word that goes on with the query, as `offset`.
            if ["by", "without", "offset", "and", "or", "unless"]
                .contains(&label.to_ascii_lowercase().as_str())
            {
                break;
            }
            self.step();
            let from = if self.take("=") { self.quoted("a path in quotes")? } else { label.clone() };
            extractions.push((position, label, from));
            if !self.take(",") {
                break;
            }
        }
        Ok(extractions)
    }

    fn regexp(&mut self) -> Parsed<Stage> {
        let position = self.position();
        let text = self.quoted("a regular expression in quotes")?;
        let pattern = Pattern::part(&text).map_err(|why| Mistake::invalid(position, why))?;
        match pattern.regex().capture_names().flatten().next() {
            Some(_) => Ok(Stage::Regexp(pattern)),
            None => {
                Err(Mistake::invalid(position, "at least one named capture such as `(?P<name>…)` is needed"))
            }
        }
    }

    fn pattern(&mut self) -> Parsed<Stage> {
        let position = self.position();
        let text = self.quoted("a pattern in quotes")?;
        let parts = pattern_parts(&text).map_err(|why| Mistake::invalid(position, why))?;
        match parts.iter().any(|part| matches!(part, PatternPart::Capture(Some(_)))) {
            true => Ok(Stage::Pattern(parts)),
            false => Err(Mistake::invalid(position, "at least one capture such as `<name>` is needed")),
        }
    }

    fn label_format(&mut self) -> Parsed<Stage> {
        let mut formats = Vec::new();
        loop {
            let label = self.word("a label")?;
            self.expect("=")?;
            let position = self.position();
            let format = match self.peek() {
                Some(Token::Text(text)) => LabelFormat::Template(template(position, text)?),
                Some(Token::Word(word)) => LabelFormat::Rename(word.clone()),
                _ => return Err(self.error("a label or a template in quotes")),
            };
            self.step();
            formats.push((label, format));
            if !self.take(",") {
                return Ok(Stage::LabelFormat(formats));
            }
        }
    }

    fn selected_labels(&mut self) -> Parsed<Vec<(String, Option<super::ast::Matcher>)>> {
        let mut selected = Vec::new();
        loop {
            let label = self.word("a label")?;
            let matcher = match self.peek() {
                Some(Token::Symbol("=" | "!=" | "=~" | "!~")) => Some(self.matcher(label.clone())?),
                _ => None,
            };
            selected.push((label, matcher));
            if !self.take(",") {
                return Ok(selected);
            }
        }
    }

    fn unwrap_stage(&mut self) -> Parsed<Stage> {
        let label = self.word("a label")?;
        if !self.take("(") {
            return Ok(Stage::Unwrap { label, conversion: Conversion::Number });
        }
        let conversion = match label.to_ascii_lowercase().as_str() {
            "duration" | "duration_seconds" => Conversion::Duration,
            "bytes" => Conversion::Bytes,
            _ => return Err(self.error("`duration(…)`, `duration_seconds(…)` or `bytes(…)`")),
        };
        let label = self.word("a label")?;
        self.expect(")")?;
        Ok(Stage::Unwrap { label, conversion })
    }

    fn label_filter(&mut self) -> Parsed<LabelFilter> {
        let mut left = self.label_filters_joined()?;
        while self.take_word("or") {
            left = LabelFilter::Or(Box::new(left), Box::new(self.label_filters_joined()?));
        }
        Ok(left)
    }

    fn label_filters_joined(&mut self) -> Parsed<LabelFilter> {
        let mut left = self.one_label_filter()?;
        loop {
            let joined = self.take_word("and") || self.take(",") || self.juxtaposed();
            if !joined {
                return Ok(left);
            }
            left = LabelFilter::And(Box::new(left), Box::new(self.one_label_filter()?));
        }
    }

    /// Filters may stand side by side.
    fn juxtaposed(&self) -> bool {
        let compared = matches!(
            self.peek_second(),
            Some(Token::Symbol("=" | "!=" | "=~" | "!~" | "==" | ">" | ">=" | "<" | "<="))
        );
        compared && matches!(self.peek(), Some(Token::Word(_)))
    }

    fn one_label_filter(&mut self) -> Parsed<LabelFilter> {
        if self.take("(") {
            let inner = self.label_filter()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let label = self.word("a label")?;
        let Some(Token::Symbol(symbol)) = self.peek() else { return Err(self.error("a comparison")) };
        let symbol = *symbol;
        if matches!(symbol, "=" | "!=")
            && matches!(self.peek_second(), Some(Token::Word(word)) if word == "ip")
        {
            self.step();
            self.step();
            return Ok(LabelFilter::Ip { label, negated: symbol == "!=", range: self.ip_range()? });
        }
        if matches!(self.peek_second(), Some(Token::Text(_))) {
            return self.matcher(label).map(LabelFilter::Match);
        }
        let operator = match symbol {
            "=" | "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => return Err(self.error("a comparison such as `=`, `!=`, `=~` or `>`")),
        };
        self.step();
        let negative = self.take("-");
        let sign = if negative { -1.0 } else { 1.0 };
        let filter = match self.peek() {
            Some(Token::Number(Number::Int(int))) => LabelFilter::Number(label, operator, sign * *int as f64),
            Some(Token::Number(Number::Float(float))) => LabelFilter::Number(label, operator, sign * float),
            Some(Token::Number(Number::Duration(nanos))) => {
                LabelFilter::Duration(label, operator, sign * *nanos as f64 / 1e9)
            }
            Some(Token::Bytes(bytes)) => LabelFilter::Bytes(label, operator, sign * bytes),
            _ => return Err(self.error("text in quotes, a number, a duration or a size")),
        };
        self.step();
        Ok(filter)
    }
}

fn template(position: usize, text: &str) -> Parsed<Template> {
    Template::parse(text).map_err(|error| match error {
        super::template::Refused::Syntax(why) => {
            Mistake::invalid(position, format!("invalid template: {why}"))
        }
        super::template::Refused::Unsupported(what) => Mistake::unsupported(position, what),
    })
}

/// `a.b[0]["odd key"]`.
fn path_of(text: &str) -> Option<Vec<PathPart>> {
    let (mut rest, mut parts) = (text.trim(), Vec::new());
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            rest = inside;
            let part = match crate::language::quoted(&mut rest) {
                Some(key) => PathPart::Key(key),
                None => {
                    let end = rest.find(']')?;
                    let index = rest[..end].parse().ok()?;
                    rest = &rest[end..];
                    PathPart::Index(index)
                }
            };
            rest = rest.strip_prefix(']')?;
            parts.push(part);
            continue;
        }
        let key = rest.strip_prefix('.').unwrap_or(rest);
        let end = key.find(['.', '[']).unwrap_or(key.len());
        if end == 0 {
            return None;
        }
        parts.push(PathPart::Key(key[..end].to_owned()));
        rest = &key[end..];
    }
    (!parts.is_empty()).then_some(parts)
}

impl Matched {
    /// Whether a label that is not there, which is one without text, passes.
    pub fn passes_empty(&self) -> bool {
        match self {
            Matched::Equal(text) => text.is_empty(),
            Matched::NotEqual(text) => !text.is_empty(),
            Matched::Regex(pattern) => pattern.matches(""),
            Matched::NotRegex(pattern) => !pattern.matches(""),
        }
    }
}
