//! Who is listed: the static list, what DNS says, and what a file says, looked up again and again.
//!
//! A name that cannot be looked up, or a file that cannot be read, keeps what it said last, and is itself named
//! as missing (`unresolved`): nobody knows who else would have been asked. So is a file with a line that names nobody;
//! its others count. The same holds before the first
//! look. At most `limits.peers_max` peers are listed, whoever lists them.

mod dns;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spandrel_config::{Federation, Limits};
use spandrel_store::TimeRange;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::coverage::Absence;
use crate::source::Peer;
use dns::Dns;

/// A list of peers is written by people, or for them.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Everybody that is listed at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Listed {
    /// Query endpoints, none twice.
    pub(crate) names: Vec<String>,
    pub(crate) absent: Vec<Absence>,
}

pub(crate) struct Discovery {
    fixed: Vec<String>,
    origins: Vec<Origin>,
    /// What each origin said last, and what went wrong since.
    said: BTreeMap<String, Said>,
    resolver: Dns,
    refresh: Duration,
    peers_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// `host:port`: the port at every address of the host.
    Host(String),
    /// `_service._proto.name`.
    Service(String),
    File(PathBuf),
}

#[derive(Debug, Default)]
struct Said {
    names: Vec<String>,
    trouble: Option<String>,
}

impl Discovery {
    pub(crate) fn new(federation: &Federation, limits: &Limits) -> Discovery {
        let dns = federation.dns.iter().map(|name| match name.starts_with('_') {
            true => Origin::Service(name.clone()),
            false => Origin::Host(name.clone()),
        });
        let origins: Vec<Origin> = dns.chain(federation.file.iter().cloned().map(Origin::File)).collect();
        let not_yet = || Said { names: Vec::new(), trouble: Some("not looked up yet".to_owned()) };
        let said = origins.iter().map(|origin| (origin.name(), not_yet())).collect();
        Discovery {
            fixed: federation.peers.clone(),
            origins,
            said,
            resolver: Dns::new(federation.dns_server),
            refresh: federation.refresh,
            peers_max: limits.peers_max,
        }
    }

    /// As of the last look.
    pub(crate) fn listed(&self) -> Listed {
        let mut listed = Listed::default();
        let all = self.fixed.iter().chain(self.said.values().flat_map(|said| &said.names));
        for name in all {
            if !listed.names.contains(name) {
                listed.names.push(name.clone());
            }
        }
        if listed.names.len() > self.peers_max {
            let detail =
                format!("{} peers are listed; limits.peers_max is {}", listed.names.len(), self.peers_max);
            listed.names.truncate(self.peers_max);
            listed.absent.push(absence("(more peers)", "too_many", detail));
        }
        let troubles = self.said.iter().filter_map(|(name, said)| Some((name, said.trouble.as_ref()?)));
        listed.absent.extend(troubles.map(|(name, trouble)| absence(name, "unresolved", trouble.clone())));
        listed
    }

    /// Looks until told to stop, and tells of every change.
    pub(crate) async fn run(mut self, tell: watch::Sender<Listed>, shutdown: CancellationToken) {
        if self.origins.is_empty() {
            return;
        }
        loop {
            tokio::select! {
                () = self.look() => {}
                () = shutdown.cancelled() => return,
            }
            let listed = self.listed();
            tell.send_if_modified(|told| {
                let changed = *told != listed;
                *told = listed;
                changed
            });
            tokio::select! {
                () = tokio::time::sleep(self.refresh) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    async fn look(&mut self) {
        for origin in &self.origins {
            let found = match origin {
                Origin::Host(name) => self.resolver.hosts(name).await.map(Said::of),
                Origin::Service(name) => self.resolver.services(name).await.map(Said::of),
                Origin::File(path) => read(path).await,
            };
            let said = self.said.entry(origin.name()).or_default();
            let mut found = found.unwrap_or_else(|trouble| Said {
                names: std::mem::take(&mut said.names),
                trouble: Some(trouble),
            });
            found.names.sort();
            if found.trouble.is_some() && found.trouble != said.trouble {
                tracing::warn!(peers = origin.name(), trouble = found.trouble, "peers cannot be looked up");
            }
            *said = found;
        }
    }
}

impl Said {
    fn of(names: Vec<String>) -> Said {
        Said { names, trouble: None }
    }
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Origin::Host(name) | Origin::Service(name) => name.clone(),
            Origin::File(path) => path.display().to_string(),
        }
    }
}

fn absence(name: &str, reason: &'static str, detail: String) -> Absence {
    let peer = Peer { name: name.to_owned(), service: None, local: false };
    Absence { peer, reason: reason.into(), range: TimeRange::ALL, detail }
}

/// A peer's query endpoint on each line; what follows `#` is for people.
async fn read(path: &Path) -> Result<Said, String> {
    let text = async {
        let mut text = String::new();
        let file = tokio::fs::File::open(path).await?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).await?;
        Ok::<String, std::io::Error>(text)
    };
    let text = text.await.map_err(|error| error.to_string())?;
    let (mut said, mut wrong) = (Said::default(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if spandrel_config::is_callable(name) {
            said.names.push(name.to_owned());
        } else if !name.is_empty() {
            wrong.push(format!("line {}: `{name}` is no query endpoint such as payment:7317", number + 1));
        }
    }
    said.trouble = match &wrong[..] {
        [] => None,
        [only] => Some(only.clone()),
        [first, others @ ..] => Some(format!("{first}; and {} more", others.len())),
    };
    Ok(said)
}

#[cfg(test)]
mod tests;
