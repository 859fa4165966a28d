//! What is right by itself, and wrong beside other values.

use super::*;

fn mistakes(yaml: &str) -> Vec<String> {
    match Config::from_yaml(yaml, &[], &|_: &str| None) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.0.iter().map(|error| error.path.clone()).collect(),
    }
}

#[test]
fn a_gateway_with_a_receiver_that_is_on_is_refused_whichever_it_is() {
    let gateway = "storage: { enabled: false }\nreceivers:\n  otlp: { enabled: false }\n";
    assert_eq!(mistakes(gateway), [] as [&str; 0]);
    for receiver in [
        "stdin: { enabled: true }",
        "tcplog: { enabled: true }",
        "unixlog: { enabled: true, path: /tmp/log.sock }",
        "fluentforward: { enabled: true }",
        "syslog: { enabled: true }",
        "filelog: { include: [/var/log/a.log] }",
    ] {
        assert_eq!(mistakes(&format!("{gateway}  {receiver}\n")), ["storage.enabled"], "{receiver}");
    }
    assert_eq!(mistakes("storage: { enabled: false }\n"), ["storage.enabled"]);
}

#[test]
fn no_deeper_values_are_promised_than_can_be_decoded() {
    assert_eq!(mistakes(&format!("limits: {{ nesting_max: {NESTING_MAX} }}")), [] as [&str; 0]);
    assert_eq!(mistakes(&format!("limits: {{ nesting_max: {} }}", NESTING_MAX + 1)), ["limits.nesting_max"]);
}
