//! Questions in the query language and the records of the shop that each finds, as data.

use proptest::prelude::*;
use serde::Deserialize;
use spandrel_config::Limits;
use spandrel_query::language::parse;
use spandrel_store::filter::Field;
use spandrel_store::{Receiver, Record, RecordId, UnixNanos};

use crate::fixture;

const NOW: UnixNanos = UnixNanos(1_767_268_800_000_000_000);

#[derive(Deserialize)]
struct Case {
    q: String,
    /// Handles of the records that match, apart by spaces.
    finds: String,
}

#[derive(Deserialize)]
struct Mistake {
    q: String,
    position: usize,
    /// Words that the error has in it.
    expected: String,
}

fn shop() -> Vec<Record> {
    let numbered = fixture::shop().into_iter().enumerate();
    let kept =
        numbered.map(|(n, new)| Record::new(RecordId::of_log(1, n as u64, 0), Receiver::OtlpHttp, NOW, new));
    kept.collect()
}

#[test]
fn every_question_finds_its_records() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/language.json")).unwrap();
    let handle = spandrel_query::language::field("attr.handle");
    let mut wrong = Vec::new();
    for case in cases {
        let filter = parse(&case.q, &Limits::default(), NOW).unwrap_or_else(|e| panic!("{}: {e}", case.q));
        let shop = shop();
        let found = shop.iter().filter(|record| filter.matches(record));
        let mut found: Vec<String> = found.filter_map(|record| record.first_value(&handle)).collect();
        found.sort();
        let mut finds: Vec<&str> = case.finds.split_whitespace().collect();
        finds.sort();
        if found != finds {
            wrong.push(format!("{}: found {found:?}, not {finds:?}, by {filter:?}", case.q));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mistake_has_its_place_and_what_was_expected_there() {
    let mistakes: Vec<Mistake> = serde_json::from_str(include_str!("data/mistakes.json")).unwrap();
    for mistake in mistakes {
        let error = parse(&mistake.q, &Limits::default(), NOW).expect_err(&mistake.q);
        assert_eq!(error.position, mistake.position, "{}: {error}", mistake.q);
        assert!(error.expected.contains(&mistake.expected), "{}: {error}", mistake.q);
    }
}

#[test]
fn questions_beyond_the_limits_are_mistakes() {
    let limits = Limits { query_clauses_max: 8, query_bytes_max: 64, ..Limits::default() };
    assert!(parse("a b c d e f g h", &limits, NOW).is_ok());
    assert!(parse("a b c d e f g h i", &limits, NOW).unwrap_err().expected.contains("at most 8 clauses"));
    assert!(parse(&"(".repeat(60), &limits, NOW).unwrap_err().expected.contains("at most 8 clauses"));
    assert!(parse(&"!".repeat(64), &limits, NOW).is_err());
    assert!(parse(&"a".repeat(65), &limits, NOW).unwrap_err().expected.contains("at most 64 bytes"));
}

#[test]
fn the_deepest_nesting_that_the_limits_allow_is_read() {
    let limits = Limits::default();
    let deep = limits.query_clauses_max - 1;
    let text = format!("{}a{}", "(".repeat(deep), ")".repeat(deep));
    assert!(parse(&text, &limits, NOW).is_ok());
    let text = format!("service:{}a{}", "(".repeat(deep), ")".repeat(deep));
    assert!(parse(&text, &limits, NOW).is_ok());
}

#[test]
fn an_attribute_is_named_as_it_is_asked_for() {
    for name in
        ["http.route", "attr.kind", "resource.host.name", "scope.lang", "event.exception.type", "body.x"]
    {
        let field = spandrel_query::language::field(name);
        assert!(matches!(field, Field::Attribute { .. }));
        assert_eq!(spandrel_query::language::attribute_name(&field).unwrap(), name);
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC*") {
        let _ = parse(&text, &Limits::default(), NOW);
    }

    #[test]
    fn no_text_of_the_language_s_own_characters_breaks_the_parser(
        text in "([a-z]|[():\"\\\\*?<>=!+\\-\\[\\]{} ]|AND|OR|NOT|TO|level|duration|time|trace_id|ü){0,24}",
    ) {
        if let Err(error) = parse(&text, &Limits::default(), NOW) {
            prop_assert!(text.is_char_boundary(error.position));
        }
    }

    #[test]
    fn a_quoted_value_is_exactly_the_value(value in "\\PC*") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = parse(&format!("x:\"{escaped}\""), &Limits::default(), NOW).unwrap();
        let expected = spandrel_store::Filter::equals(spandrel_query::language::field("x"), &value);
        prop_assert_eq!(filter, expected);
    }
}
