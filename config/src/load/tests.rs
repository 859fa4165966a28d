use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{ByteSize, Durability, Limits, LogFormat, Secret, Signal};

const SHIPPED: &str = include_str!("../../spandrel.yaml");

fn no_env(_: &str) -> Option<String> {
    None
}

fn read(text: &str) -> Config {
    Config::from_yaml(text, &[], &no_env).unwrap()
}

fn set(sets: &[&str]) -> Result<Config, ConfigErrors> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Config::from_yaml("", &sets, &no_env)
}

/// The mistakes of a text, `path: message` each.
fn mistakes(text: &str) -> Vec<String> {
    Config::from_yaml(text, &[], &no_env).unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn only_mistake(text: &str) -> String {
    let mistakes = mistakes(text);
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    mistakes.into_iter().next().unwrap()
}

#[test]
fn nothing_at_all_is_the_defaults() {
    assert_eq!(read(""), Config::default());
    assert_eq!(read("# only a comment\n"), Config::default());
    assert_eq!(
        read("storage:\nquery: {}\nreceivers:\n  otlp:\n    protocols:\n      grpc:\n"),
        Config::default()
    );
}

#[test]
fn the_shipped_file_is_the_defaults() {
    assert_eq!(read(SHIPPED), Config::default());
}

#[test]
fn the_shipped_file_names_every_key() {
    let document = Document::read(SHIPPED).unwrap();
    for key in Config::keys() {
        let found = key.split('.').try_fold(&document.root, |value, name| value.get(name));
        assert!(found.is_some(), "config/spandrel.yaml does not show {key}");
    }
}

#[test]
fn the_shipped_file_explains_every_limit() {
    let lines: Vec<&str> = SHIPPED.lines().collect();
    for key in Config::keys().iter().filter_map(|key| key.strip_prefix("limits.")) {
        let at = lines.iter().position(|line| line.trim_start().starts_with(&format!("{key}:"))).unwrap();
        assert!(lines[at - 1].trim_start().starts_with('#'), "{key} has no comment");
    }
}

#[test]
fn the_pinned_keys_are_there() {
    let keys = Config::keys();
    for key in [
        "query.endpoint",
        "storage.directory",
        "storage.durability",
        "storage.retention.max_age",
        "storage.retention.max_bytes",
        "receivers.otlp.protocols.grpc.endpoint",
        "receivers.otlp.protocols.http.endpoint",
        "federation.peers",
        "limits.memory",
        "limits.request_bytes_max",
        "limits.trace_records_max",
        "security.insecure",
        "shutdown.linger",
        "receivers.stdin.enabled",
    ] {
        assert!(keys.iter().any(|known| known == key), "{key}");
    }
}

#[test]
fn a_file_is_merged_over_the_defaults() {
    let config = read(
        "
receivers:
  otlp:
    protocols:
      http: { enabled: false }
  stdin:
    enabled: true
    resource: { service.name: payment, k8s: { pod.name: payment-7d9f } }
storage: { durability: write, retention: { max_bytes: 1GiB } }
federation: { peers: [\"orders:7317\"] }
limits: { request_bytes_max: 512kB, query_timeout: 250ms, memory: 64MiB }
telemetry: { logs: { level: off, format: json } }
",
    );
    assert_eq!(config.receivers.otlp.http, None);
    assert_eq!(config.receivers.otlp.grpc, Config::default().receivers.otlp.grpc);
    assert_eq!(
        config.receivers.stdin.resource,
        [
            ("service.name".to_owned(), "payment".to_owned()),
            ("k8s.pod.name".to_owned(), "payment-7d9f".to_owned()),
        ]
    );
    assert_eq!(config.storage.durability, Durability::Write);
    assert_eq!(config.storage.retention.max_bytes, Some(ByteSize::gib(1)));
    assert_eq!(config.storage.retention.max_age, Duration::from_secs(72 * 3600));
    assert_eq!(config.federation.peers, ["orders:7317"]);
    assert_eq!(config.limits.request_bytes_max, ByteSize(512_000));
    assert_eq!(config.limits.query_timeout, Duration::from_millis(250));
    assert_eq!(config.limits.memory, ByteSize::mib(64));
    assert_eq!(
        (config.telemetry.logs.level.as_str(), config.telemetry.logs.format),
        ("off", LogFormat::Json)
    );
}

#[test]
fn sets_go_over_the_file_in_their_order() {
    let sets = ["storage.directory=/data", "storage.retention.max_age=1h", "storage.retention.max_age=2h"];
    let config =
        Config::from_yaml("storage: { directory: /file }", &sets.map(str::to_owned), &no_env).unwrap();
    assert_eq!(config.storage.directory, Path::new("/data"));
    assert_eq!(config.storage.retention.max_age, Duration::from_secs(7200));
}

#[test]
fn the_value_of_a_set_is_yaml() {
    let config = set(&[
        "federation.peers=[\"orders:7317\", \"payment:7317\"]",
        "receivers.stdin.enabled=true",
        "receivers.stdin.resource.service.name=payment",
        "receivers.stdin.resource.service.version=1.10",
        "receivers.otlp.protocols.grpc.endpoint=0.0.0.0:0",
        "receivers.otlp.protocols.http.endpoint=[::1]:4318",
        "limits={queries_max: 3, list_max: 7}",
        "security.token=0123",
    ])
    .unwrap();
    assert_eq!(config.federation.peers, ["orders:7317", "payment:7317"]);
    assert_eq!(
        config.receivers.stdin.resource,
        [
            ("service.name".to_owned(), "payment".to_owned()),
            ("service.version".to_owned(), "1.10".to_owned()),
        ]
    );
    assert_eq!(config.receivers.otlp.http.unwrap().to_string(), "[::1]:4318");
    assert_eq!((config.limits.queries_max, config.limits.list_max), (3, 7));
    assert_eq!(config.security.token, Some(Secret("0123".to_owned())));
}

#[test]
fn a_set_that_is_none_is_named_without_its_value() {
    let errors = set(&["query.endpoint", "=secret", "a..b=secret", "queri.endpoint=:1"]).unwrap_err();
    assert_eq!(errors.0.len(), 4, "{errors}");
    assert!(!errors.to_string().contains("secret"), "{errors}");
    assert!(errors.to_string().contains("did you mean `query`?"), "{errors}");
}

#[test]
fn what_the_collectors_syslog_receiver_is_told_is_refused_with_its_reason() {
    let mistakes = mistakes("receivers: { syslog: { enabled: true, protocol: rfc5424, location: UTC } }");
    assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
    for start in ["receivers.syslog.protocol: ", "receivers.syslog.location: "] {
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(start)), "{start}\nin {mistakes:#?}");
    }
    assert!(mistakes.iter().any(|mistake| mistake.contains("RFC 5424 or RFC 3164")), "{mistakes:#?}");
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
fn who_brings_a_receiver_for_loki_is_told_where_pushes_go() {
    let receiver = only_mistake("receivers: { loki: { protocols: { http: {} } } }");
    assert!(receiver.contains("http://127.0.0.1:4318/loki/api/v1/push"), "{receiver}");
    let exporter = only_mistake("exporters: { loki: {} }");
    assert!(!exporter.contains("4318"), "{exporter}");
}

#[test]
fn components_of_the_collector_are_named_as_such() {
    let mistakes = mistakes(
        "
receivers: { kafka: { brokers: [a] }, otlp/second: {}, kafkaa: {} }
processors: { tail_sampling: {}, batch/small: }
exporters: { otlphttp: { endpoint: \"http://a\" }, nonsense: {} }
extensions: { health_check: {} }
service:
  extensions: [health_check]
  pipelines:
    traces: { receivers: [otlp, jaeger], processors: [batch], exporters: [debug] }
    spans: { receivers: [otlp] }
",
    );
    for start in [
        "receivers.kafka: Spandrel knows the Collector's `kafka` receiver but does not have it",
        "receivers.otlp/second: Spandrel has one `otlp` receiver",
        "receivers.kafkaa: unknown key",
        "processors.tail_sampling: Spandrel knows the Collector's `tail_sampling` processor but does not have it",
        "processors.batch/small: Spandrel knows the Collector's `batch` processor",
        "exporters.otlphttp: Spandrel knows the Collector's `otlphttp` exporter but does not have it",
        "exporters.nonsense: unknown key",
        "extensions: Spandrel knows the Collector's `extensions`",
        "service.extensions: Spandrel knows the Collector's `extensions`",
        "service.pipelines.traces.receivers: Spandrel knows the Collector's `jaeger` receiver",
        "service.pipelines.traces.processors: Spandrel knows the Collector's `batch` processor",
        "service.pipelines.traces.exporters: Spandrel knows the Collector's `debug` exporter",
        "service.pipelines.spans: expected `traces`, `logs` or `metrics`",
    ] {
        assert!(mistakes.iter().any(|mistake| mistake.starts_with(start)), "{start}\nin {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 13, "{mistakes:#?}");
}

#[test]
fn pipelines_over_receivers_that_are_there_are_fine() {
    let config =
        read("service: { pipelines: { traces: { receivers: [otlp] }, logs/a: { receivers: [otlp] } } }");
    let pipelines = &config.service.pipelines;
    assert_eq!(pipelines[0].signal, Signal::Traces);
    assert_eq!((pipelines[1].signal, pipelines[1].name.as_str()), (Signal::Logs, "logs/a"));
    let off = only_mistake("service: { pipelines: { logs: { receivers: [stdin] } } }");
    assert!(off.contains("receivers.stdin.enabled: true"), "{off}");
}

#[test]
fn settings_of_the_collectors_otlp_receiver_are_named_as_such() {
    let mistake = only_mistake("receivers: { otlp: { protocols: { grpc: { max_recv_msg_size_mib: 4 } } } }");
    assert!(mistake.contains("limits.request_bytes_max"), "{mistake}");
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
fn the_token_is_read_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let text = format!("query: {{ endpoint: ':7317' }}\nsecurity: {{ token_file: {} }}", file.display());
    let missing = only_mistake(&text);
    assert!(missing.starts_with("security.token_file: cannot read the token from"), "{missing}");
    std::fs::write(&file, " \n").unwrap();
    assert!(only_mistake(&text).contains("the token is empty"));
    std::fs::write(&file, "two words\n").unwrap();
    let words = only_mistake(&text);
    assert!(words.contains("one word") && !words.contains("two words"), "{words}");
    std::fs::write(&file, "  open-sesame\n").unwrap();
    assert_eq!(read(&text).security.token, Some(Secret("open-sesame".to_owned())));
    let both = Config::from_yaml(&text, &["security.token=other".to_owned()], &no_env).unwrap_err();
    assert!(both.to_string().contains("not both"), "{both}");
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
fn a_component_that_is_not_here_is_named_once() {
    let text = "exporters: { kafka: {} }\nservice: { pipelines: { traces: { receivers: [otlp], exporters: [kafka] } } }";
    assert!(only_mistake(text).starts_with("exporters.kafka: "), "{}", only_mistake(text));
}

#[test]
fn secrets_are_never_shown() {
    let secret = "hunter2hunter2";
    for text in [
        format!("security: {{ token: [{secret}] }}"),
        format!("security: {{ token: \"{secret} {secret}\" }}"),
        format!("security: {{ token: {secret}, toke: {secret} }}"),
        format!("security:\n  token: {secret}\n bad indentation: ["),
    ] {
        let errors = Config::from_yaml(&text, &[], &no_env).unwrap_err();
        assert!(!errors.to_string().contains(secret), "{errors}");
    }
    assert!(!format!("{:?}", read(&format!("security: {{ token: {secret} }}"))).contains(secret));
}

#[test]
fn the_environment_is_put_in() {
    let env = |name: &str| match name {
        "POD_IP" => Some("10.0.0.7".to_owned()),
        "TOKEN" => Some("123456".to_owned()),
        "LEVEL" => Some("debug".to_owned()),
        _ => None,
    };
    let text = "
query: { endpoint: \"${env:POD_IP}:7317\" }
security: { token: \"${env:TOKEN}\" }
limits: { queries_max: \"${env:QUERIES:-3}\" }
telemetry: { logs: { level: \"${env:LEVEL}\" } }
";
    let sets = ["storage.directory=${env:DATA:-/data}".to_owned()];
    let config = Config::from_yaml(text, &sets, &env).unwrap();
    assert_eq!(config.query.endpoint.to_string(), "10.0.0.7:7317");
    assert_eq!(config.security.token, Some(Secret("123456".to_owned())));
    assert_eq!(config.limits.queries_max, 3);
    assert_eq!(config.storage.directory, Path::new("/data"));
    let errors = Config::from_yaml(text, &[], &no_env).unwrap_err();
    assert_eq!(errors.0.iter().filter(|error| error.message.contains("is not set")).count(), 3, "{errors}");
}

#[test]
fn two_listeners_on_one_port_are_a_mistake() {
    let mistake = only_mistake("query: { endpoint: 127.0.0.1:4318 }");
    assert!(mistake.contains("taken by receivers.otlp.protocols.http.endpoint"), "{mistake}");
    set(&["query.endpoint=127.0.0.1:4318", "receivers.otlp.protocols.http.enabled=false"]).unwrap();
    set(&["query.endpoint=127.0.0.1:0", "receivers.otlp.protocols.http.endpoint=127.0.0.1:0"]).unwrap();
}

#[test]
fn memory_follows_the_cgroup_only_downwards() {
    let with = |max: ByteSize, text: &str| {
        let around = Surroundings { memory_max: Some(max), ..Surroundings::bare(&no_env) };
        assemble(text, &[], &around).unwrap().limits.memory
    };
    assert_eq!(with(ByteSize::mib(99), ""), ByteSize::kib(99 * 512));
    assert_eq!(with(ByteSize::gib(8), ""), Limits::default().memory);
    assert_eq!(with(ByteSize::mib(4), ""), validate::MEMORY_MIN);
    assert_eq!(with(ByteSize::mib(100), "limits: { memory: 96MiB }"), ByteSize::mib(96));
    assert!(only_mistake("limits: { memory: 1MiB }").contains("at least 32MiB"));
    assert!(only_mistake("storage: { retention: { max_bytes: 1KiB } }").contains("at least 1MiB"));
}

#[test]
fn a_file_is_read_from_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spandrel.yaml");
    let missing = Config::load(Some(&file), &[], &no_env).unwrap_err().to_string();
    assert!(missing.contains(&file.display().to_string()), "{missing}");
    std::fs::write(&file, "shutdown: { linger: 1s }").unwrap();
    let config = Config::load(Some(&file), &["query.endpoint=localhost:7000".to_owned()], &no_env).unwrap();
    assert_eq!(config.shutdown.linger, Duration::from_secs(1));
    assert_eq!(config.query.endpoint.to_string(), "127.0.0.1:7000");
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

/// Pieces that configurations are made of, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    let keys: Vec<String> = Config::keys().iter().flat_map(|key| key.split('.')).map(str::to_owned).collect();
    prop_oneof![
        proptest::sample::select(keys),
        proptest::sample::select(vec![
            ": ",
            "\n",
            "\n  ",
            "\n    ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "\"",
            "'",
            "&a ",
            "*a",
            "<<: ",
            "# ",
            "|\n",
            "!!binary ",
            "${env:",
            "${",
            "}",
            "$$",
            ":-",
            "72h",
            "20MiB",
            "0",
            "-1",
            "1e999",
            ".nan",
            "null",
            "true",
            "127.0.0.1:4317",
            ":4317",
            "\u{feff}",
            "\r",
            "\t",
            "é",
            "𝔘",
            "\0",
            "traces",
            "kafka",
            "otlp",
            "9999999999999999999999",
            "99999999999d",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ]
}

proptest! {
    #[test]
    fn no_document_panics(pieces in proptest::collection::vec(piece(), 0..40)) {
        let _ = Config::from_yaml(&pieces.concat(), &[], &|name| Some(name.to_lowercase()));
    }

    #[test]
    fn no_text_panics(text in "(?s).{0,300}") {
        let _ = Config::from_yaml(&text, &[], &no_env);
    }

    #[test]
    fn no_set_panics(
        key in proptest::sample::select(Config::keys()),
        value in proptest::collection::vec(piece(), 0..6),
        assignment in "(?s).{0,40}",
    ) {
        let value = value.concat();
        let _ = Config::from_yaml("", &[format!("{key}={value}"), assignment], &|_| Some(value.clone()));
    }
}
