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
    /// The bearer token of the query port, from `security.token_file` or `security.token`.
    pub token: Option<Secret>,
    /// Serve the query port off loopback without a token.
    pub insecure: bool,
    /// Whether `/metrics` needs the token too, off loopback.
    pub protect_metrics: bool,
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
        let mut token_file: Option<PathBuf> = None;
        section.set("token", &mut self.token);
        section.set("token_file", &mut token_file);
        section.set("insecure", &mut self.insecure);
        section.set("protect_metrics", &mut self.protect_metrics);
        match (token_file, &self.token) {
            (Some(_), Some(_)) => section.fail("token_file", "give either this or security.token, not both"),
            (Some(path), None) => match read_token(&path) {
                Ok(token) => self.token = Some(Secret(token)),
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

fn read_token(path: &Path) -> Result<String, String> {
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
    let token = text.trim();
    check(token).map_err(|reason| cannot(&reason))?;
    Ok(token.to_owned())
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
