//! `receivers`: the ways in.

use std::net::SocketAddr;

use crate::components::{self, Kind};
use crate::section::Section;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Receivers {
    pub otlp: OtlpReceiver,
    pub stdin: StdinReceiver,
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
    let mut enabled = address.is_some();
    section.set("enabled", &mut enabled);
    if let Some(mut endpoint) = *address {
        section.set("endpoint", &mut endpoint);
        *address = enabled.then_some(endpoint);
    }
    components::refuse_protocol_settings(section);
}
