//! Components and pipelines of the Collector's that are here, and those that are not.

use super::*;

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
fn a_component_that_is_not_here_is_named_once() {
    let text = "exporters: { kafka: {} }\nservice: { pipelines: { traces: { receivers: [otlp], exporters: [kafka] } } }";
    assert!(only_mistake(text).starts_with("exporters.kafka: "), "{}", only_mistake(text));
}
