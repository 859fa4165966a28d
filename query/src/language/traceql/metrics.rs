//! Metrics functions, and what comes behind them.

use super::ast::{Expr, Function, Hint, Metrics, SecondStage, Static};
use super::parser::{Parsed, Parser};
use crate::language::mistake::Mistake;

pub(super) const METRICS: [&str; 9] = [
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "avg_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "compare",
];

/// Attributes of one `compare` are ranked; Tempo's own default.
const COMPARE_TOP_DEFAULT: usize = 10;

/// As in Tempo.
const COMPARE_TOP_MAX: usize = 1_000;

/// A comparison is no series of numbers that go together.
pub(super) const NOTHING_MORE: &str = "what `compare` answers can be neither filtered nor calculated with";

impl Parser<'_> {
    pub(super) fn metrics_function(&mut self) -> Parsed<Option<Function>> {
        let Some(name) = METRICS.into_iter().find(|name| self.at_call(name)) else { return Ok(None) };
        self.at += 2;
        let function = match name {
            "rate" => Function::Rate,
            "count_over_time" => Function::CountOverTime,
            "min_over_time" => Function::MinOverTime(self.attribute()?),
            "max_over_time" => Function::MaxOverTime(self.attribute()?),
            "sum_over_time" => Function::SumOverTime(self.attribute()?),
            "avg_over_time" => Function::AvgOverTime(self.attribute()?),
            "histogram_over_time" => Function::HistogramOverTime(self.attribute()?),
            "quantile_over_time" => {
                let of = self.attribute()?;
                let mut quantiles = Vec::new();
                while self.take(",") {
                    let position = self.position();
                    let quantile = self.float()?;
                    if !(0.0..=1.0).contains(&quantile) {
                        return Err(Mistake::invalid(position, "a quantile is between 0 and 1"));
                    }
                    quantiles.push(quantile);
                }
                if quantiles.is_empty() {
                    return Err(self.error("`,` and a quantile such as 0.9"));
                }
                Function::QuantileOverTime(of, quantiles)
            }
            _ => self.compare()?,
        };
        self.expect(")")?;
        Ok(Some(function))
    }

    fn compare(&mut self) -> Parsed<Function> {
        self.expect("{")?;
        let selection = match self.at_symbol("}") {
            true => Expr::Static(Static::Bool(true)),
            false => self.expression()?,
        };
        self.expect("}")?;
        let position = self.position();
        let top = if self.take(",") { self.count()? } else { COMPARE_TOP_DEFAULT };
        if top > COMPARE_TOP_MAX {
            return Err(Mistake::invalid(
                position,
                format!("`compare` ranks at most {COMPARE_TOP_MAX} values"),
            ));
        }
        let range = if self.take(",") { Some(self.compared_time()?) } else { None };
        Ok(Function::Compare { selection, top, range })
    }

    fn compared_time(&mut self) -> Parsed<(i64, i64)> {
        let position = self.position();
        let start = self.int()?;
        self.expect(",")?;
        let end = self.int()?;
        match 0 < start && start < end {
            true => Ok((start, end)),
            false => Err(Mistake::invalid(position, "the end of a selection's time is not behind its start")),
        }
    }

    pub(super) fn rest_of_metrics(&mut self, function: Function, hints: &mut Vec<Hint>) -> Parsed<Metrics> {
        let mut metrics = Metrics { function, by: Vec::new(), second: Vec::new() };
        if self.at_call("by") {
            if matches!(metrics.function, Function::Compare { .. }) {
                return Err(self.unsupported("`compare` with `by`".to_owned()));
            }
            self.at += 2;
            metrics.by = self.attributes()?;
        }
        let position = self.position();
        metrics.second = self.second_stages(hints)?;
        if matches!(metrics.function, Function::Compare { .. }) && !metrics.second.is_empty() {
            return Err(Mistake::invalid(position, NOTHING_MORE));
        }
        Ok(metrics)
    }

    pub(super) fn second_stages(&mut self, hints: &mut Vec<Hint>) -> Parsed<Vec<SecondStage>> {
        let mut stages = Vec::new();
        loop {
            self.hints(hints)?;
            if let Some(compared) = self.comparison() {
                stages.push(SecondStage::Keep(compared, self.constant()?));
            } else if self.take("|") {
                stages.push(self.second_stage()?);
            } else {
                return Ok(stages);
            }
        }
    }

    fn second_stage(&mut self) -> Parsed<SecondStage> {
        let top = self.at_call("topk");
        if !top && !self.at_call("bottomk") {
            return Err(self.error("`topk(n)` or `bottomk(n)` after a metrics function"));
        }
        self.at += 2;
        let count = self.count()?;
        self.expect(")")?;
        Ok(if top { SecondStage::Top(count) } else { SecondStage::Bottom(count) })
    }
}
