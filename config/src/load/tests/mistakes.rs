//! What is refused, and in which words.

use super::*;

#[test]
fn a_set_that_is_none_is_named_without_its_value() {
    let errors = set(&["query.endpoint", "=secret", "a..b=secret", "queri.endpoint=:1"]).unwrap_err();
    assert_eq!(errors.0.len(), 4, "{errors}");
    assert!(!errors.to_string().contains("secret"), "{errors}");
    assert!(errors.to_string().contains("did you mean `query`?"), "{errors}");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let mistakes = mistakes(
        "
receivers:
  otlp: { protocols: { grpc: { endpont: \":1\", endpoint: here }, http: [] } }
storage: { durability: fast, retention: { max_age: 72 } }
limits: { memory: lots, queries_max: 0, request_bytes_max: -1 }
federation: { peers: [payment] }
max_age: 1h
",
    );
    for start in [
        "receivers.otlp.protocols.grpc.endpont: unknown key; did you mean `endpoint`?",
        "receivers.otlp.protocols.grpc.endpoint: expected an address",
        "receivers.otlp.protocols.http: expected a section (`key: value` lines), found a list",
        "storage.durability: expected `fsync` or `write`, found \"fast\"",
        "storage.retention.max_age: expected a duration with its unit",
        "limits.memory: expected `auto` or a size",
        "limits.queries_max: expected a whole number of at least 1, found 0",
        "limits.request_bytes_max: expected a size",
        "federation.peers.0: expected a query endpoint",
        "max_age: unknown key; did you mean `storage.retention.max_age`?",
    ] {
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(start)), "{start}\nin {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 10, "{mistakes:#?}");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    const LEVEL: &str = "telemetry.logs.level: expected off, error, warn, info, debug or trace, or levels by";
    const URL: &str = "telemetry.traces.endpoint: expected a URL such as http://127.0.0.1:4317, found";
    const GROK: &str = "is no regular expression or grok with named groups";
    const TIME: &str = "is no strptime format of a date and a time";
    let cases = [
        ("telemetry.logs.level=loud", LEVEL.to_owned()),
        ("telemetry.logs.level=''", LEVEL.to_owned()),
        ("telemetry.logs.level=warn,spandrel_store", LEVEL.to_owned()),
        ("telemetry.logs.level=spandrel_store=loud", LEVEL.to_owned()),
        ("telemetry.logs.level==debug", LEVEL.to_owned()),
        ("telemetry.traces.endpoint=nourl", URL.to_owned()),
        ("telemetry.traces.endpoint=127.0.0.1:4317", URL.to_owned()),
        ("telemetry.traces.endpoint=http://", URL.to_owned()),
        ("telemetry.traces.endpoint=http://a b", URL.to_owned()),
        ("telemetry.traces.endpoint=http://a:port/", URL.to_owned()),
        (
            "shutdown.linger=60s",
            "shutdown.linger: expected at most 10s, as a stop ends within 15s".to_owned(),
        ),
        ("limits.query_timeout=0s", "limits.query_timeout: expected a duration above zero".to_owned()),
        ("limits.peer_timeout=0", "limits.peer_timeout: expected a duration above zero".to_owned()),
        ("limits.request_timeout=0s", "limits.request_timeout: expected a duration above zero".to_owned()),
        (
            "limits.line_idle_timeout=0s",
            "limits.line_idle_timeout: expected a duration above zero".to_owned(),
        ),
        ("federation.refresh=0s", "federation.refresh: expected a duration above zero".to_owned()),
        ("storage.retention.max_age=0s", "storage.retention.max_age: expected a duration above".to_owned()),
        ("receivers.filelog.poll_interval=0s", "receivers.filelog.poll_interval: expected a".to_owned()),
        ("logs.patterns=['(?<a>b)', '[']", format!("logs.patterns.1: `[` {GROK}: unclosed character class")),
        ("logs.patterns=['(?<a']", format!("logs.patterns.0: `(?<a` {GROK}: unclosed capture group name")),
        ("logs.patterns=['a']", format!("logs.patterns.0: `a` {GROK}: it names no group")),
        (
            "logs.patterns=['%{NOSUCH:x}']",
            format!("logs.patterns.0: `%{{NOSUCH:x}}` {GROK}: the grok pattern `NOSUCH` is not known"),
        ),
        ("logs.patterns=a", "logs.patterns: expected a list of regular expressions".to_owned()),
        ("logs.time_formats=['%F %T', '%!']", format!("logs.time_formats.1: `%!` {TIME}: ")),
        ("logs.time_formats=['%c']", format!("logs.time_formats.0: `%c` {TIME}: ")),
        ("logs.time_formats=['%H:%M:%S']", format!("logs.time_formats.0: `%H:%M:%S` {TIME}: ")),
        ("logs.time_formats=['']", format!("logs.time_formats.0: `` {TIME}: ")),
        ("logs.time_formats=['%']", format!("logs.time_formats.0: `%` {TIME}: ")),
    ];
    let said = |value: &str| match set(&[value]) {
        Ok(_) => "no mistakes".to_owned(),
        Err(ConfigErrors(errors)) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let is_as_told = |said: &str, told: &str| said.starts_with(told) && !said.contains('\n');
    let said = cases.map(|(value, told)| (value, said(value), told));
    let wrong: Vec<_> = said.iter().filter(|(_, said, told)| !is_as_told(said, told)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for value in [
        "telemetry.logs.level=off",
        "telemetry.logs.level=WARN",
        "telemetry.logs.level=warn, spandrel_store::journal=debug",
        "telemetry.traces.endpoint=",
        "telemetry.traces.endpoint=https://collector",
        "telemetry.traces.endpoint=http://[::1]:4317/",
        "shutdown.linger=0",
        "shutdown.linger=10s",
        "limits.admission_wait=0s",
        "limits.line_batch_delay=0s",
    ] {
        assert!(set(&[value]).is_ok(), "{value}: {:?}", set(&[value]));
    }
}

#[test]
fn the_query_port_off_loopback_needs_a_token() {
    let mistake = only_mistake("query: { endpoint: \":7317\" }");
    assert!(mistake.starts_with("query.endpoint: 0.0.0.0:7317 is open to other machines"), "{mistake}");
    for advice in ["security.token_file", "security.token", "security.insecure: true", "127.0.0.1:7317"] {
        assert!(mistake.contains(advice), "{mistake}");
    }
    for right in ["token: secret", "insecure: true"] {
        read(&format!("query: {{ endpoint: '0.0.0.0:7317' }}\nsecurity: {{ {right} }}"));
    }
    read("query: { endpoint: '[::1]:7317' }");
    read("query: { endpoint: '127.0.0.2:7317' }");
}

#[test]
fn mistakes_in_yaml_are_told_in_plain_words_with_their_place() {
    let cases = [
        ("storage:\n  directory: [a\n", "unclosed bracket '[' (line 2, column 14)"),
        (
            "storage:\n\tdirectory: x\n",
            "tabs disallowed within this context (block indentation) (line 2, column 2)",
        ),
        (
            "query:\n  endpoint: 1\nquery: {}\n",
            "the key `query` stands twice in one section (line 3, column 1)",
        ),
        ("storage: {a: 1, a: 2}", "the key `a` stands twice in one section (line 1, column 17)"),
        (
            "storage: *where",
            "an alias (`*`) of an anchor (`&`) that is not there; a text that begins with `*` needs quotes (line 1, column 10)",
        ),
        ("a: 1\n---\nb: 2\n", "a second document begins here, and a configuration is one (line 2, column 1)"),
        ("a: &x [*x]\n", "an anchor (`&`) that contains itself (line 1, column 8)"),
        ("{[a]: b}", "a key that is no text (line 1, column 2)"),
        ("a: !!binary x", "`!!binary` that is no text in base64 (line 1, column 13)"),
    ];
    for (text, told) in cases {
        assert_eq!(only_mistake(text), format!("not to be read as YAML: {told}"), "{text}");
    }
    let deep = format!("a: {}1{}", "[".repeat(100), "]".repeat(100));
    assert!(only_mistake(&deep).contains("more values, levels or aliases"), "{}", only_mistake(&deep));
}

#[test]
fn a_key_in_the_wrong_place_is_shown_the_right_one_where_it_is_certain() {
    let cases = [
        ("receivers: { otlp: { grpc: {} } }", "did you mean `receivers.otlp.protocols.grpc`?"),
        (
            "receivers: { otlp: { endpoint: x } }",
            "did you mean `receivers.otlp.protocols.grpc.endpoint` or `receivers.otlp.protocols.http.endpoint`?",
        ),
        ("storage: { maxage: 4h }", "did you mean `storage.retention.max_age`?"),
        ("traces: {}", "did you mean `telemetry.traces`?"),
        ("limits: { enabled: true }", "unknown key; expected one of: memory, "),
        ("endpoint: x", "unknown key; expected one of: receivers, "),
    ];
    for (text, told) in cases {
        assert!(only_mistake(text).contains(told), "{text}: {}", only_mistake(text));
    }
}

#[test]
fn two_listeners_on_one_port_are_a_mistake() {
    let mistake = only_mistake("query: { endpoint: 127.0.0.1:4318 }");
    assert!(mistake.contains("taken by receivers.otlp.protocols.http.endpoint"), "{mistake}");
    set(&["query.endpoint=127.0.0.1:4318", "receivers.otlp.protocols.http.enabled=false"]).unwrap();
    set(&["query.endpoint=127.0.0.1:0", "receivers.otlp.protocols.http.endpoint=127.0.0.1:0"]).unwrap();
}

#[test]
fn what_is_no_document_of_sections_is_refused() {
    for text in [
        "- a\n- b",
        "text",
        "7",
        "a: b: c",
        "{",
        "a: 1\na: 2",
        "--- {}\n--- {}",
        "a: &x [*x]",
        "\0",
        "a: .nan",
    ] {
        assert!(!mistakes(text).is_empty(), "{text:?}");
    }
}

#[test]
fn texts_that_unfold_without_end_are_refused_quickly() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = level - 1;
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 9].join(", "));
    }
    assert!(!mistakes(&bomb).is_empty());
    assert!(!mistakes(&"[".repeat(100_000)).is_empty());
    assert!(!mistakes(&"a:\n ".repeat(2 << 20)).is_empty());
    let deep = format!("{}=1", vec!["a"; 100_000].join("."));
    assert!(set(&[&deep]).is_err());
}
