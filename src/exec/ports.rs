//! Ports of a sidecar that runs beside its service: where a default one is taken, any other.
//!
//! Two services on one machine, each started through a sidecar of its own, would both listen at 4317, 4318 and 7317. The
//! service is told where its sidecar is, so another port does as well. An address that differs from the default was chosen
//! by somebody, and is listened at or not at all. Who takes a port between the look and the start is met as before: the
//! start fails and says so.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use spandrel_config::Config;

use crate::assembly::Addresses;

/// A default address that somebody else listens at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    what: What,
    address: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    OtlpGrpc,
    OtlpHttp,
    Query,
}

/// Gives up the default addresses that are taken.
pub(super) fn leave_taken(config: &mut Config) -> Vec<Taken> {
    let default = Config::default();
    let mut taken = Vec::new();
    if let (Some(address), Some(default)) = (&mut config.receivers.otlp.grpc, default.receivers.otlp.grpc) {
        taken.extend(leave(What::OtlpGrpc, address, default));
    }
    if let (Some(address), Some(default)) = (&mut config.receivers.otlp.http, default.receivers.otlp.http) {
        taken.extend(leave(What::OtlpHttp, address, default));
    }
    taken.extend(leave(What::Query, &mut config.query.endpoint, default.query.endpoint));
    taken
}

fn leave(what: What, address: &mut SocketAddr, default: SocketAddr) -> Option<Taken> {
    let is_taken = || TcpListener::bind(default).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    if *address != default || !is_taken() {
        return None;
    }
    address.set_port(0);
    Some(Taken { what, address: default })
}

impl Taken {
    /// Says where the sidecar listens instead.
    pub(super) fn tell(self, addresses: Addresses) {
        let (what, instead) = match self.what {
            What::OtlpGrpc => ("OTLP over gRPC", addresses.grpc),
            What::OtlpHttp => ("OTLP over HTTP", addresses.http),
            What::Query => ("the query port", Some(addresses.query)),
        };
        if let Some(instead) = instead {
            tracing::warn!(taken = %self.address, %instead, "{what} is at another port: the default one is taken");
        }
    }
}

#[cfg(test)]
mod tests;
