//! `spandrel demo --embedded`: a sidecar in this process, the demo's traffic, and a look at what failed.
//!
//! The sidecar uses the default addresses where they are free, else any free port, and says which. Its data is
//! in a temporary folder that is removed at the end.

use std::io::IsTerminal as _;
use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use spandrel_config::Config;
use tokio::runtime::Runtime;

use super::{Target, check, report, say, seed, send};
use crate::assembly::{Addresses, Sidecar};
use crate::client::Client;
use crate::commands;
use crate::show::{Ink, Line, Screen, errors};
use crate::telemetry::Telemetry;

pub(super) fn run(arguments: &crate::cli::Demo, screen: Screen, runtime: &Runtime) -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let config = config(&folder)?;
    let telemetry = Telemetry::start(&config.telemetry)?;
    let sidecar = runtime.block_on(Sidecar::start(&config))?;
    let result = look(arguments, &sidecar.addresses, screen, runtime);
    runtime.block_on(async {
        sidecar.stop().await;
        telemetry.stop().await;
    });
    result
}

fn look(
    arguments: &crate::cli::Demo,
    addresses: &Addresses,
    screen: Screen,
    runtime: &Runtime,
) -> anyhow::Result<()> {
    let stays = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let target = target(addresses, stays)?;
    say(&[listening(addresses)], screen)?;
    let seed = seed(arguments);
    let sent = send(&target, arguments.traces, seed, runtime.handle())?;
    say(&report(&sent, seed, &target), screen)?;
    check(&sent, &target, runtime.handle())?;
    if let Some(id) = sent.first_failure() {
        let found = runtime.block_on(commands::failing(&target.client, &id.to_string()))?.unwrap_or_default();
        let command = match stays {
            true => format!("$ {}", super::command("errors", &id, &target)),
            false => format!("What `spandrel errors {id}` shows:"),
        };
        say(&[Line::new(), Line::new().with(Ink::Bold, &command)], screen)?;
        say(&errors::lines(&found, screen), screen)?;
    }
    say(&if stays { look_at(addresses) } else { ends_here() }, screen)?;
    if stays {
        say(&[Line::new(), Line::new().with(Ink::Bold, "Ctrl-C ends it.")], screen)?;
        runtime.block_on(tokio::signal::ctrl_c()).context("wait for Ctrl-C")?;
    }
    Ok(())
}

fn config(folder: &Folder) -> anyhow::Result<Config> {
    let mut config = Config::load(None, &[], &spandrel_config::environment)?;
    config.storage.directory = folder.0.clone();
    config.shutdown.linger = std::time::Duration::ZERO;
    config.telemetry.logs.level = "warn".to_owned();
    let otlp = &mut config.receivers.otlp;
    let listened = [otlp.grpc.as_mut(), otlp.http.as_mut(), Some(&mut config.query.endpoint)];
    listened.into_iter().flatten().for_each(if_taken_any);
    Ok(config)
}

fn if_taken_any(address: &mut SocketAddr) {
    if TcpListener::bind(*address).is_err() {
        address.set_port(0);
    }
}

fn target(addresses: &Addresses, stays: bool) -> anyhow::Result<Target> {
    let receivers = addresses.grpc.zip(addresses.http).context("the demo needs both OTLP receivers")?;
    let url = format!("http://{}", addresses.query);
    let address = url.parse().map_err(|why: String| anyhow::anyhow!("{url}: {why}"))?;
    let is_default = addresses.query == spandrel_config::Query::default().endpoint;
    Ok(Target {
        endpoint: format!("http://{}", receivers.0),
        http_endpoint: format!("http://{}", receivers.1),
        client: Client::new(address, None),
        url_option: if is_default { String::new() } else { format!(" --url {url}") },
        stays,
    })
}

fn listening(addresses: &Addresses) -> Line {
    let defaults = spandrel_config::Config::default();
    let otlp = &defaults.receivers.otlp;
    let as_usual =
        (otlp.grpc, otlp.http, defaults.query.endpoint) == (addresses.grpc, addresses.http, addresses.query);
    let what = if as_usual {
        "A sidecar runs on the default addresses."
    } else {
        "A default port is taken by another program, so this sidecar has ports of its own."
    };
    Line::new().with(Ink::Plain, what)
}

/// Its addresses would be of no use to whoever reads this, so they are not named.
fn ends_here() -> Vec<Line> {
    let words = [
        "This sidecar ends here, as this is no terminal, and its data with it.",
        "To look around, start one that stays, `spandrel run`, and send it the same with `spandrel demo`.",
    ];
    let lines = words.map(|words| Line::new().with(Ink::Plain, words));
    std::iter::once(Line::new()).chain(lines).collect()
}

/// Where to look at it.
fn look_at(addresses: &Addresses) -> Vec<Line> {
    let heading = "Look at it:";
    let shown = |address: Option<SocketAddr>| address.map_or("off".to_owned(), |address| address.to_string());
    let (query, lines) = (addresses.query, [Line::new(), Line::new().with(Ink::Bold, heading)]);
    let rows = [
        format!("  http://{query}/api/v1/traces?q=level:error    traces with errors, as JSON"),
        format!("  http://{query}/metrics    what the sidecar says of itself"),
        format!(
            "  OTLP/gRPC on {}, OTLP/HTTP and JSON logs on {}",
            shown(addresses.grpc),
            shown(addresses.http)
        ),
    ];
    lines.into_iter().chain(rows.iter().map(|row| Line::new().with(Ink::Plain, row))).collect()
}

/// A temporary folder, removed when dropped.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Folder> {
        let name = format!("spandrel-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("make the folder {}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in the temporary folder is the system's to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
