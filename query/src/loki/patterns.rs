//! `patterns`: what lines have in common, with what changes from one to the next as `<_>`.
//!
//! Found in the newest lines, up to `limits.list_max` of them, each time it is asked. Words with a digit in them
//! change; lines of as many words of which most are the same are alike, and where they differ, they change. A
//! pattern can be put behind `|>` as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::answer;
use super::eval::Entry;
use super::query::{bad_query, entries, range_of, size_of_work};
use crate::api::App;
use crate::aside::put_together;
use crate::grafana::params::Asked;
use crate::grafana::refusal::Refusal;
use crate::language::logql::{self, Expr};

const SECOND_NS: u64 = 1_000_000_000;

/// Steps of a range whose step is not given.
const STEPS_WANTED: u64 = 100;

/// Patterns of one answer; lines that are like none of them are left out.
const PATTERNS_MAX: usize = 500;

/// Words of a line that are looked at.
const WORDS_MAX: usize = 100;

const ANY: &str = "<_>";

struct Pattern {
    level: String,
    words: Vec<String>,
    /// Counts by the start of the step, in seconds.
    counts: BTreeMap<u64, u64>,
}

pub(super) async fn patterns(State(app): State<Arc<App>>, Asked(params): Asked) -> Result<Response, Refusal> {
    let text = params.get("query").unwrap_or_default();
    let parsed = logql::parse(text, app.engine().limits()).map_err(|mistake| bad_query(text, &mistake))?;
    let Expr::Log(log) = parsed else { return Err(Refusal::bad("only lines have patterns")) };
    let range = range_of(&params)?;
    let default = (range.end.0 - range.start.0) / STEPS_WANTED;
    let step_ns = params.step_ns("step")?.unwrap_or(default).max(SECOND_NS);
    let lines_max = app.engine().limits().list_max;
    let (entries, coverage) = entries(&app, log, range, lines_max, false).await?;
    let found = put_together(size_of_work(&entries), move || found(entries, step_ns)).await?;
    let patterns = found.into_iter().map(|pattern| {
        let samples: Vec<(u64, u64)> = pattern.counts.into_iter().collect();
        json!({ "pattern": written(&pattern.words), "level": pattern.level, "samples": samples })
    });
    Ok(answer::list(patterns.collect::<Vec<_>>(), &coverage))
}

/// The most frequent first.
fn found(entries: Vec<Entry>, step_ns: u64) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = Vec::new();
    let mut by_length: BTreeMap<(String, usize), Vec<usize>> = BTreeMap::new();
    for entry in entries {
        let words = words(&entry.line);
        let level = entry.get("detected_level").unwrap_or("unknown").to_owned();
        let alike = by_length.entry((level.clone(), words.len())).or_default();
        let known = alike.iter().copied().find(|index| are_alike(&patterns[*index].words, &words));
        let index = match known {
            Some(index) => index,
            None if patterns.len() >= PATTERNS_MAX => continue,
            None => {
                alike.push(patterns.len());
                patterns.push(Pattern { level, words: words.clone(), counts: BTreeMap::new() });
                patterns.len() - 1
            }
        };
        let pattern = &mut patterns[index];
        for (own, word) in pattern.words.iter_mut().zip(&words) {
            if own != word {
                ANY.clone_into(own);
            }
        }
        *pattern.counts.entry(entry.time_ns / step_ns * step_ns / SECOND_NS).or_default() += 1;
    }
    patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.counts.values().sum::<u64>()));
    patterns
}

/// The words of a line, those that look as if they change as `<_>`.
fn words(line: &str) -> Vec<String> {
    let changes =
        |word: &str| word.contains(|c: char| c.is_ascii_digit() || c == '<' || c == '"' || c == '{');
    let mut words: Vec<String> = line
        .split(' ')
        .take(WORDS_MAX)
        .map(|word| if changes(word) { with_changes(word) } else { word.to_owned() })
        .collect();
    if line.split(' ').nth(WORDS_MAX).is_some() {
        words.push(ANY.to_owned());
    }
    words
}

/// A word in which what has a digit is `<_>`: `status=200` is `status=<_>`. A word that could be taken for the
/// name of a capture is `<_>` as a whole.
fn with_changes(word: &str) -> String {
    if word.contains('<') {
        return ANY.to_owned();
    }
    let (mut out, mut rest) = (String::new(), word);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_alphanumeric() && !"_-.:/".contains(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        match part.contains(|c: char| c.is_ascii_digit()) {
            true if out.ends_with(ANY) => {}
            true => out.push_str(ANY),
            false => out.push_str(part),
        }
        let between = after.chars().next();
        out.extend(between);
        rest = &after[between.map_or(0, char::len_utf8)..];
    }
    out
}

/// Most words are the same, where both have one.
fn are_alike(pattern: &[String], words: &[String]) -> bool {
    let same = pattern.iter().zip(words).filter(|(own, word)| own == word || *own == ANY).count();
    let firm = pattern.iter().zip(words).filter(|(own, word)| own == word && *own != ANY).count();
    same * 10 >= words.len() * 7 && (firm > 0 || words.iter().all(|word| word == ANY))
}

/// The pattern as text; words that change one after the other are one.
fn written(words: &[String]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in words {
        if !(word == ANY && kept.last() == Some(&ANY)) {
            kept.push(word);
        }
    }
    kept.join(" ")
}
