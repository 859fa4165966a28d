//! What a configuration may take from outside its text: the environment, names of hosts, the cgroup's memory.
//!
//! Everything comes in through [`Surroundings`], so that a test can say what there is, and reading a text alone
//! asks nothing of the machine.

use std::net::{IpAddr, ToSocketAddrs};

use crate::ByteSize;
use crate::cgroup;

pub(crate) struct Surroundings<'a> {
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    /// The address of a host's name; `None` where it has none.
    pub(crate) resolve: fn(&str) -> Option<IpAddr>,
    /// The memory that the cgroup allows.
    pub(crate) memory_max: Option<ByteSize>,
}

impl<'a> Surroundings<'a> {
    /// This machine, with the given environment.
    pub(crate) fn of_this_machine(env: &'a dyn Fn(&str) -> Option<String>) -> Surroundings<'a> {
        Surroundings { env, resolve, memory_max: cgroup::memory_max() }
    }

    /// No machine at all: an environment, no host names, memory without end.
    pub(crate) fn bare(env: &'a dyn Fn(&str) -> Option<String>) -> Surroundings<'a> {
        Surroundings { env, resolve: |_| None, memory_max: None }
    }
}

/// Reads one variable of the process's environment: what to hand to [`Config::load`](crate::Config::load). A
/// value that is not UTF-8 counts as not set.
#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// IPv4 first: what listens on `localhost` is asked for at 127.0.0.1 by nearly everybody.
fn resolve(host: &str) -> Option<IpAddr> {
    let addresses: Vec<IpAddr> = (host, 0).to_socket_addrs().ok()?.map(|address| address.ip()).collect();
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
}
