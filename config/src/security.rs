//! `security`: who may ask. Off loopback nobody may without the token, unless that is switched off by name.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::section::Section;

/// A token is a line; a file larger than this is not a token's.
const TOKEN_FILE_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Security {
    /// The bearer token of the query port, from `security.token`, or the first of `security.token_file`.
    pub token: Option<Secret>,
    /// Where tokens are read again from; see [`read_tokens`].
    pub token_file: Option<PathBuf>,
    /// Certificates of the query port and for peers; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// Serve the query port off loopback without a token.
    pub insecure: bool,
    /// Whether `/metrics` needs the token too, off loopback.
    pub protect_metrics: bool,
}

/// PEM files; given together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// The certificate that is shown to everybody, with those between it and the authority.
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
    /// The authorities whose certificates are accepted, of those who ask and of peers.
    pub ca_file: PathBuf,
    /// The name that peers' certificates must have; `None`: the one that the peer is listed by.
    pub server_name: Option<String>,
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Security {
    pub(crate) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.set("token", &mut self.token);
        section.set("token_file", &mut self.token_file);
        section.section("tls", |section| self.tls = read_tls(section));
        section.set("insecure", &mut self.insecure);
        section.set("protect_metrics", &mut self.protect_metrics);
        match (self.token_file.clone(), &self.token) {
            (Some(_), Some(_)) => section.fail("token_file", "give either this or security.token, not both"),
            (Some(path), None) => match read_tokens(&path) {
                Ok(tokens) => self.token = tokens.into_iter().next(),
                Err(reason) => section.fail("token_file", reason),
            },
            (None, Some(token)) => {
                if let Err(reason) = check(&token.0) {
                    section.fail("token", reason);
                }
            }
            (None, None) => {}
        }
    }
}

fn read_tls(section: &mut Section<'_, '_>) -> Option<TlsFiles> {
    let (mut cert_file, mut key_file, mut ca_file) = (None, None, None);
    let mut server_name = None;
    section.set("cert_file", &mut cert_file);
    section.set("key_file", &mut key_file);
    section.set("ca_file", &mut ca_file);
    section.set("server_name", &mut server_name);
    match (cert_file, key_file, ca_file) {
        (Some(cert_file), Some(key_file), Some(ca_file)) => {
            Some(TlsFiles { cert_file, key_file, ca_file, server_name })
        }
        (None, None, None) => None,
        (cert_file, key_file, _) => {
            let absent = match (cert_file, key_file) {
                (None, _) => "cert_file",
                (_, None) => "key_file",
                _ => "ca_file",
            };
            section.fail(absent, "TLS needs all three: cert_file, key_file and ca_file");
            None
        }
    }
}

/// The tokens of a file, one on each line: the first is sent to peers, all are accepted. Blocks.
pub fn read_tokens(path: &Path) -> Result<Vec<Secret>, String> {
    let cannot = |why: &dyn fmt::Display| format!("cannot read the token from {}: {why}", path.display());
    let about = std::fs::metadata(path).map_err(|error| cannot(&error))?;
    // A pipe would keep the start waiting for a writer that may never come.
    if !about.is_file() {
        return Err(cannot(&"it is not a regular file"));
    }
    if about.len() > TOKEN_FILE_BYTES_MAX {
        return Err(cannot(&format!("it has {} bytes, a token is one line", about.len())));
    }
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot(&error))?;
    file.take(TOKEN_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| cannot(&error))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Vec<&str> = lines.collect();
    if tokens.is_empty() {
        return Err(cannot(&"the token is empty"));
    }
    tokens.iter().try_for_each(|token| check(token)).map_err(|reason| cannot(&reason))?;
    Ok(tokens.into_iter().map(|token| Secret(token.to_owned())).collect())
}

/// A token travels in a header: one word of printable ASCII.
fn check(token: &str) -> Result<(), &'static str> {
    match token {
        "" => Err("the token is empty"),
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err("a token is one word of printable ASCII, without blanks")
        }
        _ => Ok(()),
    }
}
