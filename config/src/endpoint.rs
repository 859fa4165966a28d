//! Addresses to listen on, written `host:port`: `127.0.0.1:4317`, `0.0.0.0:4317`, `localhost:4317`,
//! `[::1]:4317`, and `:4317` for every interface. An address of IPv6 may stand without its brackets, as
//! `$(POD_IP):7317` puts it: there is always a port, and it is what follows the last colon.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address that the text means; `resolve` is asked for hosts that are neither numbers nor `localhost`.
pub(crate) fn parse(text: &str, resolve: fn(&str) -> Option<IpAddr>) -> Option<SocketAddr> {
    if let Some(address) = text.parse().ok().or_else(|| unbracketed(text)) {
        return Some(address);
    }
    let (host, port) = split(text)?;
    let address = match host {
        "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => resolve(host)?,
    };
    Some(SocketAddr::new(address, port))
}

/// Whether the text is a `host:port` that one can call: with a host, and a port other than 0.
pub fn is_callable(text: &str) -> bool {
    match text.parse::<SocketAddr>() {
        Ok(address) => address.port() != 0,
        Err(_) => split(text).is_some_and(|(host, port)| !host.is_empty() && port != 0),
    }
}

fn unbracketed(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    Some(SocketAddr::new(host.parse::<Ipv6Addr>().ok()?.into(), number(port)?))
}

/// A host's name, possibly empty, and the port behind it.
fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    host.bytes().all(of_a_name).then_some((host, number(port)?))
}

/// Digits alone: a sign is none.
fn number(port: &str) -> Option<u16> {
    port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok())?
}

#[cfg(test)]
mod tests;
