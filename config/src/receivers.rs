//! `receivers`: the ways in.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::components::{self, Kind};
use crate::filelog::FileLogReceiver;
use crate::section::Section;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receivers {
    pub otlp: OtlpReceiver,
    pub stdin: StdinReceiver,
    pub tcplog: TcpLogReceiver,
    pub unixlog: UnixLogReceiver,
    pub fluentforward: FluentForwardReceiver,
    pub syslog: SyslogReceiver,
    pub filelog: FileLogReceiver,
}

/// `receivers.otlp`: gRPC and HTTP. The JSON-log input shares the HTTP port.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpReceiver {
    pub enabled: bool,
    /// `None` where `enabled: false` stands under the protocol.
    pub grpc: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
}

/// `receivers.stdin`: JSON or text lines on standard input, off until enabled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StdinReceiver {
    pub enabled: bool,
    /// Resource attributes of the lines, `service.name` first of all.
    pub resource: Vec<(String, String)>,
}

/// `receivers.tcplog`: lines over TCP, off until enabled.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpLogReceiver {
    pub enabled: bool,
    pub listen_address: SocketAddr,
    /// Resource attributes of the lines.
    pub resource: Vec<(String, String)>,
}

/// `receivers.unixlog`: lines over a Unix socket, off until enabled.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnixLogReceiver {
    pub enabled: bool,
    pub path: Option<PathBuf>,
    /// Resource attributes of the lines.
    pub resource: Vec<(String, String)>,
}

/// `receivers.fluentforward`: Fluentd's forward protocol, off until enabled.
#[derive(Debug, Clone, PartialEq)]
pub struct FluentForwardReceiver {
    pub enabled: bool,
    pub endpoint: SocketAddr,
    /// Resource attributes of the records.
    pub resource: Vec<(String, String)>,
}

/// `receivers.syslog`: RFC 5424 and RFC 3164 over TCP and UDP, off until enabled.
#[derive(Debug, Clone, PartialEq)]
pub struct SyslogReceiver {
    pub enabled: bool,
    /// `None` where `enabled: false` stands under it.
    pub tcp: Option<SocketAddr>,
    pub udp: Option<SocketAddr>,
    /// Resource attributes of the records; they go before what messages say.
    pub resource: Vec<(String, String)>,
}

impl Default for SyslogReceiver {
    fn default() -> Self {
        // Fluentd's. Above 32767 Linux gives ports to outgoing connections, and one would be taken now and then.
        let address = SocketAddr::from(([127, 0, 0, 1], 5140));
        SyslogReceiver { enabled: false, tcp: Some(address), udp: Some(address), resource: Vec::new() }
    }
}

impl Default for FluentForwardReceiver {
    fn default() -> Self {
        let endpoint = SocketAddr::from(([127, 0, 0, 1], 24224));
        FluentForwardReceiver { enabled: false, endpoint, resource: Vec::new() }
    }
}

impl Default for TcpLogReceiver {
    fn default() -> Self {
        // Fluent Bit's.
        let listen_address = SocketAddr::from(([127, 0, 0, 1], 5170));
        TcpLogReceiver { enabled: false, listen_address, resource: Vec::new() }
    }
}

impl Default for OtlpReceiver {
    fn default() -> Self {
        OtlpReceiver {
            enabled: true,
            grpc: Some(SocketAddr::from(([127, 0, 0, 1], 4317))),
            http: Some(SocketAddr::from(([127, 0, 0, 1], 4318))),
        }
    }
}

impl Receivers {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.section("otlp", |section| self.otlp.read(section));
        section.section("stdin", |section| {
            section.set("enabled", &mut self.stdin.enabled);
            section.texts("resource", &mut self.stdin.resource);
        });
        section.section("tcplog", |section| {
            section.set("enabled", &mut self.tcplog.enabled);
            section.set("listen_address", &mut self.tcplog.listen_address);
            section.texts("resource", &mut self.tcplog.resource);
        });
        section.section("unixlog", |section| {
            section.set("enabled", &mut self.unixlog.enabled);
            section.set("path", &mut self.unixlog.path);
            section.texts("resource", &mut self.unixlog.resource);
            if self.unixlog.enabled && self.unixlog.path.is_none() {
                section.fail("path", "a Unix socket needs a path, such as /run/spandrel/lines.sock");
            }
        });
        section.section("fluentforward", |section| {
            section.set("enabled", &mut self.fluentforward.enabled);
            section.set("endpoint", &mut self.fluentforward.endpoint);
            section.texts("resource", &mut self.fluentforward.resource);
        });
        section.section("syslog", |section| {
            section.set("enabled", &mut self.syslog.enabled);
            section.section("tcp", |section| read_address(section, "listen_address", &mut self.syslog.tcp));
            section.section("udp", |section| read_address(section, "listen_address", &mut self.syslog.udp));
            section.texts("resource", &mut self.syslog.resource);
            components::refuse_syslog_settings(section);
        });
        section.section("filelog", |section| self.filelog.read(section));
        components::refuse_others(section, Kind::Receiver);
    }
}

impl OtlpReceiver {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("enabled", &mut self.enabled);
        section.section("protocols", |section| {
            section.section("grpc", |section| read_protocol(section, &mut self.grpc));
            section.section("http", |section| read_protocol(section, &mut self.http));
        });
    }
}

fn read_protocol(section: &mut Section<'_, '_>, address: &mut Option<SocketAddr>) {
    read_address(section, "endpoint", address);
    components::refuse_protocol_settings(section);
}

/// `enabled` and the address, which stands under a name of its own.
fn read_address(section: &mut Section<'_, '_>, name: &str, address: &mut Option<SocketAddr>) {
    let mut enabled = address.is_some();
    section.set("enabled", &mut enabled);
    if let Some(mut endpoint) = *address {
        section.set(name, &mut endpoint);
        *address = enabled.then_some(endpoint);
    }
}
