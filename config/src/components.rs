//! The OpenTelemetry Collector's components that Spandrel knows of, so that somebody who brings a Collector's
//! configuration is told "not here" rather than "unknown key".
//!
//! The names are those of the Collector's core and contrib distributions. A component may carry a name of its
//! own after a slash (`otlp/internal`), which does not change what it is.

use crate::section::Section;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Receiver,
    Processor,
    Exporter,
}

impl Kind {
    /// The section that defines components of this kind, and the key of a pipeline that lists them.
    pub(crate) fn section(self) -> &'static str {
        match self {
            Kind::Receiver => "receivers",
            Kind::Processor => "processors",
            Kind::Exporter => "exporters",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Kind::Receiver => "receiver",
            Kind::Processor => "processor",
            Kind::Exporter => "exporter",
        }
    }

    fn present(self) -> &'static [&'static str] {
        match self {
            Kind::Receiver => &["otlp", "stdin", "tcplog", "unixlog", "fluentforward", "syslog", "filelog"],
            Kind::Processor | Kind::Exporter => &[],
        }
    }

    fn of_the_collector(self) -> &'static [&'static str] {
        match self {
            Kind::Receiver => RECEIVERS,
            Kind::Processor => PROCESSORS,
            Kind::Exporter => EXPORTERS,
        }
    }

    /// Whether Spandrel has this component, by exactly this name.
    pub(crate) fn has(self, name: &str) -> bool {
        self.present().contains(&name)
    }

    fn knows(self, name: &str) -> bool {
        let component = component_of(name);
        self.present().contains(&component) || self.of_the_collector().contains(&component)
    }

    /// Why a component that [`Kind::has`] denies is not to be had.
    pub(crate) fn refusal(self, name: &str) -> String {
        let (component, noun) = (component_of(name), self.noun());
        if self.present().contains(&component) {
            return format!("Spandrel has one `{component}` {noun} and takes no second one (`{name}`)");
        }
        if !self.of_the_collector().contains(&component) {
            return format!("unknown {noun} `{name}`; {}", self.choice());
        }
        let instead = INSTEAD.iter().find(|(kind, known, _)| *kind == self && *known == component);
        let refusal = format!("Spandrel knows the Collector's `{component}` {noun} but does not have it");
        match instead {
            Some((_, _, advice)) => format!("{refusal}; {advice}"),
            None => refusal,
        }
    }

    fn choice(self) -> String {
        match self.present() {
            [] => format!("Spandrel has no {}s yet", self.noun()),
            present => format!("expected one of: {}", present.join(", ")),
        }
    }
}

fn component_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// Refuses, by name, the components of a section that Spandrel knows of; the rest are unknown keys.
pub(crate) fn refuse_others(section: &mut Section<'_, '_>, kind: Kind) {
    for name in section.unread().into_iter().filter(|name| kind.knows(name)) {
        section.refuse(&name, kind.refusal(&name));
    }
}

/// Refuses what the Collector's OTLP receiver can be told and Spandrel's cannot.
pub(crate) fn refuse_protocol_settings(section: &mut Section<'_, '_>) {
    refuse_settings(section, PROTOCOL_SETTINGS);
}

/// Refuses what the Collector's filelog receiver can be told and Spandrel's cannot.
pub(crate) fn refuse_filelog_settings(section: &mut Section<'_, '_>) {
    refuse_settings(section, FILELOG_SETTINGS);
}

/// Refuses what the Collector's syslog receiver can be told and Spandrel's cannot.
pub(crate) fn refuse_syslog_settings(section: &mut Section<'_, '_>) {
    const ITSELF: &str =
        "leave it out: each stream and each message is read as what it is, RFC 5424 or RFC 3164";
    let settings = ["protocol", "enable_octet_counting", "non_transparent_framing_trailer"];
    refuse_settings(section, &settings.map(|setting| (setting, ITSELF)));
    refuse_settings(section, &[("location", "the zone of times that do not say theirs is `logs.timezone`")]);
}

/// Refuses what stands beside `service.pipelines` in a Collector's configuration.
pub(crate) fn refuse_service_settings(section: &mut Section<'_, '_>) {
    refuse_settings(
        section,
        &[
            ("extensions", "Spandrel has no extensions; health is at /healthz and /readyz of the query port"),
            ("telemetry", "Spandrel's own logs and traces are set under `telemetry` at the top"),
        ],
    );
}

/// Refuses the Collector's sections at the top of the document that Spandrel does not have.
pub(crate) fn refuse_sections(section: &mut Section<'_, '_>) {
    refuse_settings(
        section,
        &[
            ("extensions", "Spandrel has no extensions; health is at /healthz and /readyz of the query port"),
            ("connectors", "Spandrel has no connectors; who calls whom is answered by /api/v1/graph"),
        ],
    );
}

fn refuse_settings(section: &mut Section<'_, '_>, settings: &[(&str, &str)]) {
    for name in section.unread() {
        if let Some((_, advice)) = settings.iter().find(|(known, _)| *known == name) {
            section.refuse(
                &name,
                format!("Spandrel knows the Collector's `{name}` but does not have it; {advice}"),
            );
        }
    }
}

const PROTOCOL_SETTINGS: &[(&str, &str)] = &[
    ("auth", "receivers listen on loopback, next to their service"),
    ("cors", "receivers listen on loopback, next to their service"),
    ("compression_algorithms", "gzip and zstd are always taken, deflate over HTTP too"),
    ("include_metadata", "headers are not kept"),
    ("keepalive", "it is fixed"),
    ("logs_url_path", "it is fixed to /v1/logs"),
    ("max_concurrent_streams", "see limits.connections_max"),
    ("max_recv_msg_size_mib", "see limits.request_bytes_max"),
    ("max_request_body_size", "see limits.request_bytes_max"),
    ("metrics_url_path", "it is fixed to /v1/metrics"),
    ("read_buffer_size", "it is fixed"),
    ("read_timeout", "see limits.request_timeout"),
    ("tls", "receivers listen on loopback, next to their service"),
    ("traces_url_path", "it is fixed to /v1/traces"),
    ("transport", "it is always tcp"),
    ("write_buffer_size", "it is fixed"),
];

const FILELOG_SETTINGS: &[(&str, &str)] = &[
    ("acquire_fs_lock", "files are read without a lock"),
    ("compression", "compressed files are skipped: they were read before they were compressed"),
    ("delete_after_read", "files are never deleted"),
    ("encoding", "lines are read as UTF-8; the original bytes stay"),
    ("fingerprint_size", "it is fixed to 1kB"),
    ("header", "lines are understood one by one"),
    ("max_concurrent_files", "see limits.files_open_max"),
    ("max_log_size", "see limits.line_bytes_max"),
    ("multiline", "lines that belong together are found without it: see limits.record_lines_max"),
    ("operators", "lines are understood without them: see logs.fields and logs.patterns"),
    ("ordering_criteria", "all files are followed at once"),
    ("retry_on_failure", "it always waits and tries again"),
    ("storage", "how far files are read is kept with the records in storage.directory"),
];

/// What to do instead of the components that people miss most.
const INSTEAD: &[(Kind, &str, &str)] = &[
    (
        Kind::Receiver,
        "loki",
        "Loki's pushes are taken without one, on the port of receivers.otlp.protocols.http: \
         http://127.0.0.1:4318/loki/api/v1/push",
    ),
    (Kind::Processor, "batch", "Spandrel batches by itself: leave it out"),
    (Kind::Processor, "memory_limiter", "see limits.memory"),
    (Kind::Exporter, "debug", "use `spandrel tail`"),
    (Kind::Exporter, "logging", "use `spandrel tail`"),
    (Kind::Processor, "tail_sampling", "Spandrel keeps every trace: see storage.retention"),
    (Kind::Processor, "probabilistic_sampler", "Spandrel keeps every trace: see storage.retention"),
];

const RECEIVERS: &[&str] = &[
    "activedirectoryds",
    "aerospike",
    "apache",
    "apachespark",
    "awscloudwatch",
    "awscontainerinsightreceiver",
    "awsecscontainermetrics",
    "awsfirehose",
    "awss3",
    "awsxray",
    "azureblob",
    "azureeventhub",
    "azuremonitor",
    "bigip",
    "carbon",
    "chrony",
    "cloudflare",
    "cloudfoundry",
    "collectd",
    "couchdb",
    "datadog",
    "docker_stats",
    "elasticsearch",
    "envoyals",
    "expvar",
    "faro",
    "file_stats",
    "filestats",
    "flinkmetrics",
    "fluentforward",
    "github",
    "googlecloudmonitoring",
    "googlecloudpubsub",
    "googlecloudspanner",
    "haproxy",
    "hostmetrics",
    "httpcheck",
    "iis",
    "influxdb",
    "jaeger",
    "jmx",
    "journald",
    "k8s_cluster",
    "k8s_events",
    "k8sobjects",
    "kafka",
    "kafkametrics",
    "kubeletstats",
    "libhoney",
    "loki",
    "memcached",
    "mongodb",
    "mongodbatlas",
    "mysql",
    "namedpipe",
    "netflow",
    "nginx",
    "nop",
    "nsxt",
    "ntp",
    "opencensus",
    "oracledb",
    "osquery",
    "otelarrow",
    "otlpjsonfile",
    "podman_stats",
    "postgresql",
    "prometheus",
    "prometheus_simple",
    "prometheusremotewrite",
    "pulsar",
    "purefa",
    "purefb",
    "rabbitmq",
    "receiver_creator",
    "redis",
    "riak",
    "saphana",
    "sapm",
    "signalfx",
    "simpleprometheus",
    "skywalking",
    "snmp",
    "snowflake",
    "solace",
    "splunk_hec",
    "splunkenterprise",
    "sqlquery",
    "sqlserver",
    "sshcheck",
    "statsd",
    "syslog",
    "systemd",
    "tcpcheck",
    "tcplog",
    "tlscheck",
    "udplog",
    "vcenter",
    "vcr",
    "wavefront",
    "webhookevent",
    "windowseventlog",
    "windowsperfcounters",
    "windowsservice",
    "yanggrpc",
    "zipkin",
    "zookeeper",
];

const PROCESSORS: &[&str] = &[
    "attributes",
    "batch",
    "coralogix",
    "cumulativetodelta",
    "deltatocumulative",
    "deltatorate",
    "dnslookup",
    "experimental_metricsgeneration",
    "filter",
    "geoip",
    "groupbyattrs",
    "groupbytrace",
    "interval",
    "isolationforest",
    "k8sattributes",
    "logdedup",
    "logstransform",
    "memory_limiter",
    "metricstarttime",
    "metricsgeneration",
    "metricstransform",
    "probabilistic_sampler",
    "redaction",
    "remotetap",
    "resource",
    "resourcedetection",
    "routing",
    "schema",
    "span",
    "spanmetrics",
    "spanpruning",
    "sumologic",
    "tail_sampling",
    "transform",
    "unroll",
];

const EXPORTERS: &[&str] = &[
    "alertmanager",
    "alibabacloud_logservice",
    "awscloudwatchlogs",
    "awsemf",
    "awskinesis",
    "awss3",
    "awsxray",
    "azureblob",
    "azuredataexplorer",
    "azuremonitor",
    "bmchelix",
    "carbon",
    "cassandra",
    "clickhouse",
    "coralogix",
    "datadog",
    "dataset",
    "debug",
    "doris",
    "elasticsearch",
    "faro",
    "file",
    "googlecloud",
    "googlecloudpubsub",
    "googlecloudstorage",
    "googlemanagedprometheus",
    "honeycombmarker",
    "influxdb",
    "instana",
    "jaeger",
    "jaeger_thrift",
    "kafka",
    "kineticaexporter",
    "loadbalancing",
    "logging",
    "logicmonitor",
    "logzio",
    "loki",
    "mezmo",
    "nop",
    "opencensus",
    "opensearch",
    "otelarrow",
    "otlp",
    "otlp_grpc",
    "otlp_http",
    "otlphttp",
    "parquet",
    "prometheus",
    "prometheusremotewrite",
    "pulsar",
    "rabbitmq",
    "sapm",
    "sematext",
    "sentry",
    "signalfx",
    "splunk_hec",
    "stef",
    "sumologic",
    "syslog",
    "tencentcloud_logservice",
    "tinybird",
    "wavefront",
    "zipkin",
];
