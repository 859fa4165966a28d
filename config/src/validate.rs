//! What must hold between values that are each right by themselves.

use std::net::SocketAddr;

use crate::error::{ConfigError, ConfigErrors};
use crate::{ByteSize, Config, Pipeline, endpoint};

/// Deeper nesting cannot be decoded: serde_json stops at 128 objects and arrays inside each other, of which OTLP's JSON has 12
/// around an attribute's value and 4 to a level; prost stops at 100 messages, 3 to a level.
const NESTING_MAX: usize = 28;
/// The index's arena needs 15 MB, the program as much again; what is left is for what is in flight.
pub(crate) const MEMORY_MIN: ByteSize = ByteSize::mib(32);
/// Of the folder. With less there is no room for a merge and a commit beside the records.
const FOLDER_MIN: ByteSize = ByteSize::mib(1);

impl Config {
    /// Checks what must hold between the values. A loaded configuration has passed this already; one that was
    /// put together or changed by hand has not.
    pub fn validate(&self) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        check(self, &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
    }
}

/// Adds what is wrong to the mistakes found so far, except what merely follows from one of them.
pub(crate) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    let mut found = Vec::new();
    let mut note = |path: &str, message: String| found.push(ConfigError { path: path.to_owned(), message });
    check_token(config, &mut note);
    check_addresses(config, &mut note);
    check_peers(config, &mut note);
    check_pipelines(config, &mut note);
    check_storage(config, &mut note);
    check_limits(config, &mut note);
    // A token that could not be read is not a token that was forgotten.
    let token_is_wrong = errors.iter().any(|error| error.path.starts_with("security"));
    let follows = |error: &ConfigError| {
        (token_is_wrong && error.path == "query.endpoint")
            || errors.iter().any(|known| known.path == error.path)
    };
    found.retain(|error| !follows(error));
    errors.append(&mut found);
}

type Note<'a> = &'a mut dyn FnMut(&str, String);

fn check_token(config: &Config, note: Note<'_>) {
    let endpoint = config.query.endpoint;
    let open = !endpoint.ip().to_canonical().is_loopback();
    let guarded = config.security.token.is_some() || config.security.tls.is_some();
    if open && !guarded && !config.security.insecure {
        note(
            "query.endpoint",
            format!(
                "{endpoint} is open to other machines and nothing keeps them out; set security.token_file (or \
                 security.token) to a secret, or stay on 127.0.0.1:{}, or set security.insecure: true to serve \
                 everybody",
                endpoint.port()
            ),
        );
    }
}

fn check_addresses(config: &Config, note: Note<'_>) {
    let otlp = &config.receivers.otlp;
    let used = |address: Option<SocketAddr>| address.filter(|_| otlp.enabled);
    let listeners = [
        ("receivers.otlp.protocols.grpc.endpoint", used(otlp.grpc)),
        ("receivers.otlp.protocols.http.endpoint", used(otlp.http)),
        ("query.endpoint", Some(config.query.endpoint)),
    ];
    for (index, (path, address)) in listeners.iter().enumerate() {
        let earlier = listeners[..index].iter().find(|(_, other)| clash(*address, *other));
        if let (Some(address), Some((other, _))) = (address, earlier) {
            note(path, format!("{address} is taken by {other}; give each its own port"));
        }
    }
}

fn clash(one: Option<SocketAddr>, other: Option<SocketAddr>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let same_host = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_host
}

fn check_peers(config: &Config, note: Note<'_>) {
    for (index, peer) in config.federation.peers.iter().enumerate() {
        if !endpoint::is_callable(peer) {
            let message = format!("expected a query endpoint such as payment:7317, found {peer:?}");
            note(&format!("federation.peers.{index}"), message);
        }
    }
    for (index, name) in config.federation.dns.iter().enumerate() {
        let of_a_service = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let service = name.starts_with('_') && name.bytes().all(of_a_service);
        if !service && !endpoint::is_callable(name) {
            let message = format!(
                "expected a host and a port (sidecars:7317) or a service (_spandrel._tcp.example.org), found {name:?}"
            );
            note(&format!("federation.dns.{index}"), message);
        }
    }
}

fn check_pipelines(config: &Config, note: Note<'_>) {
    let off = |name: &str| match name {
        "otlp" => !config.receivers.otlp.enabled,
        "stdin" => !config.receivers.stdin.enabled,
        "tcplog" => !config.receivers.tcplog.enabled,
        "unixlog" => !config.receivers.unixlog.enabled,
        "fluentforward" => !config.receivers.fluentforward.enabled,
        "syslog" => !config.receivers.syslog.enabled,
        "filelog" => !config.receivers.filelog.is_on(),
        _ => false,
    };
    for Pipeline { name, receivers, .. } in &config.service.pipelines {
        for receiver in receivers.iter().filter(|receiver| off(receiver)) {
            let message = format!("the receiver `{receiver}` is off; set receivers.{receiver}.enabled: true");
            note(&format!("service.pipelines.{name}.receivers"), message);
        }
    }
}

/// Without a store there is nowhere to put what a receiver takes in.
fn check_storage(config: &Config, note: Note<'_>) {
    let receivers = &config.receivers;
    let otlp = &receivers.otlp;
    let receives = (otlp.enabled && (otlp.grpc.is_some() || otlp.http.is_some()))
        || receivers.stdin.enabled
        || receivers.fluentforward.enabled
        || receivers.syslog.enabled
        || receivers.tcplog.enabled
        || receivers.unixlog.enabled
        || receivers.filelog.is_on();
    if !config.storage.enabled && receives {
        let message =
            "a gateway keeps nothing, so that its receivers must be off: receivers.otlp.enabled: false";
        note("storage.enabled", message.to_owned());
    }
    if let Some(bytes) = config.storage.retention.max_bytes.filter(|bytes| *bytes < FOLDER_MIN) {
        note("storage.retention.max_bytes", format!("expected at least {FOLDER_MIN}, found {bytes}"));
    }
}

fn check_limits(config: &Config, note: Note<'_>) {
    let nesting = config.limits.nesting_max;
    if nesting > NESTING_MAX {
        note("limits.nesting_max", format!("expected at most {NESTING_MAX}, found {nesting}"));
    }
    let memory = config.limits.memory;
    if memory < MEMORY_MIN {
        note("limits.memory", format!("expected at least {MEMORY_MIN}, found {memory}"));
    }
}

#[cfg(test)]
mod tests;
