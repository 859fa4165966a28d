use proptest::prelude::*;
use spandrel_config::Limits;
use spandrel_store::Filter;

use super::{conditions, narrow_pipeline, parse};
use crate::language::mistake::Mistake;

/// One question to a line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

const UNDERSTOOD: &str = r#"
    {}
    { true }
    { !(span.a = 1) || .b && resource.c > 2 }
    { "x" =~ "x|y" }
    { span."odd name" = "v" && .a.b-c/d != 'never' || true }
    {nestedSetParent<0 && true}
    {resource.service.name="checkout" && name="GET /cart" && status=error && duration>100ms && duration<1s}
    {(resource.service.name="a" || resource.service.name="b")}
    {span.http.status_code=500 && span.retry=true && kind=server}
    {traceDuration>2s} || {instrumentation:name="x"} && {link:traceID="ab"}
    { .a = nil } | { .b != nil }
    { -.a = 2 && duration > 1s * 2 && 1 < 1.5h }
    { a: "x" }
    {} &>> {} | select(status, resource.service.name, name, nestedSetParent)
    ({ true } | count() > 1 | { false }) !>> ({ true } | avg(duration) > 1s)
    { true } | by(1 + .a) | coalesce() | max(duration) >= 1h
    count() > 2 && { true }
    max(duration) > 3s | { status = error }
    {} | rate() by(resource.service.name, name) with(sample=true)
    {} | quantile_over_time(duration, 0, .9, 1) | topk(3)
    {} | histogram_over_time(span:duration) with(exemplars=true)
    {nestedSetParent<0 && true} | compare({status = error}, 10, 1719000000000000000, 1719003600000000000)
    {} | count_over_time() by (span.http.path) > 5
    {} # with a comment
    { parent.a = 1 && parent.span.b = 2 }
    { parent = nil } || { parent != nil && .a }
    { nil != parent && nil = nil }
    { parent.service.name = "x" && parent.resource.service.name =~ "x|y" && parent.event.a != nil }
    { parent.status = error && parent.kind = server && parent.name =~ "GET.*" && parent.duration > 1s }
    { parent.span.status = "late" && parent."status" = 5 }
    { name =~ "a" && resource.service.name !~ "b" && statusMessage =~ ".*" && rootName =~ "c|d" }
    { .a > minInt && .a < maxInt }
    { .a = 1 } // and a comment
    { /* another */ .a /* and one */ = 1 }
    ({} | compare({ status = error }))
    ({} | rate()) > 10
    ({} | rate()) / ({} | count_over_time())
    (({} | rate()) * ({} | count_over_time())) + ({} | rate())
    ({} | rate()) + ({} | rate()) | topk(5) > 10
    100 * ({ status = error } | rate() by(name)) / ({} | rate() by(name))
    -1.5 - ({} | rate())
    3 * 2 - ({} | rate())
    (1 / 2.0) + ({} | rate()) - 2 * 20
    (60 * ({} | rate())) / ({} | count_over_time())
    ({} | rate() > 6) * 100 > 5 with(sample=0.1)
    (({.a} || {.b}) | rate()) * 10 + 5 > 50 | topk(1)
    ({} | rate()) > 1 / 2
    {} | rate() | topk(5) > 20 | bottomk (10) <= 10
    { span.http.route =~ span.route.pattern && "x" !~ .b && .a =~ parent.b && name =~ rootName }
"#;

/// What each is refused for: a position and a part of the words.
const REFUSED: &[(&str, usize, &str)] = &[
    ("true", 0, "a spanset"),
    ("{ . }", 2, "the name of an attribute"),
    ("{ .a = }", 7, "an attribute"),
    ("{ .a < 3", 8, "`}`"),
    ("{ attribute = 4 }", 2, "with its scope"),
    ("{ .a == 4 }", 6, "an attribute"),
    ("{ true } = { true }", 9, "`|`"),
    ("{ true } | count()", 18, "a comparison"),
    ("{ true } | nothing() = 1", 11, "a spanset"),
    ("{ true } | by()", 14, "an attribute"),
    ("coalesce()", 0, "a spanset before"),
    ("select()", 7, "an attribute"),
    ("{ name = 5 }", 2, "different types"),
    ("{ status }", 2, "true or false"),
    ("{ 1 + 1 }", 0, "true or false"),
    ("{ status > error }", 2, "different types"),
    ("{ .a =~ \"[\" }", 8, "error parsing regexp"),
    ("{ .a =~ 2 }", 8, "text in quotes"),
    ("{ .a =~ duration }", 8, "not text"),
    ("{ 1 =~ .b }", 0, "matches text"),
    ("sum(3) = 2", 0, "reference the span"),
    ("{} | quantile_over_time(duration)", 32, "a quantile"),
    ("{} | quantile_over_time(duration, 2)", 34, "between 0 and 1"),
    ("{} | avg_over_time(name)", 19, "not a number"),
    ("{ .a = \"open }", 7, "quotes that are closed"),
    ("{ .a = 10abc }", 7, "a number"),
    ("{} | rate() | rate()", 14, "`topk(n)`"),
    ("5 + {} | rate()", 4, "an aggregate"),
    ("{} | rate() + 5", 12, "brackets around"),
    ("({} | rate()) + 5 100", 18, "the end"),
    ("({} | rate()) + 5ms", 14, "a duration"),
    ("({} | rate()) + 1 / 0", 18, "division by zero"),
    ("{ status =~ \"err.*\" }", 2, "matches text"),
    ("{ parent.duration = \"1s\" }", 2, "different types"),
    ("{ .a = 1 /* open", 16, "`}`"),
    ("{} | compare({true}, 2000)", 19, "at most 1000"),
    ("{} | compare({true}, 10, 2, 1)", 25, "not behind its start"),
    ("{} | compare({true}) | topk(3)", 21, "`compare`"),
    ("{} | compare({true}) > 3", 21, "`compare`"),
    ("({} | compare({true})) + ({} | rate())", 0, "`compare`"),
];

const UNSUPPORTED: &[(&str, &str)] = &[
    ("{ 1 >= parent }", "the intrinsic `parent`"),
    ("{ parent }", "the intrinsic `parent`"),
    ("({} | rate()) % 10", "`%`"),
    ("({} | count()) > 2", "ends in a number"),
    ("({ .a } | count()) > ({ .b } | count())", "ends in a number"),
    ("({ .a } | count()) + ({ .b } | avg(duration)) = 2", "ends in a number"),
    ("{ parent > 1 }", "the intrinsic `parent`"),
    ("{} | rate() by(parent)", "the intrinsic `parent`"),
    ("{} | compare({true}) by(name)", "`compare` with `by`"),
];

#[test]
fn the_grammar_is_read() {
    let mistaken = ["{ a: \"x\" }", "count() > 2 && { true }", "'never'"];
    for text in lines(UNDERSTOOD) {
        let parsed = parse(text, &Limits::default());
        match mistaken.iter().any(|part| text.contains(part)) {
            true => assert!(parsed.is_err(), "{text}"),
            false => assert!(parsed.is_ok(), "{text}: {}", parsed.unwrap_err().located(text)),
        }
    }
}

#[test]
fn a_mistake_has_its_place_and_its_reason() {
    let mut wrong = Vec::new();
    for (text, position, why) in REFUSED {
        let mistake = parse(text, &Limits::default()).expect_err(text);
        if mistake.position() != *position || !mistake.to_string().contains(why) {
            wrong.push(format!("{text}: at {}: {mistake}", mistake.position()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_evaluated_is_named() {
    for (text, construct) in UNSUPPORTED {
        let mistake = parse(text, &Limits::default()).expect_err(text);
        let Mistake::Unsupported { construct: named, .. } = &mistake else { panic!("{text}: {mistake}") };
        assert!(named.contains(construct), "{text}: {named}");
    }
}

#[test]
fn a_position_is_told_as_line_and_column() {
    let text = "{ .ä = 1 }\n  || { x }";
    let mistake = parse(text, &Limits::default()).unwrap_err();
    assert!(mistake.located(text).starts_with("parse error at line 2, col 8: "), "{}", mistake.located(text));
}

#[test]
fn operators_bind_as_tempo_s_do() {
    let same = [
        ("{ .a || .b && .c }", "{ (.a || .b) && .c }"),
        ("{ .a = 1 + 2 * 3 ^ 2 ^ 2 }", "{ .a = (1 + (2 * (3 ^ (2 ^ 2)))) }"),
        ("{ !.a = false }", "{ (!.a) = false }"),
        ("{.a} && {.b} >> {.c} || {.d}", "({.a} && ({.b} >> {.c})) || {.d}"),
        ("{ 10 - 3 - 2 = .a }", "{ ((10 - 3) - 2) = .a }"),
        ("1 - ({} | rate()) - 2 * ({} | rate())", "(1 - ({} | rate())) - (2 * ({} | rate()))"),
        ("3 / 2 + ({} | rate())", "1 + ({} | rate())"),
    ];
    for (text, other) in same {
        assert_eq!(parse(text, &Limits::default()), parse(other, &Limits::default()), "{text}");
    }
}

#[test]
fn of_half_a_question_the_whole_conditions_are_taken() {
    let limits = Limits::default();
    let filter = |text: &str| narrow_pipeline(parse(text, &limits).unwrap().spans().unwrap());
    assert_eq!(
        conditions(r#"{resource.service.name="a" && }"#, &limits),
        filter(r#"{resource.service.name="a"}"#)
    );
    assert_eq!(
        conditions(r#"{.a="b" && .c= && status=error"#, &limits),
        filter(r#"{.a="b" && status=error}"#)
    );
    assert_eq!(conditions(r#"{.a="b" || }"#, &limits), Filter::All);
    assert_eq!(conditions("{", &limits), Filter::All);
    assert_eq!(conditions(r#"{.a="unfini"#, &limits), Filter::All);
}

#[test]
fn questions_beyond_the_limits_are_mistakes() {
    let limits = Limits::default();
    let deep = format!("{{ {}.a{} = 1 }}", "(".repeat(300), ")".repeat(300));
    assert!(parse(&deep, &limits).unwrap_err().to_string().contains("levels of nesting"));
    let deep = format!("{{ {}.a = 1 }}", "!".repeat(5_000));
    assert!(parse(&deep, &limits).is_err());
    let long = format!("{{ .a = \"{}\" }}", "x".repeat(limits.query_bytes_max));
    assert!(parse(&long, &limits).unwrap_err().to_string().contains("bytes of query"));
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC*") {
        let _ = parse(&text, &Limits::default());
        let _ = conditions(&text, &Limits::default());
    }

    #[test]
    fn no_text_of_the_language_s_own_words_breaks_the_parser(
        text in "([{}()|&<>=!~.,\" ]|span|resource|name|status|by|select|count|rate|with|12|1h|-|nil|true|ü){0,32}",
    ) {
        if let Err(mistake) = parse(&text, &Limits::default()) {
            prop_assert!(text.is_empty() || text.is_char_boundary(mistake.position().min(text.len())));
            prop_assert!(!mistake.located(&text).is_empty());
        }
        let _ = conditions(&text, &Limits::default());
    }
}

#[test]
fn neither_brackets_nor_chains_are_deeper_than_a_stack() {
    let limits = Limits::default();
    let deep = |n: usize| format!("{}{{}}{}", "(".repeat(n), ")".repeat(n));
    let ands = |n: usize| format!("{{ true{} }}", " && true".repeat(n));
    let sums = |n: usize| format!("{{ .a = 1{} }}", " + 1".repeat(n));
    assert!(
        parse(&deep(40), &limits).is_ok()
            && parse(&ands(200), &limits).is_ok()
            && parse(&sums(200), &limits).is_ok()
    );
    for (text, most) in [(deep(1_000), "nesting"), (ands(1_500), "operators"), (sums(3_000), "operators")] {
        assert!(parse(&text, &limits).unwrap_err().to_string().contains(most), "{most}");
    }
}
