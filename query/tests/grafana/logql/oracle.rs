//! Lines, questions about them, and what these find, as plainly as possible. It shares no code with the program.

use std::collections::BTreeMap;
use std::fmt;

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub struct Line {
    pub service: &'static str,
    pub second: u64,
    pub text: String,
    pub attributes: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Clone)]
pub struct Question {
    services: Selector,
    stages: Vec<Stage>,
    function: Function,
    range: u64,
    by: Option<Vec<&'static str>>,
}

#[derive(Debug, Clone)]
pub enum Selector {
    Is(&'static str),
    IsNot(&'static str),
    AnyOf(Vec<&'static str>),
    Like(&'static str),
}

#[derive(Debug, Clone)]
pub enum Stage {
    Contains { negated: bool, text: &'static str },
    Json,
    Logfmt,
    Is { label: &'static str, negated: bool, text: &'static str },
    Above { label: &'static str, number: i64 },
    Either { label: &'static str, texts: [&'static str; 2] },
    Rename { from: &'static str, to: &'static str },
    Drop(&'static str),
    Keep(&'static str),
    Format(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    Count,
    Rate,
    Bytes,
    Sum,
    Max,
    Last,
}

pub type Labels = BTreeMap<String, String>;
pub type Numbers = BTreeMap<Labels, Vec<(u64, String)>>;

const SERVICES: [&str; 3] = ["shop", "pay", "pay-2"];
const NAMES: [&str; 4] = ["a", "b", "c", "b_extracted"];
const VALUES: [&str; 4] = ["1", "20", "x", "x y"];

fn pick<T: Clone + fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(of.to_vec())
}

pub fn lines() -> impl Strategy<Value = Vec<Line>> {
    let pairs = || prop::collection::btree_map(pick(&["a", "b", "c"]), pick(&VALUES), 0..3);
    let text = (0..3, pairs()).prop_map(|(kind, pairs)| {
        let parts = |pair: fn((&&str, &&str)) -> String, between: &str| {
            pairs.iter().map(pair).collect::<Vec<_>>().join(between)
        };
        match kind {
            0 => format!("{{{}}}", parts(|(key, value)| format!("\"{key}\":\"{value}\""), ",")),
            1 => parts(|(key, value)| format!("{key}=\"{value}\""), " "),
            _ => format!("words {}", parts(|(_, value)| (*value).to_owned(), " ")),
        }
    });
    let line = (pick(&SERVICES), 0u64..30, text, pairs());
    let line =
        line.prop_map(|(service, second, text, attributes)| Line { service, second, text, attributes });
    // Records of the same second are told apart by their text alone.
    prop::collection::vec(line, 1..30)
}

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        pick(&SERVICES).prop_map(Selector::Is),
        pick(&SERVICES).prop_map(Selector::IsNot),
        prop::sample::subsequence(SERVICES.to_vec(), 1..3).prop_map(Selector::AnyOf),
        pick(&["pay", "shop", "s"]).prop_map(Selector::Like),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        (any::<bool>(), pick(&["x", "1", "a", "words"]))
            .prop_map(|(negated, text)| Stage::Contains { negated, text }),
        Just(Stage::Json),
        Just(Stage::Logfmt),
        (pick(&NAMES), any::<bool>(), pick(&["1", "x", ""])).prop_map(|(label, negated, text)| Stage::Is {
            label,
            negated,
            text
        }),
        (pick(&NAMES), 0i64..20).prop_map(|(label, number)| Stage::Above { label, number }),
        (pick(&NAMES), pick(&VALUES)).prop_map(|(label, text)| Stage::Either { label, texts: [text, "20"] }),
        (pick(&NAMES), pick(&["a", "z"])).prop_map(|(from, to)| Stage::Rename { from, to }),
        pick(&NAMES).prop_map(Stage::Drop),
        pick(&NAMES).prop_map(Stage::Keep),
        pick(&NAMES).prop_map(Stage::Format),
    ]
}

pub fn question() -> impl Strategy<Value = Question> {
    use Function::*;
    let by = prop::option::of(prop::sample::subsequence(vec!["a", "b", "service_name"], 0..3));
    let function = pick(&[Count, Rate, Bytes, Sum, Max, Last]);
    (selector(), prop::collection::vec(stage(), 0..5), function, pick(&[1u64, 3, 7]), by).prop_map(
        |(services, stages, function, range, by)| Question { services, stages, function, range, by },
    )
}

/// A question that counts lines in windows of some seconds, by some labels.
pub fn counting(by: Vec<&'static str>) -> impl Strategy<Value = Question> {
    (selector(), prop::collection::vec(stage(), 0..2), pick(&[3u64, 7])).prop_map(
        move |(services, stages, range)| Question {
            services,
            stages,
            function: Function::Count,
            range,
            by: Some(by.clone()),
        },
    )
}

/// Labels that the test gives; those that OpenTelemetry's own fields make are left out.
pub fn is_shown(name: &str) -> bool {
    ["a", "b", "c", "z", "service_name", "__error__"].contains(&name.trim_end_matches("_extracted"))
}

/// A line on its way through the stages: labels of the record, labels found in it, the line.
#[derive(Debug, Clone)]
struct State {
    own: Labels,
    parsed: Labels,
    line: String,
}

impl State {
    fn get(&self, name: &str) -> &str {
        self.parsed.get(name).or_else(|| self.own.get(name)).map_or("", String::as_str)
    }

    fn extract(&mut self, name: &str, value: &str) {
        let name = if self.own.contains_key(name) { format!("{name}_extracted") } else { name.to_owned() };
        self.parsed.insert(name, value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.own.remove(name);
        self.parsed.remove(name);
    }

    fn error(&mut self, error: &str) {
        self.parsed.insert("__error__".to_owned(), error.to_owned());
    }

    fn labels(&self) -> Labels {
        let mut all = self.own.clone();
        all.extend(self.parsed.clone());
        all.retain(|_, value| !value.is_empty());
        all
    }
}

impl Stage {
    fn apply(&self, state: &mut State) -> bool {
        match self {
            Stage::Contains { negated, text } => return state.line.contains(text) != *negated,
            Stage::Json => match serde_json::from_str::<BTreeMap<String, String>>(&state.line) {
                Ok(map) => map.iter().for_each(|(key, value)| state.extract(key, value)),
                Err(_) => state.error("JSONParserErr"),
            },
            Stage::Logfmt => {
                let line = state.line.clone();
                // Only lines of pairs have any: in the others nothing stands before a `=`.
                for part in line.split("\" ").filter(|part| part.contains("=\"")) {
                    let (key, value) = part.split_once("=\"").unwrap();
                    state.extract(key, value.trim_end_matches('"'));
                }
            }
            Stage::Is { label, negated, text } => return (state.get(label) == *text) != *negated,
            Stage::Either { label, texts } => return texts.contains(&state.get(label)),
            Stage::Above { label, number } => {
                if !state.get("__error__").is_empty() {
                    return true;
                }
                match state.get(label) {
                    "" => return false,
                    text => match text.parse::<f64>() {
                        Ok(own) => return own > *number as f64,
                        Err(_) => state.error("LabelFilterErr"),
                    },
                }
            }
            Stage::Rename { from, to } => {
                let there = state.own.contains_key(*from) || state.parsed.contains_key(*from);
                if there {
                    let value = state.get(from).to_owned();
                    state.remove(from);
                    state.remove(to);
                    state.parsed.insert((*to).to_owned(), value);
                }
            }
            Stage::Drop(label) => state.remove(label),
            Stage::Keep(label) => {
                state.own.retain(|name, _| name == label);
                state.parsed.retain(|name, _| name == label || name.starts_with("__"));
            }
            Stage::Format(label) => state.line = format!("[{}]", state.get(label)),
        }
        true
    }
}

impl Question {
    fn selects(&self, service: &str) -> bool {
        match &self.services {
            Selector::Is(name) => service == *name,
            Selector::IsNot(name) => service != *name,
            Selector::AnyOf(names) => names.contains(&service),
            Selector::Like(prefix) => service.starts_with(prefix),
        }
    }

    fn passed(&self, lines: &[Line], more: &[Stage]) -> Vec<(u64, State)> {
        let mut passed = Vec::new();
        for line in lines.iter().filter(|line| self.selects(line.service)) {
            let mut own: Labels =
                line.attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            own.insert("service_name".to_owned(), line.service.to_owned());
            let mut state = State { own, parsed: Labels::new(), line: line.text.clone() };
            if self.stages.iter().chain(more).all(|stage| stage.apply(&mut state)) {
                passed.push((line.second, state));
            }
        }
        passed
    }

    pub fn lines(&self, lines: &[Line]) -> Vec<(u64, String, Labels)> {
        let passed = self.passed(lines, &[]).into_iter();
        passed.map(|(second, state)| (second, state.line.clone(), state.labels())).collect()
    }

    /// Numbers out of lines in which nothing went wrong.
    pub fn numbers(&self, lines: &[Line], step: u64, end: u64) -> Numbers {
        let no_error = Stage::Is { label: "__error__", negated: false, text: "" };
        let mut samples: Vec<(u64, Labels, f64)> = Vec::new();
        for (second, mut state) in self.passed(lines, &[no_error]) {
            let number = match self.function {
                Function::Count | Function::Rate => 1.0,
                Function::Bytes => state.line.len() as f64,
                _ => {
                    let there = state.own.contains_key("a") || state.parsed.contains_key("a");
                    let Ok(number) = state.get("a").parse::<f64>() else { continue };
                    assert!(there);
                    state.remove("a");
                    number
                }
            };
            let by = self.by.clone().unwrap_or_default();
            let mut labels = state.labels();
            labels.retain(|name, _| by.contains(&name.as_str()));
            samples.push((second, labels, number));
        }
        samples.sort_by_key(|(second, _, _)| *second);
        let mut numbers = Numbers::new();
        for (_, labels, _) in &samples {
            if numbers.contains_key(labels) {
                continue;
            }
            let mut points = Vec::new();
            for at in (0..=end).step_by(step as usize) {
                let inside = |second: u64| second <= at && second + self.range > at;
                let own = samples.iter().filter(|(second, of, _)| of == labels && inside(*second));
                let window: Vec<f64> = own.map(|(_, _, number)| *number).collect();
                if window.is_empty() {
                    continue;
                }
                let sum: f64 = window.iter().sum();
                let number = match self.function {
                    Function::Rate => sum / self.range as f64,
                    Function::Max | Function::Last => window.iter().copied().fold(f64::MIN, f64::max),
                    _ => sum,
                };
                points.push((at, format!("{number:.6}")));
            }
            if !points.is_empty() {
                numbers.insert(labels.clone(), points);
            }
        }
        numbers
    }

    pub fn log(&self) -> String {
        let stages: Vec<String> = self.stages.iter().map(Stage::to_string).collect();
        format!("{{service_name{}}} {}", self.services, stages.join(" "))
    }

    pub fn metric(&self) -> String {
        let by = self.by.clone().unwrap_or_default().join(", ");
        let (log, range) = (self.log(), self.range);
        let numbers = "| __error__=\"\" | unwrap a | __error__=\"\"";
        match self.function {
            Function::Count => format!("sum by ({by}) (count_over_time({log} | __error__=\"\" [{range}s]))"),
            Function::Rate => format!("sum by ({by}) (rate({log} | __error__=\"\" [{range}s]))"),
            Function::Bytes => format!("sum by ({by}) (bytes_over_time({log} | __error__=\"\" [{range}s]))"),
            Function::Sum => format!("sum by ({by}) (sum_over_time({log} {numbers} [{range}s]))"),
            Function::Max => format!("max_over_time({log} {numbers} [{range}s]) by ({by})"),
            // The greatest of the series is the greatest of all.
            Function::Last => format!("max by ({by}) (max_over_time({log} {numbers} [{range}s]))"),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Is(name) => write!(f, "=\"{name}\""),
            Selector::IsNot(name) => write!(f, "=~\".+\", service_name!=\"{name}\""),
            Selector::AnyOf(names) => write!(f, "=~`{}`", names.join("|")),
            Selector::Like(prefix) => write!(f, "=~\"{prefix}.*\""),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Contains { negated: false, text } => write!(f, "|= `{text}`"),
            Stage::Contains { negated: true, text } => write!(f, "!= `{text}`"),
            Stage::Json => write!(f, "| json"),
            Stage::Logfmt => write!(f, "| logfmt"),
            Stage::Is { label, negated, text } => {
                write!(f, "| {label}{}\"{text}\"", if *negated { "!=" } else { "=" })
            }
            Stage::Above { label, number } => write!(f, "| {label} > {number}"),
            Stage::Either { label, texts: [a, b] } => write!(f, "| {label}=\"{a}\" or {label}=`{b}`"),
            Stage::Rename { from, to } => write!(f, "| label_format {to}={from}"),
            // What passes everything keeps a filter behind it from being one of the label's.
            Stage::Drop(label) => write!(f, "| drop {label} | __error__=~`.*`"),
            Stage::Keep(label) => write!(f, "| keep {label} | __error__=~`.*`"),
            Stage::Format(label) => write!(f, "| line_format `[{{{{.{label}}}}}]`"),
        }
    }
}
