use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::Surroundings;
use crate::assembly::Addresses;

fn read(
    service: Option<&str>,
    variables: &[(&str, &str)],
) -> (BTreeMap<&'static str, String>, Vec<(String, String)>) {
    let addresses = Addresses {
        grpc: "127.0.0.1:1".parse().ok(),
        http: "127.0.0.1:2".parse().ok(),
        query: "127.0.0.1:3".parse().unwrap(),
        tcplog: None,
        fluentforward: None,
        syslog_tcp: None,
        syslog_udp: None,
    };
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let around = Surroundings::read(OsStr::new("/usr/bin/payment"), service, addresses, &variable);
    (around.added.into_iter().collect(), around.resource)
}

#[test]
fn a_bare_environment_is_told_everything() {
    let (added, resource) = read(None, &[]);
    assert_eq!(added["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://127.0.0.1:2");
    assert_eq!(added["OTEL_EXPORTER_OTLP_PROTOCOL"], "http/protobuf");
    assert_eq!(added["OTEL_SERVICE_NAME"], "payment");
    assert_eq!(resource[0], ("service.name".to_owned(), "payment".to_owned()));
    assert_eq!(added["OTEL_RESOURCE_ATTRIBUTES"], format!("service.instance.id={}", resource[1].1));
}

#[test]
fn what_is_set_stays_and_the_lines_say_the_same() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=cart, k8s.pod.name=cart%2D1"),
    ];
    let (added, resource) = read(None, &variables);
    assert!(added.is_empty(), "{added:?}");
    let expected = [("service.name", "cart"), ("k8s.pod.name", "cart-1")];
    assert_eq!(resource, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let (added, _) =
        read(Some("named"), &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_SERVICE_NAME", "other")]);
    assert_eq!(added["OTEL_EXPORTER_OTLP_ENDPOINT"], "http://127.0.0.1:1");
    assert!(!added.contains_key("OTEL_EXPORTER_OTLP_PROTOCOL"));
    assert_eq!(added["OTEL_SERVICE_NAME"], "named");
}
