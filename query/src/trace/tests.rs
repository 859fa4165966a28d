//! Analysis of traces: cases as text with the answers they must give, odd traces, random ones, huge ones,
//! and recorded ones.

mod notation;
mod properties;
mod trainticket;

use std::fmt::Write;
use std::path::Path;

use serde_json::Value as Json;
use spandrel_store::TraceIdMatch;

use self::notation::{Written, read};
use super::*;

/// Runs every pair of a ```` ```trace ```` block and the ```` ```json ```` block that follows it.
fn run_cases(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap();
    let blocks = |fence: &str| -> Vec<(usize, String)> {
        let opening = format!("```{fence}\n");
        let starts = text.match_indices(&opening).map(|(place, _)| place + opening.len());
        starts.map(|start| (start, text[start..].split("\n```").next().unwrap().to_owned())).collect()
    };
    let (traces, answers) = (blocks("trace"), blocks("json"));
    assert_eq!(traces.len(), answers.len(), "each trace of {} has an answer", file.display());
    for ((place, trace), (_, expected)) in traces.iter().zip(&answers) {
        let title = text[..*place].lines().rev().find(|line| line.starts_with('#')).unwrap_or_default();
        let view = assemble(&read(trace));
        let actual = serde_json::to_value(view.errors()).unwrap();
        let expected: Json =
            serde_json::from_str(expected).unwrap_or_else(|error| panic!("{title}: {error}"));
        let mut differences = String::new();
        compare("", &expected, &actual, &mut differences);
        assert!(differences.is_empty(), "{title}\n{differences}\n{actual:#}");
    }
    traces.len()
}

/// Everything expected is there: an object may have further keys, a list no further items.
fn compare(place: &str, expected: &Json, actual: &Json, differences: &mut String) {
    match (expected, actual) {
        (Json::Object(expected), Json::Object(actual)) => {
            for (key, value) in expected {
                let there = actual.get(key).unwrap_or(&Json::Null);
                compare(&format!("{place}.{key}"), value, there, differences);
            }
        }
        (Json::Array(expected), Json::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&format!("{place}[{index}]"), expected, actual, differences);
            }
        }
        _ if expected == actual => {}
        _ => writeln!(differences, "{place}: expected {expected}, found {actual}").unwrap(),
    }
}

fn assemble(written: &Written) -> TraceView {
    let asked = TraceIdMatch::exactly(notation::TRACE);
    TraceView::assemble(&asked, TraceRecords { records: written.records.clone(), truncated: false })
}

fn view(text: &str) -> TraceView {
    assemble(&read(text))
}

fn flags_of(view: &TraceView, span_id: &str) -> Vec<&'static str> {
    let of = |node: &&SpanNode| node.view.record.span_id().unwrap().to_string().ends_with(span_id);
    view.spans.iter().find(of).unwrap().view.flags().names().collect()
}

#[test]
fn the_errors_of_the_cases_are_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(run_cases(&folder.join("src/trace/tests/cases.md")) > 10);
}

#[test]
fn the_examples_of_the_guide_give_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(run_cases(&folder.join("../docs/guide/errors-of-a-trace.md")) >= 3);
}

#[test]
fn a_trace_shows_every_record_once_with_its_extent() {
    let view = view(
        "span 1 - gateway 0..100 GET /
         span 2 1 orders 10..50 list
         span 2 1 orders 10..60 list again
         log 2 orders 20 info fetched
         log 2 orders 20 info fetched
         log - users 500 info later",
    );
    let trace = view.to_trace();
    assert_eq!((trace.spans.len(), trace.logs.len()), (2, 3));
    assert_eq!(trace.duration_ns, 100_000_000);
    assert_eq!(trace.start.unwrap().to_string(), "2024-01-01T00:00:00.000000000Z");
    assert_eq!(trace.services, ["gateway", "orders", "users"]);
    assert_eq!(trace.flags, ["duplicate"]);
    assert_eq!(trace.spans[1].record.span().unwrap().name, "list", "the first one is kept");
    assert_eq!(trace.spans[1].flags(), Flags::DUPLICATE);
}

#[test]
fn a_trace_without_its_root_says_so_and_which_span_misses_its_parent() {
    let view = view(
        "span 2 1 orders 10..50 list
         span 3 2 db 11..20 query",
    );
    assert_eq!(flags_of(&view, "2"), ["missing_parent"]);
    assert!(flags_of(&view, "3").is_empty());
    assert_eq!(view.flags(), ["missing_parent", "missing_root"]);
}

#[test]
fn cycles_are_cut_at_their_earliest_span() {
    let view = view(
        "span 1 3 a 0..9 x
         span 2 1 a 1..9 y
         span 3 2 a 2..9 z
         span 4 3 b 3..9 below status=error
         span 5 5 c 4..9 own parent",
    );
    for span in ["1", "2", "3", "5"] {
        assert_eq!(flags_of(&view, span), ["cycle"], "{span}");
    }
    assert!(flags_of(&view, "4").is_empty());
    let errors = view.errors();
    let path: Vec<_> = errors.path.iter().map(|step| step.operation.unwrap()).collect();
    assert_eq!(path, ["below", "z", "y", "x"]);
}

#[test]
fn clocks_that_disagree_are_flagged_and_nothing_is_shifted() {
    let skewed = |parent: &str, child: &str| {
        let view = view(&format!("span 1 - a {parent} call\nspan 2 1 b {child} serve"));
        flags_of(&view, "2").contains(&"clock_skew")
    };
    assert!(!skewed("0..100", "10..90"));
    assert!(!skewed("10..100", "6..90"), "within the tolerance");
    assert!(skewed("10..100", "0..80"), "begins before it is called");
    assert!(!skewed("0..10", "20..90"), "asynchronous work goes on after its caller");
    assert!(!skewed("0..100", "50..120"), "only of a client and its server is it known that one waits");
}

#[test]
fn a_server_that_answers_after_its_client_is_skewed_unless_the_client_gave_up() {
    let skewed = |client: &str, server: &str| {
        let view = view(&format!("span 1 - a {client}\nspan 2 1 b {server}"));
        flags_of(&view, "2").contains(&"clock_skew")
    };
    assert!(skewed("0..100 call kind=client", "50..120 serve kind=server"));
    assert!(!skewed("0..100 call kind=client", "10..250 serve kind=server"), "it took longer than that");
    assert!(!skewed("0..100 call kind=client status=error", "50..120 serve kind=server"));
    assert!(!skewed("0..100 send kind=producer", "150..180 receive kind=consumer"));
}

#[test]
fn an_end_before_the_start_is_no_negative_time() {
    let view = view("span 1 - a 50..10 x\nlog 1 a 55 info done");
    let trace = view.to_trace();
    assert_eq!(trace.duration_ns, 0);
    assert_eq!(trace.flags, ["end_before_start"]);
}

#[test]
fn a_64_bit_question_joins_both_parts_of_a_trace() {
    let short = TraceId(u128::from(notation::TRACE.low64()).to_be_bytes());
    let mut found = read("span 1 - a 0..9 x").records;
    found.extend(notation::in_trace("span 2 1 b 1..8 y status=error", short).records);
    let asked = TraceIdMatch { exact: vec![short], low64: vec![short.low64()] };
    let view = TraceView::assemble(&asked, TraceRecords { records: found, truncated: false });
    assert_eq!(view.trace_id, notation::TRACE);
    assert!(view.flags().is_empty());
    assert_eq!(view.errors().path.len(), 2);
}

#[test]
fn nothing_found_is_an_empty_answer_about_what_was_asked() {
    let view = view("");
    assert!(view.is_empty() && view.flags().is_empty());
    assert_eq!(view.to_trace().trace_id, notation::TRACE.to_string());
    let errors = serde_json::to_value(view.errors()).unwrap();
    let expected = serde_json::json!({
        "trace_id": notation::TRACE.to_string(), "errors": [], "root_cause": null, "path": [], "contributing": [],
    });
    assert_eq!(errors, expected);
    assert!(view.timeline().events.is_empty());
}

#[test]
fn a_timeline_tells_what_must_have_come_first() {
    let view = view(
        "span 1 - a 0..10 outer
         span 2 1 a 0..10 inner status=error message=\"it broke\"
         event 2 0 exception exception.message=boom
         log 2 a 10 warn done
         log 1 a 0 info began
         span 3 1 a 5..5 short",
    );
    let timeline = serde_json::to_value(view.timeline()).unwrap();
    let line = |item: &Json| {
        let text = |key: &str| item.get(key).and_then(Json::as_str).unwrap_or("-").to_owned();
        format!("{} {} {}", text("kind"), text("name"), text("message"))
    };
    let lines: Vec<String> = timeline["events"].as_array().unwrap().iter().map(line).collect();
    let expected = [
        "span_start outer -",
        "span_start inner -",
        "event exception boom",
        "log - began",
        "span_start short -",
        "span_end short -",
        "log - done",
        "span_end inner it broke",
        "span_end outer -",
    ];
    assert_eq!(lines, expected);
    let event = &timeline["events"][2];
    assert_eq!(event["attributes"], serde_json::json!({"exception.message": "boom"}));
    assert_eq!(event["time"], "2024-01-01T00:00:00.000000000Z");
}

#[test]
fn a_trace_of_200_000_records_is_taken_apart_in_passing() {
    // One chain as deep as the trace: a step up from every span to the top would be 5 * 10^9 of them, and a
    // recursion would overflow the stack.
    let mut text = String::from("span 1 - a 0..200000 top status=error\n");
    for number in 2..=100_000u32 {
        let parent = number - 1;
        let odd = if number % 2 == 0 { "status=error" } else { "" };
        writeln!(text, "span {number:x} {parent:x} s{} {number}..200000 call {odd}", number % 40).unwrap();
    }
    for number in 1..=100_000u32 {
        writeln!(text, "log - s{} {number} error no span named", number % 50).unwrap();
    }
    let view = view(&text);
    let errors = view.errors();
    assert_eq!(errors.errors.len(), 50_001 + 100_000);
    assert_eq!(errors.path.len(), 100_000);
    assert_eq!(view.timeline().events.len(), 2 * 100_000 + 100_000);
}
