//! The address of a sidecar: `http://host:port` or `https://host:port`, with or without the scheme, a path
//! prefix allowed. An address of IPv6 with a port may stand without its brackets, as `http://$(POD_IP):7317` puts it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986's unreserved characters are left as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    is_tls: bool,
    authority: http::uri::Authority,
    prefix: String,
}

impl Address {
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub fn authority_with_port(&self) -> (String, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = if self.is_tls { HTTPS_PORT } else { HTTP_PORT };
        (host.to_owned(), self.authority.port_u16().unwrap_or(port))
    }

    /// What stands in a request's first line.
    pub fn target(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let pairs: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{}", self.prefix, pairs.join("&"))
    }
}

/// Text as one segment of a path or one value of a query.
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri =
            bracketed(&whole).unwrap_or(whole).parse().map_err(|error| format!("not an address: {error}"))?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("an address starts with http:// or https://".to_owned()),
        };
        let authority = uri.authority().ok_or("an address needs a host")?.clone();
        if authority.as_str().contains('@') {
            return Err("no user names in an address: use --token-file".to_owned());
        }
        Ok(Address { is_tls, authority, prefix: uri.path().trim_end_matches('/').to_owned() })
    }
}

/// With the brackets that an address of IPv6 lacks.
fn bracketed(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.rsplit_once(':')?;
    host.parse::<Ipv6Addr>().ok()?;
    Some(format!("{scheme}://[{host}]:{port}{path}"))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests;
