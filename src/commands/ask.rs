//! Whom to ask and how to read what came back: what the asking commands share.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use http::StatusCode;
use serde::de::DeserializeOwned;
use spandrel_query::credentials::Authority;

use super::output;
use crate::cli::Asking;
use crate::client::{Answer, Client, Trust};

const URL: &str = "http://127.0.0.1:7317";
/// Longer than any token; a wrong file is not read whole.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// A client for `--url`, else `SPANDREL_URL`, else the default address.
pub fn client(
    url: Option<&str>,
    token_file: Option<&Path>,
    ca_file: Option<&Path>,
) -> anyhow::Result<Client> {
    let set = |name: &str| spandrel_config::environment(name).filter(|value| !value.trim().is_empty());
    let url = url.map(str::to_owned).or_else(|| set("SPANDREL_URL")).unwrap_or_else(|| URL.to_owned());
    let address = url.parse().map_err(|reason: String| anyhow::anyhow!("`{url}`: {reason}"))?;
    let token = match token_file {
        Some(file) => Some(read_token(file)?),
        None => set("SPANDREL_TOKEN").map(|token| token.trim().to_owned()),
    };
    let ca_file = ca_file.map(Path::to_owned).or_else(|| set("SPANDREL_CA_FILE").map(PathBuf::from));
    let trust = ca_file.map(|file| -> anyhow::Result<Trust> {
        let authority = Authority::read(&file)?;
        Ok(Trust { authority, server_name: set("SPANDREL_SERVER_NAME") })
    });
    Ok(Client::new(address, token).trusting(trust.transpose()?))
}

pub(super) fn client_of(asking: &Asking) -> anyhow::Result<Client> {
    client(asking.url.as_deref(), asking.token_file.as_deref(), asking.ca_file.as_deref())
}

fn read_token(file: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let reading = || format!("read the token from {}", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(reading)?;
    opened.take(TOKEN_BYTES_MAX).read_to_string(&mut text).with_context(reading)?;
    // A file may have several, of which the first is the one to say.
    let token = text.lines().map(str::trim).find(|line| !line.is_empty());
    token.map(str::to_owned).with_context(|| format!("no token in {}", file.display()))
}

/// Asks, passes the answer on with `--json`, and reads it. `None`: the sidecar knows of no such thing.
pub(super) async fn ask<T: DeserializeOwned>(
    asking: &Asking,
    path: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<Option<T>> {
    let mut parameters = parameters.to_vec();
    if asking.local {
        parameters.push(("scope", "local"));
    }
    let answer = client_of(asking)?.get(path, &parameters).await?;
    let found = read(&answer)?;
    if asking.json && (found.is_some() || answer.status == StatusCode::NOT_FOUND) {
        output::answer(&answer.body)?;
    }
    Ok(found)
}

fn read<T: DeserializeOwned>(answer: &Answer) -> anyhow::Result<Option<T>> {
    match answer.status {
        StatusCode::OK => Ok(Some(serde_json::from_slice(&answer.body).context("understand the answer")?)),
        StatusCode::NOT_FOUND => Ok(None),
        _ => answer.refuse(),
    }
}

/// The errors of a trace, for the demo; `None` where the trace is unknown.
pub async fn failing(client: &Client, trace_id: &str) -> anyhow::Result<Option<crate::answer::Errors>> {
    read(&client.get(&format!("/api/v1/traces/{trace_id}/errors"), &[]).await?)
}
