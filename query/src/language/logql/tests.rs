use proptest::prelude::*;
use spandrel_config::Limits;

use super::template::{Source, Template};
use super::{IpRange, format, parse, pattern_parts, selector};
use crate::language::mistake::Mistake;

/// One question to a line: what Grafana's editor, Explore and Logs Drilldown write.
const UNDERSTOOD: &str = r#"
    vector(1)+vector(1)
    {service_name="checkout", pod="a"}
    {service_name="checkout"} | label_format log_line_contains_trace_id=`{{ contains "abc" __line__  }}` | log_line_contains_trace_id="true" OR trace_id="abc"
    {service_name="x"} | logfmt | json | drop __error__ | trace_id="a" | span_id="b"
    {service_name=~"(.*/)?(svc)"} |= "a" |= "b"
    sum by (detected_level) (count_over_time({ service_name="checkout" } [15s]))
    {service_name=`checkout`  } | json | logfmt | drop __error__, __error_details__
    {service_name="checkout", env="prod"} | detected_level="error" or detected_level="info" | pod="a" | trace_id="abc"  |> "<_> error <_>" |~ "(?i)text" != "noise" | json | logfmt | drop __error__, __error_details__ | field="v" | duration>10s
    sum(count_over_time({service_name="x" ,label != ""}  [1h0m0s])) by (label)
    sum by (f) (count_over_time({a="b"} | json | logfmt | drop __error__, __error_details__ | f!="" [5m]))
    avg_over_time({a="b"} | logfmt | unwrap duration(f) | __error__="" [5m]) by ()
    max_over_time({a="b"} | unwrap bytes(f) [5m]) by (detected_level)
    sum by (f) (count_over_time({a="b"} | keep f [5m]))
    {a="b"} |> "a <_>" or "b <_>"
    {a="b"} !> "x <_>"
    {a="b"} | json a="[\"x\"][\"y\"]", b="c.d[0]", e
    sum by (level, detected_level) (count_over_time({a="b"} | json | drop __error__[1m]))
    {a="b"} |= `x` or `y` != `z` |~ `(?i)q` !~ "w" |= ip("10.0.0.0/8") | addr = ip("10.0.0.1-10.0.0.9")
    {a="b"} | logfmt --strict --keep-empty x, y="z"
    {a="b"} | regexp `(?P<x>\w+)` | pattern `<ip> - <_> "<method>"` | unpack | decolorize
    {a="b"} | x = `v` | x > 5 | a=`1` or b=`2` | c>=10KB and d<1.5MiB, (e=1 or f!=2) | __error__=``
    {a="b"} | line_format `{{.x}} {{ .y | ToUpper | trunc 5 }}{{ if eq .z "1" }}one{{ else if .q }}q{{ else }}no{{ end }}` | label_format a=b, c="{{.d}}"
    topk by (x) (5, rate({a="b"}[5m])) unless on (x) rate({a="c"}[5m] offset 1h)
    sum(rate({a="b"}[5m])) by (x) / on (x) group_left (y) sum by (x, y) (rate({a="c"} |= "e" [5m])) > bool 0.5
    quantile_over_time(0.99, {a="b"} | json | unwrap latency [5m]) by (x)
    label_replace(rate({a="b"}[1m]), "dst", "$1", "src", "(.*)")
    absent_over_time({a="b"}[1m]) or vector(0)
    1 + 2 * 3 ^ 2
    count_over_time(({a="b"} |= "x" [5m]))
    count_over_time({a="b"}[5m] |= "x")
    sum_over_time({a="b"}[5m] offset 1h | json | unwrap x)
    sum_over_time(({a="b"} | unwrap x)[5m])
    approx_topk(5, sum by (x) (rate({a="b"}[5m] @ 1700000000.5 offset 1h)))
    rate({a="b"} |= "x" [5m] offset -5m @ end()) / rate({a="b"}[5m] @ start())
    {a="b"} | line_format `{{ range $k, $v := . }}{{ $k }}={{ $v }} {{ end }}{{ with .x }}{{ . }}{{ end }}`
    {a="b"} # a comment
    SUM BY (x) (COUNT_OVER_TIME({a="b"}[5m]))
"#;

const REFUSED: &[(&str, usize, &str)] = &[
    ("", 0, "a selector"),
    ("{a}", 2, "`=`, `!=`"),
    ("{a=\"b\"", 6, "`,` or `}`"),
    ("{a=\"b\"} |", 9, "a stage"),
    ("{a=~\"[\"}", 4, "error parsing regexp"),
    ("{a=\"b\"} | unwrap x", 18, "needs a function"),
    ("rate({a=\"b\"})", 12, "a range"),
    ("count_over_time({a=\"b\"} | unwrap x [5m])", 15, "takes no `unwrap`"),
    ("sum_over_time({a=\"b\"}[5m])", 13, "needs numbers"),
    ("{a=\"b\"} + 1", 8, "lines have none"),
    ("topk(0, rate({a=\"b\"}[5m]))", 5, "above 0"),
    ("{a=\"b\"} | regexp `\\w+`", 17, "named capture"),
    ("{a=\"b\"} | line_format `{{ if }}`", 22, "invalid template"),
    ("{a=\"b\"} |= ip(`nowhere`)", 14, "no address"),
];

const UNSUPPORTED: &[(&str, &str)] = &[
    ("variants(rate({a=\"b\"}[5m])) of ({a=\"b\"}[5m])", "`variants`"),
    ("{a=\"b\"} | line_format `{{ nosuch __line__ }}`", "the template function `nosuch`"),
];

#[test]
fn what_grafana_writes_is_read() {
    for text in UNDERSTOOD.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parsed = parse(text, &Limits::default());
        assert!(parsed.is_ok(), "{text}: {}", parsed.unwrap_err().located(text));
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
fn operators_bind_as_prometheus_s_do() {
    let same = [
        ("vector(1) + vector(2) * vector(3)", "vector(1) + (vector(2) * vector(3))"),
        ("vector(2) ^ vector(3) ^ vector(2)", "vector(2) ^ (vector(3) ^ vector(2))"),
        ("vector(1) - vector(2) - vector(3)", "(vector(1) - vector(2)) - vector(3)"),
        ("vector(1) or vector(2) and vector(3)", "vector(1) or (vector(2) and vector(3))"),
        ("vector(1) + vector(2) > vector(3)", "(vector(1) + vector(2)) > vector(3)"),
        ("{a=\"b\"} | a=\"1\" or b=\"2\" and c=\"3\"", "{a=\"b\"} | a=\"1\" or (b=\"2\" and c=\"3\")"),
    ];
    for (text, other) in same {
        assert_eq!(parse(text, &Limits::default()), parse(other, &Limits::default()), "{text}");
    }
}

#[test]
fn an_empty_selector_is_one() {
    assert_eq!(selector("{}", &Limits::default()), Ok(Vec::new()));
    assert!(selector("{a=\"b\"} | json", &Limits::default()).is_ok());
    assert!(selector("a", &Limits::default()).is_err());
}

#[test]
fn networks_and_ranges_of_addresses_are_read() {
    let contains = |range: &str, ip: &str| IpRange::parse(range).unwrap().contains(ip.parse().unwrap());
    assert!(contains("10.0.0.0/8", "10.255.1.2") && !contains("10.0.0.0/8", "11.0.0.0"));
    assert!(contains("0.0.0.0/0", "1.2.3.4") && contains("1.2.3.4/32", "1.2.3.4"));
    assert!(contains("1.2.3.4-1.2.3.9", "1.2.3.9") && contains("2001:db8::/32", "2001:db8:1::"));
    for wrong in ["", "x", "1.2.3.4/33", "::/129", "1.2.3.4-::1"] {
        assert_eq!(IpRange::parse(wrong), None, "{wrong}");
    }
}

struct Labels;

impl Source for Labels {
    fn label(&self, name: &str) -> String {
        match name {
            "a" => "Apple".to_owned(),
            "n" => "12.5".to_owned(),
            _ => String::new(),
        }
    }

    fn labels(&self) -> Vec<(String, String)> {
        ["a", "n"].into_iter().map(|name| (name.to_owned(), self.label(name))).collect()
    }

    fn line(&self) -> &str {
        "the line"
    }

    fn time_ns(&self) -> u64 {
        1_700_000_000_123_456_789
    }
}

#[test]
fn templates_are_filled_in() {
    let cases = [
        ("{{.a}} {{ .missing }}!", "Apple !"),
        ("{{ contains \"line\" __line__ }} {{ __line__ | contains \"x\" }}", "true false"),
        ("{{ .a | lower | replace \"p\" \"b\" }} {{ Replace .a \"p\" \"b\" 1 }}", "abble Abple"),
        ("{{ if eq .a \"Apple\" }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if and .a (not .b) }}1{{ end }}{{ if .b }}2{{ else if gt .n 12.0 }}3{{ end }}", "13"),
        ("a {{- .a -}} b", "aAppleb"),
        ("{{ add 1 2 3 }} {{ divf .n 2 }} {{ round 2.567 1 }} {{ div 7 2 }}", "6 6.25 2.6 3"),
        ("{{ trunc -3 .a }} {{ substr 1 3 .a }} {{ alignRight 7 .a }}|", "ple pp   Apple|"),
        ("{{ printf \"%-6s|%03d|%.1f\" .a 7 .n }}", "Apple |007|12.5"),
        ("{{ regexReplaceAll \"(p+)\" .a \"<$1>\" }} {{ .a | count \"p\" }}", "A<pp>le 2"),
        ("{{ \"aGk=\" | b64dec }} {{ b64enc \"hi\" }} {{ urlencode \"a b\" }}", "hi aGk= a+b"),
        ("{{ unixEpoch }} {{ default \"d\" .b }} {{ \"}}\" }}", "1700000000 d }}"),
        ("{{/* nothing */}}x", "x"),
    ];
    for (text, filled) in cases {
        let template = Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert_eq!(template.fill(&Labels).as_deref(), Ok(filled), "{text}");
    }
}

#[test]
fn a_question_is_written_anew_and_means_the_same() {
    for text in UNDERSTOOD.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let limits = Limits::default();
        let formatted = format(text, &limits).unwrap();
        let again = parse(&formatted, &limits);
        assert!(again.is_ok(), "{text}\n{formatted}\n{}", again.unwrap_err().located(&formatted));
        assert_eq!(again, parse(text, &limits), "{text}\n{formatted}");
        assert_eq!(format(&formatted, &limits).unwrap(), formatted);
    }
    let cases = [
        ("{a=\"b\"}|json|x>5   |=`y`", "{a=\"b\"} | json | x>5 |= `y`"),
        (
            "sum by(x)(rate({a=\"b\",c=~\"d\"}|=\"e\"[5m]offset 1h))",
            "sum by (x) (rate({a=\"b\", c=~\"d\"} |= \"e\" [5m] offset 1h))",
        ),
        ("vector(1)+vector( 1 )", "vector(1) + vector(1)"),
        ("rate({a=\"b\"}[5m])>-1", "rate({a=\"b\"}[5m]) > -1"),
    ];
    for (text, formatted) in cases {
        assert_eq!(format(text, &Limits::default()).unwrap(), formatted);
    }
    let long = "sum by (x) (count_over_time({service_name=\"checkout\"} | json | duration>10s | level=\"error\" or level=\"warn\" [5m]))";
    let broken = "sum by (x) (\n  count_over_time(\n    {service_name=\"checkout\"}\n      | json\n      | duration>10s\n      | level=\"error\" or level=\"warn\" [5m]\n  )\n)";
    assert_eq!(format(long, &Limits::default()).unwrap(), broken);
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC*") {
        let _ = parse(&text, &Limits::default());
        let _ = selector(&text, &Limits::default());
        let _ = pattern_parts(&text);
    }

    #[test]
    fn no_text_of_the_language_s_own_words_breaks_the_parser(
        text in "([{}()|&<>=!~.,\"`\\[\\]@+-]|a|by|on|json|logfmt|unwrap|rate|sum|topk|vector|12|5m|or|and|ip| ){0,32}",
    ) {
        if let Err(mistake) = parse(&text, &Limits::default()) {
            prop_assert!(text.is_char_boundary(mistake.position()));
        }
    }

    #[test]
    fn no_template_breaks(text in "([{}|.\"()]|\\{\\{|\\}\\}|a|if|else|end|define|template|block|\"x\"|trunc|substr|repeat|-|1|99999999999| ){0,24}") {
        if let Ok(template) = Template::parse(&text) {
            let _ = template.fill(&Labels);
        }
    }
}

#[test]
fn neither_brackets_nor_chains_are_deeper_than_a_stack() {
    let limits = Limits::default();
    let deep = |n: usize| format!("{}vector(1){}", "(".repeat(n), ")".repeat(n));
    let aggregated = |n: usize| format!("{}vector(1){}", "sum(".repeat(n), ")".repeat(n));
    let sums = |n: usize| format!("vector(1){}", " + 1".repeat(n));
    let commas = |n: usize| format!("{{a=\"b\"}} | x=\"y\"{}", ", x=\"y\"".repeat(n));
    let side_by_side = |n: usize| format!("{{a=\"b\"}} | x=\"y\"{}", " x=\"y\"".repeat(n));
    let ors = |n: usize| format!("{{a=\"b\"}} | x=\"y\"{}", " or x=\"y\"".repeat(n));
    for text in [deep(40), aggregated(40), sums(200), ors(120), commas(120), side_by_side(200)] {
        assert!(parse(&text, &limits).is_ok(), "{text}");
    }
    let cases = [
        (deep(1_000), "nesting"),
        (aggregated(1_000), "nesting"),
        (sums(3_000), "operators"),
        (ors(1_300), "operators"),
        (commas(1_500), "operators"),
        (side_by_side(1_500), "operators"),
    ];
    for (text, most) in cases {
        assert!(parse(&text, &limits).unwrap_err().to_string().contains(most), "{most}");
    }
}
