use proptest::prelude::*;

use super::*;

/// A line with some labels, at 2026-01-02T03:04:05.678Z.
struct Line;

impl Source for Line {
    fn label(&self, name: &str) -> String {
        self.labels().into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
    }

    fn labels(&self) -> Vec<(String, String)> {
        let labels = [
            ("app", "cart"),
            ("json", r#"{"items":[{"sku":"a","n":2},{"sku":"b"}],"ok":true}"#),
            ("level", "warn"),
        ];
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn line(&self) -> &str {
        "GET /cart 200"
    }

    fn time_ns(&self) -> u64 {
        1_767_323_045_678_000_000
    }
}

fn filled(text: &str) -> String {
    let template = Template::parse(text).unwrap_or_else(|refused| panic!("{text}: {refused:?}"));
    template.fill(&Line).unwrap_or_else(|why| format!("! {why}"))
}

#[test]
fn constructs_do_as_go_s_do() {
    let cases = [
        (r#"{{ define "x" }}<{{ .app }}{{ $.level }}>{{ end }}a{{ template "x" . }}b"#, "a<cartwarn>b"),
        (r#"{{ template "x" .app }}{{ define "x" }}<{{ . }}{{ $ }}>{{ end }}"#, "<cartcart>"),
        (r#"{{ define "x" }}[{{ .none }}]{{ end }}{{ template "x" $ }}"#, "[]"),
        (r#"{{ define "x" }}{{ . }}{{ end }}{{ template "x" }}"#, "<no value>"),
        (r#"{{ block "x" .level }}{{ . | ToUpper }}{{ end }}{{ template "x" "again" }}"#, "WARNAGAIN"),
        (
            r#"{{ define "x" }}{{ $y := "in" }}{{ $y }}{{ end }}{{ $y := "out" }}{{ template "x" }}{{ $y }}"#,
            "inout",
        ),
        (
            r#"{{ define "a" }}1{{ template "b" . }}{{ end }}{{ define "b" }}{{ .app }}{{ end }}{{ template "a" . }}"#,
            "1cart",
        ),
        (r#"{{ define "x" }} {{ end }}{{ define "x" }}y{{ end }}{{ template "x" }}"#, "y"),
        (r#"{{ template "x" . }}"#, "! template `x` not defined"),
        (
            r#"{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}"#,
            "! templates call one another too often",
        ),
        ("{{.app}} {{ .level | ToUpper }}{{ .none }}", "cart WARN"),
        ("{{ if eq .level \"warn\" }}w{{ else if .none }}n{{ else }}e{{ end }}", "w"),
        ("{{ $x := .app }}{{ $x | upper }} {{ $x = \"b\" }}{{ $x }}", "CART b"),
        (
            "{{ with .app }}<{{ . }}>{{ else }}none{{ end }}{{ with .none }}x{{ else }}none{{ end }}",
            "<cart>none",
        ),
        ("{{ with $n := .app }}{{ $n }}{{ $.level }}{{ end }}", "cartwarn"),
        (
            "{{ range $k, $v := . }}{{ if ne $k \"json\" }}{{ $k }}={{ $v }} {{ end }}{{ end }}",
            "app=cart level=warn ",
        ),
        ("{{ range (fromJson .json).items }}{{ .sku }}{{ end }}", "ab"),
        (
            "{{ $j := fromJson .json }}{{ range $i, $q := $j.items }}{{ $i }}:{{ $q.sku }}:{{ .n }} {{ end }}",
            "0:a:2 1:b:<no value> ",
        ),
        ("{{ $j := fromJson .json }}{{ range $j.items }}{{ .sku }}{{ break }}{{ end }}", "a"),
        (
            "{{ $j := fromJson .json }}{{ range $j.items }}{{ if eq .sku \"a\" }}{{ continue }}{{ end }}{{ .sku }}{{ end }}",
            "b",
        ),
        ("{{ range $j := fromJson .none }}x{{ else }}nothing{{ end }}", "nothing"),
        ("{{ index (fromJson .json) \"ok\" }} {{ len (fromJson .json) }}", "true 2"),
        ("{{ slice .app 1 3 }}", "ar"),
        ("{{- /* not shown */ -}} a {{- .app }}", "acart"),
        ("{{ __timestamp__ | date \"2006-01-02T15:04:05.000Z07:00\" }}", "2026-01-02T03:04:05.678Z"),
        ("{{ __timestamp__ | date \"Mon Jan _2 3:04PM 06\" }}", "Fri Jan  2 3:04AM 26"),
        ("{{ __timestamp__ | unixEpoch }} {{ __timestamp__ | unixEpochMillis }}", "1767323045 1767323045678"),
        ("{{ \"2026-01-02\" | toDate \"2006-01-02\" | unixEpoch }}", "1767312000"),
        (
            "{{ \"2026-01-02T04:04:05+01:00\" | toDate \"2006-01-02T15:04:05Z07:00\" | unixEpoch }}",
            "1767323045",
        ),
        ("{{ \"1767323045678\" | unixToTime | date \"15:04:05\" }}", "03:04:05"),
        ("{{ .app | printf \"%-6s|\" }}{{ html \"<a>\" }}{{ urlquery \"a b\" }}", "cart  |&lt;a&gt;a+b"),
        ("{{ urlencode \"a-b_c.d~e/f&g h\" }}", "a-b_c.d~e%2Ff%26g+h"),
        ("{{ \"x\" | toDate \"2006\" }}", "! `x` is no time as `2006` has it"),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let found = filled(text);
        if found != expected {
            wrong.push(format!("{text}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_template_is_refused_with_its_reason() {
    for (text, why) in [
        ("{{ .a", "without `}}`"),
        ("{{ end }}", "without `if`"),
        ("{{ if .a }}", "`if` without `end`"),
        ("{{ with .a }}x", "`with` without `end`"),
        ("{{ range .a }}", "`range` without `end`"),
        ("{{ $x }}", "undefined variable `$x`"),
        ("{{ $x = 1 }}", "undefined variable `$x`"),
        ("{{ if .a }}{{ $x := 1 }}{{ end }}{{ $x }}", "undefined variable `$x`"),
        ("{{ break }}", "outside of `range`"),
        ("{{ }}", "missing"),
    ] {
        let refused = Template::parse(text).expect_err(text);
        assert!(matches!(&refused, Refused::Syntax(found) if found.contains(why)), "{text}: {refused:?}");
    }
    assert!(matches!(Template::parse("{{ nosuch .a }}"), Err(Refused::Unsupported(_))));
}

#[test]
fn loops_within_loops_end() {
    let body = "{{ range $v := 100000 }}";
    let text = format!("{body}{body}x{{{{ end }}}}{{{{ end }}}}");
    let template = Template::parse(&text).unwrap();
    assert!(template.fill(&Line).unwrap_err().contains("too many steps"));
    let long = format!("{{{{ range $v := 100000 }}}}{}{{{{ end }}}}", "x".repeat(100));
    assert!(Template::parse(&long).unwrap().fill(&Line).unwrap_err().contains("longer than"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "([{}$.:=|() ]|range|with|if|end|else|define|template|block|fromJson|date|index|\"2006\"|x|1){0,24}") {
        if let Ok(template) = Template::parse(&text) {
            let _ = template.fill(&Line);
        }
    }

    #[test]
    fn no_date_panics(layout in "\\PC{0,16}", text in "\\PC{0,16}", nanos: i64) {
        let _ = date::format(&layout, nanos);
        let _ = date::parse(&layout, "UTC", &text);
    }

    #[test]
    fn a_time_comes_back_from_its_text(seconds in 0..4_000_000_000i64, nanos in 0..1_000_000_000i64) {
        let time = seconds * 1_000_000_000 + nanos;
        let layout = "2006-01-02T15:04:05.999999999Z07:00";
        prop_assert_eq!(date::parse(layout, "UTC", &date::format(layout, time)), Ok(time));
    }
}

#[test]
fn definitions_that_go_refuses_are_refused() {
    let cases = [
        (r#"{{ if .a }}{{ define "x" }}{{ end }}{{ end }}"#, "within another block"),
        (r#"{{ define "x" }}1{{ end }}{{ define "x" }}2{{ end }}"#, "multiple definition"),
        (r#"{{ define x }}{{ end }}"#, "a name in quotes"),
        (r#"{{ define "x" . }}{{ end }}"#, "is not understood"),
        (r#"{{ define "x" }}"#, "without an `end`"),
        (r#"{{ define "x" }}{{ else }}{{ end }}"#, "without an `end`"),
        (r#"{{ block "x" }}{{ end }}"#, "needs a value"),
        (r#"{{ $y := 1 }}{{ define "x" }}{{ $y }}{{ end }}"#, "undefined variable"),
        (r#"{{ range . }}{{ block "x" . }}{{ break }}{{ end }}{{ end }}"#, "outside of `range`"),
    ];
    for (text, why) in cases {
        match Template::parse(text) {
            Err(Refused::Syntax(said)) => assert!(said.contains(why), "{text}: {said}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}
