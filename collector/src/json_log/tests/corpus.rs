//! What the real loggers write, `tests/loggers`, is understood without configuration.
//!
//! Each logger wrote the same records; `expected.json` says only where one of them cannot say what the others do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value as Json;
use spandrel_store::record::value::{attributes_to_json, visit_leaves};
use spandrel_store::{Flags, Level, UnixNanos};

use super::{SPAN, TRACE, Understood, hex, message, understand_at};
use crate::lines::joiner::{JoinLimits, Joiner};

const UNICODE: &str = "grüße 🚀\nzweite Zeile";

/// What the records say, and with which level.
const RECORDS: [(&str, Level); 6] = [
    ("cache miss", Level::Debug),
    ("order accepted", Level::Info),
    ("stock is low", Level::Warn),
    ("payment failed", Level::Error),
    ("order placed", Level::Info),
    ("grüße 🚀", Level::Info),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/loggers")
}

fn json(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

/// The records of a logger's output.
fn records(file: &str, received: UnixNanos) -> Vec<Understood> {
    let text = std::fs::read(folder().join(file)).unwrap();
    let mut joiner = Joiner::new(JoinLimits { lines_max: 500, bytes_max: 1 << 20 });
    let mut lines = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = crate::lines::RawLine::whole(Bytes::copy_from_slice(line));
        joiner.push(line, |line| lines.push(line));
    }
    joiner.flush(|line| lines.push(line));
    lines.iter().map(|line| understand_at(&line.bytes, received)).collect()
}

/// One logger, with what it says otherwise than the others.
struct Logger<'a> {
    name: &'a str,
    says: &'a Json,
    /// Nanoseconds between which it ran.
    ran: (u64, u64),
}

impl Logger<'_> {
    fn check(&self) -> Vec<String> {
        let folder = if self.says.get("documented").is_some() { "documented" } else { "output" };
        let records = records(&format!("{folder}/{}.log", self.name), UnixNanos(self.ran.1));
        let mut mistakes = Vec::new();
        if self.says["uncaught"] == true {
            self.check_crash(&records, &mut mistakes);
            return mistakes;
        }
        let mut expected = self.says["extra"].as_u64().unwrap_or(0);
        for (said, level) in RECORDS {
            let own = self.says["records"]
                .get(said)
                .or_else(|| self.says["records"].get(&said[..said.find(' ').unwrap()]));
            if own == Some(&Json::Null) {
                continue;
            }
            expected += 1;
            let found = records.iter().find(|record| message(record).contains(said));
            match found {
                Some(record) => self.check_record(said, level, own, record, &mut mistakes),
                None => mistakes.push(format!("{}: no record says {said:?}", self.name)),
            }
        }
        if records.len() as u64 != expected {
            let messages: Vec<&str> = records.iter().map(message).collect();
            mistakes.push(format!(
                "{}: {} records, expected {expected}: {messages:#?}",
                self.name,
                records.len()
            ));
        }
        mistakes
    }

    fn setting<'s>(&'s self, own: Option<&'s Json>, key: &str) -> Option<&'s Json> {
        own.and_then(|own| own.get(key)).or_else(|| self.says.get(key))
    }

    fn check_record(
        &self,
        said: &str,
        level: Level,
        own: Option<&Json>,
        record: &Understood,
        mistakes: &mut Vec<String>,
    ) {
        let mut note = |what: &str, found: &dyn std::fmt::Debug, expected: &dyn std::fmt::Debug| {
            mistakes.push(format!("{}, {said}: {what} is {found:?}, expected {expected:?}", self.name));
        };
        let setting = |key: &str| self.setting(own, key);
        let text = setting("message").and_then(Json::as_str).unwrap_or(if said == RECORDS[5].0 {
            UNICODE
        } else {
            said
        });
        if setting("exact") != Some(&Json::Bool(false)) && message(record) != text {
            note("the message", &message(record), &text);
        }
        let has_level = match setting("levels") {
            Some(Json::Bool(known)) => *known,
            Some(Json::Array(known)) => matches!(level, Level::Warn | Level::Error) && !known.is_empty(),
            _ => true,
        };
        let expected = has_level.then_some(level);
        let found = Level::from_severity_number(record.log.severity_number);
        if found != expected {
            note("the level", &found, &expected);
        }
        let has_ids = setting("all_with_trace").is_some() || matches!(level, Level::Warn | Level::Error);
        let has_ids = has_ids && setting("ids") != Some(&Json::Bool(false));
        let id = |key: &str, usual: &str| match setting(key) {
            _ if !has_ids => String::new(),
            Some(Json::Null) => String::new(),
            Some(other) => other.as_str().unwrap().to_owned(),
            None => usual.to_owned(),
        };
        let found = (hex(&record.log.trace_id), hex(&record.log.span_id));
        let span = if setting("span").is_some() { String::new() } else { id("span_id", SPAN) };
        let expected = (id("trace_id", TRACE), span);
        if found != expected {
            note("the ids", &found, &expected);
        }
        self.check_time(setting("time") != Some(&Json::Bool(false)), record, &mut note);
        if level == Level::Error && setting("exception") != Some(&Json::Bool(false)) {
            self.check_exception(&setting, record, &mut note);
        }
        if said == "order placed" && setting("order") != Some(&Json::Null) {
            let mut found = Vec::new();
            let key = setting("order").and_then(Json::as_str).unwrap_or("order.id");
            visit_leaves(&record.log.attributes, key, &mut |value| {
                found.push(value.clone());
                false
            });
            if found.len() != 1 || spandrel_store::record::value::to_text(&found[0]) != "4711" {
                note("order.id", &attributes_to_json(&record.log.attributes), &4711);
            }
        }
        if record.flags.contains(Flags::BAD_TRACE_ID) || record.flags.contains(Flags::BAD_SPAN_ID) {
            note("an id", &"bad", &"good");
        }
    }

    fn check_time(
        &self,
        has_time: bool,
        record: &Understood,
        note: &mut impl FnMut(&str, &dyn std::fmt::Debug, &dyn std::fmt::Debug),
    ) {
        let time = record.log.time_unix_nano;
        // Some write whole seconds.
        let (from, to) = (self.ran.0 / 1_000_000_000 * 1_000_000_000, self.ran.1);
        if has_time && !(from..=to).contains(&time) || !has_time && time != 0 {
            note("the time", &time, &has_time.then_some((from, to)));
        }
    }

    fn check_exception<'s>(
        &self,
        setting: &impl Fn(&str) -> Option<&'s Json>,
        record: &Understood,
        note: &mut impl FnMut(&str, &dyn std::fmt::Debug, &dyn std::fmt::Debug),
    ) {
        let leaf = |key: &str| {
            let mut found = None;
            visit_leaves(&record.log.attributes, key, &mut |value| {
                found = Some(spandrel_store::record::value::to_text(value).into_owned());
                true
            });
            found
        };
        let (name, text) = (leaf("exception.type"), leaf("exception.message"));
        let stack = leaf("exception.stacktrace");
        let expected = match setting("type") {
            None => Some("CardDeclined"),
            Some(own) => own.as_str(),
        };
        if expected.is_some_and(|expected| !name.as_deref().unwrap_or_default().contains(expected)) {
            note("exception.type", &name, &expected);
        }
        let expected = setting("exception_message").and_then(Json::as_str).unwrap_or("insufficient funds");
        if text.as_deref() != Some(expected) {
            note("exception.message", &text, &expected);
        }
        if setting("stacktrace") != Some(&Json::Bool(false))
            && stack.as_deref().unwrap_or_default().is_empty()
        {
            note("exception.stacktrace", &stack, &"a stack");
        }
    }

    /// A program without a logger that ends in an exception: two lines, and the crash as one record.
    fn check_crash(&self, records: &[Understood], mistakes: &mut Vec<String>) {
        let messages: Vec<&str> = records.iter().map(message).collect();
        let [first, second, crash] = records else {
            mistakes.push(format!("{}: {} records, expected 3: {messages:#?}", self.name, records.len()));
            return;
        };
        if (message(first), message(second)) != ("order accepted", "payment begins") {
            mistakes.push(format!("{}: {messages:#?}", self.name));
        }
        let mut note = |what: &str, found: &dyn std::fmt::Debug, expected: &dyn std::fmt::Debug| {
            mistakes.push(format!("{}: {what} is {found:?}, expected {expected:?}", self.name));
        };
        self.check_exception(&|key| self.says.get(key), crash, &mut note);
        // Who caught it goes on.
        let is_end = self.says["type"] == "panic" && self.name.starts_with("uncaught");
        let expected = if is_end { Level::Fatal } else { Level::Error };
        let found = Level::from_severity_number(crash.log.severity_number);
        if found != Some(expected) {
            note("the level", &found, &expected);
        }
    }
}

#[test]
fn every_loggers_records_are_understood_without_configuration() {
    let (expected, times) = (json("expected.json"), json("output/times.json"));
    let loggers = expected["loggers"].as_object().unwrap();
    let mut languages: BTreeMap<&str, u32> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (name, says) in loggers {
        *languages.entry(says["language"].as_str().unwrap()).or_default() += 1;
        let ran = says.get("documented").unwrap_or(&times[name.as_str()]);
        let ran = (ran[0].as_u64().unwrap(), ran[1].as_u64().unwrap());
        mistakes.extend(Logger { name, says, ran }.check());
    }
    assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
    assert!(loggers.len() >= 20 && languages.len() >= 6, "{languages:?}");
}
