//! The guide's page on configuration against the schema: every key, with the default that it has.

#![allow(clippy::unwrap_used, reason = "clippy takes only functions marked #[test] for tests")]

use std::collections::BTreeMap;

use serde_json::Value;
use spandrel_config::Config;

const PAGE: &str = include_str!("../../docs/guide/configuration.md");
const SHIPPED: &str = include_str!("../spandrel.yaml");

/// The page's rows for keys: ``| `key` | default | why |``.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let cells = |line: &'static str| line.strip_prefix("| `")?.split_once("` | ");
    let rows = PAGE.lines().filter_map(cells).filter(|(key, _)| key.contains('.'));
    rows.map(|(key, rest)| (key, rest.split(" | ").next().unwrap())).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[test]
fn the_guide_has_every_key_with_its_default() {
    let shipped: Value = serde_saphyr::from_str(SHIPPED).unwrap();
    let rows = rows();
    for key in Config::keys() {
        let default = key.split('.').fold(&shipped, |value, name| &value[name]);
        let row = rows.get(key.as_str()).copied();
        assert_eq!(row, Some(shown(default).as_str()), "docs/guide/configuration.md on {key}");
    }
}

#[test]
fn the_guide_has_no_key_that_is_not_there() {
    let keys = Config::keys();
    for key in rows().keys() {
        assert!(keys.iter().any(|known| known == key), "docs/guide/configuration.md has {key}");
    }
}

#[test]
fn the_guides_mistakes_are_what_is_said() {
    let text = "
receivers: { otlp: { protocols: { grpc: { endpont: a } } } }
storage: { retention: { max_age: 72 } }
processors: { tail_sampling: {} }
";
    let errors = Config::from_yaml(text, &[], &|_| None).unwrap_err();
    assert!(PAGE.contains(&errors.to_string()), "docs/guide/configuration.md lacks:\n{errors}");
}
