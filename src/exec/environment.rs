//! What the child is told of where it runs, and what its lines say of where they come from.
//!
//! Nothing that the environment says already is changed.

use std::ffi::OsStr;
use std::path::Path;

use spandrel_collector::OutputOrigin;

use crate::assembly::Addresses;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const SERVICE: &str = "OTEL_SERVICE_NAME";
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

pub(super) struct Surroundings {
    /// What the child's environment lacks.
    pub(super) added: Vec<(&'static str, String)>,
    resource: Vec<(String, String)>,
}

impl Surroundings {
    pub(super) fn of(program: &OsStr, service: Option<&str>, addresses: Addresses) -> Surroundings {
        Surroundings::read(program, service, addresses, &spandrel_config::environment)
    }

    fn read(
        program: &OsStr,
        service: Option<&str>,
        addresses: Addresses,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Surroundings {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut added = Vec::new();
        let mut resource = attributes(&set(RESOURCE).unwrap_or_default());
        let named = resource.iter().find(|(key, _)| key == "service.name").map(|(_, name)| name.clone());
        let name = service
            .map(str::to_owned)
            .or_else(|| set(SERVICE))
            .or(named.clone())
            .unwrap_or_else(|| file_name(program));
        if service.is_some() || set(SERVICE).is_none() && named.is_none() {
            added.push((SERVICE, name.clone()));
        }
        resource.retain(|(key, _)| key != "service.name");
        resource.insert(0, ("service.name".to_owned(), name));
        if set(RESOURCE).is_none() {
            let instance = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
            added.push((RESOURCE, format!("service.instance.id={instance}")));
            resource.push(("service.instance.id".to_owned(), instance));
        }
        if set(ENDPOINT).is_none() {
            let protocol = set(PROTOCOL);
            let is_grpc = protocol.as_deref() == Some("grpc");
            let address = if is_grpc { addresses.grpc } else { addresses.http };
            if let Some(address) = address {
                added.push((ENDPOINT, format!("http://{address}")));
                // SDKs differ in what they take without being told.
                added.extend(protocol.is_none().then(|| (PROTOCOL, "http/protobuf".to_owned())));
            }
        }
        Surroundings { added, resource }
    }

    pub(super) fn origin(&self, stream: &'static str) -> OutputOrigin {
        OutputOrigin { resource: self.resource.clone(), stream }
    }
}

fn file_name(program: &OsStr) -> String {
    let name = Path::new(program).file_name().unwrap_or(program);
    name.to_string_lossy().into_owned()
}

/// `service.name=payment,k8s.pod.name=x`, values percent-encoded.
fn attributes(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
        Some((key.trim().to_owned(), value))
    };
    text.split(',').filter_map(pair).filter(|(key, _)| !key.is_empty()).collect()
}

#[cfg(test)]
mod tests;
