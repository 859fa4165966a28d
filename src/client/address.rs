//! The address of a sidecar: `http://host:port`, with or without the scheme, a path prefix allowed.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986's unreserved characters are left as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const HTTP_PORT: u16 = 80;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    authority: http::uri::Authority,
    prefix: String,
}

impl Address {
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub fn authority_with_port(&self) -> (String, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        (host.to_owned(), self.authority.port_u16().unwrap_or(HTTP_PORT))
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
        let uri: Uri = whole.parse().map_err(|error| format!("not an address: {error}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("https is not spoken here: ask over a tunnel or a proxy".to_owned()),
            _ => return Err("an address starts with http://".to_owned()),
        }
        let authority = uri.authority().ok_or("an address needs a host")?.clone();
        if authority.as_str().contains('@') {
            return Err("no user names in an address: use --token-file".to_owned());
        }
        Ok(Address { authority, prefix: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests;
