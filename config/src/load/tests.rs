//! Reading a configuration: what every test of it uses, what is merged over what, and that any text is read.

mod components;
mod mistakes;

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
