//! What users add to the understanding of lines, `logs.*`, with lines that nobody would write, and as nobody would write it.

use std::sync::LazyLock;

use spandrel_config::Config;
use spandrel_store::UnixNanos;

use crate::json_log::{LineReader, Rules};
use crate::normalise::{Cuts, RecordLimits};

/// A pattern, a format of times and a name of a field, and the line to read with them.
const PART_BYTES_MAX: usize = 256;
const PARTS: usize = 4;

/// Patterns and formats as users write them, of every part that grok has.
const PATTERNS: [&str; 8] = [
    r"^(?<time>\S+ \S+) \[(?<level>\w+)/(?<module>\w+)\] (?<message>.*)$",
    "%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} %{JAVACLASS:logger} %{GREEDYDATA:message}",
    "%{IPORHOST:client.address}:%{POSINT:client.port} %{WORD:method} %{URIPATHPARAM:url.path} %{NUMBER:took_ms}",
    r"\[%{HTTPDATE:time}\] %{QS:request} %{INT:status} %{NONNEGINT:bytes} %{QUOTEDSTRING:agent}",
    "%{SYSLOGTIMESTAMP:time} %{HOSTPORT:host}%{SPACE}%{USER:user} %{DATA:x}: %{UUID:trace_id} %{BASE16NUM:span_id}",
    "%{TIME:clock} %{IPV4:a} %{IP:b} %{HOSTNAME:c} %{USERNAME:d} %{NOTSPACE:message}",
    r"^(?<time>.+?[AP]M) (?<message>.*)$",
    "(?<time>.*) [+]%{INT:zone}|%{URIPATH:url.path}|%{PATH:file}",
];
const FORMATS: [&str; 8] = [
    "%d.%m.%y %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%d/%m/%Y %I:%M:%S%.f %p",
    "%A, %B %d %Y %H:%M:%S %z",
    "%b %e %H:%M:%S",
    "%Y-%j %T %:z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%d/%b/%Y %H.%M",
];

/// Lines under the overrides above.
pub(super) fn configured(input: &[u8]) {
    static RULES: LazyLock<Rules> = LazyLock::new(|| {
        let formats: Vec<&str> =
            FORMATS.into_iter().filter(|format| accepted("x", format, "x").is_some()).collect();
        let logs = serde_json::json!({"logs": {
            "timezone": "America/New_York",
            "patterns": PATTERNS,
            "time_formats": formats,
            "fields": {"trace_id": ["x"], "time": ["clock"], "level": ["status"], "message": ["agent"]},
        }});
        let config = Config::from_yaml(&logs.to_string(), &[], &|_| None).expect("these are right");
        Rules::of(&config.logs).explaining()
    });
    understand(input, &RULES);
}

/// Any pattern, format and name, where the configuration takes it: it does not panic, and neither does a line that is
/// then read.
pub(super) fn any(input: &[u8]) {
    let mut parts = input.splitn(PARTS, |byte| *byte == 0);
    let mut next = || parts.next();
    let (Some(pattern), Some(format), Some(name), Some(line)) = (next(), next(), next(), next()) else {
        return;
    };
    if [pattern, format, name].iter().any(|part| part.len() > PART_BYTES_MAX) {
        return;
    }
    let text = |part| String::from_utf8_lossy(part).into_owned();
    if let Some(config) = accepted(&text(pattern), &text(format), &text(name)) {
        understand(line, &Rules::of(&config.logs));
    }
}

/// The configuration with as much as it takes of a pattern, a format and a name.
fn accepted(pattern: &str, format: &str, name: &str) -> Option<Config> {
    let with = |key: &str, value: &str| {
        // Where something is taken from the environment there is nothing.
        let logs = serde_json::json!({"logs": {key: [value]}});
        Config::from_yaml(&logs.to_string(), &[], &|_| None).ok()
    };
    let fields = serde_json::json!({"logs": {"fields": {"time": [name], "message": [name]}}});
    let fields = Config::from_yaml(&fields.to_string(), &[], &|_| None).ok();
    let (patterns, formats) = (with("patterns", pattern), with("time_formats", format)?);
    let mut config = formats;
    config.logs.patterns = patterns.map(|config| config.logs.patterns).unwrap_or_default();
    config.logs.fields = fields.map(|config| config.logs.fields).unwrap_or_default();
    Some(config)
}

fn understand(line: &[u8], rules: &Rules) {
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    let mut reader = LineReader { limits: &limits, rules, cuts: &mut Cuts::default() };
    let log = reader.understand(line, UnixNanos(1_700_000_000_000_000_000)).log;
    assert!(log.body.is_some());
    assert!(log.attributes.len() <= limits.attributes_max);
}

/// Lines that the patterns fit, and overrides with lines that they fit.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let lines: [&str; 9] = [
        "14.11.23 22:13:20 [warn/cart] stock is low",
        "2023-11-14T22:13:20.5Z WARN shop.Pay charge failed",
        "10.0.0.1:443 GET /orders?x=1 12.5",
        r#"[14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 12 "curl\"/8""#,
        "Nov 14 22:13:20 cart:80 ada failed: 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 00f067aa0ba902b7",
        "22:13:20,5 10.0.0.1 ::1 cart ada x",
        "14/11/2023 10:13:20.5 PM x",
        "Tuesday, November 14 2023 22:13:20 +0100 x",
        r#"{"clock":"20231114221320","x":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","status":"failed"}"#,
    ];
    let mut seeds: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    for (number, pattern) in PATTERNS.iter().enumerate() {
        let parts = [pattern, FORMATS[number], "clock", lines[number]];
        seeds.push(parts.join("\0").into_bytes());
    }
    seeds
}

#[test]
fn what_users_write_is_taken_and_fits_its_lines() {
    let received = UnixNanos(1_700_000_000_000_000_000);
    let limits = RecordLimits::of(&spandrel_config::Limits::default());
    for seed in seeds().iter().filter(|seed| seed.contains(&0)) {
        let parts: Vec<&str> = std::str::from_utf8(seed).unwrap().split('\0').collect();
        let config = accepted(parts[0], parts[1], parts[2]).unwrap_or_else(|| panic!("{parts:?}"));
        assert_eq!(config.logs.patterns.len(), 1, "{parts:?}");
        let mut reader =
            LineReader { limits: &limits, rules: &Rules::of(&config.logs), cuts: &mut Cuts::default() };
        assert_eq!(
            reader.understand(parts[3].as_bytes(), received).form,
            "a pattern of logs.patterns",
            "{parts:?}"
        );
    }
}
