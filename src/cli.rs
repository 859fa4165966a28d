//! The command line: what can be typed, and the help for it.
//!
//! Exit status everywhere but in `healthcheck`: 0 done or found, 1 nothing found (as grep), 2 an error.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::show::ColourChoice;

const EXIT_STATUS: &str = "Exit status: 0 found, 1 nothing found, 2 error.";

/// Keeps a service's spans and logs on local disk, indexed by trace, and answers questions over all sidecars.
#[derive(Debug, Parser)]
#[command(
    name = "spandrel",
    version,
    max_term_width = 100,
    after_help = "\
Start here:
  spandrel run                the sidecar: OTLP on 4317 and 4318, questions on 7317
  spandrel exec -- COMMAND    a service with its sidecar, output and all
  spandrel demo               sends it the traces of a small shop
  spandrel errors TRACE_ID    what failed in a trace, and what failed first

Exit status: 0 done or found, 1 nothing found, 2 error."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,

    /// When to write in colour; `auto` is on a terminal unless NO_COLOR is set
    #[arg(long, global = true, value_enum, default_value_t = ColourChoice::Auto, value_name = "WHEN")]
    pub color: ColourChoice,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(Run),
    Exec(Exec),
    Trace(Trace),
    Errors(Errors),
    Search(Search),
    Tail(Tail),
    Peers(Peers),
    Demo(Demo),
    CheckConfig(CheckConfig),
    TryLog(TryLog),
    Healthcheck(Healthcheck),
}

/// Run the sidecar: take in spans and logs, keep them, answer questions
///
/// Without a file the defaults run. SIGTERM or Ctrl-C ends it: receivers stay open for `shutdown.linger`, so
/// that the service's last flush arrives, everything acknowledged is committed, exit status 0. A second signal
/// ends it at once; nothing acknowledged is lost then either.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spandrel run
  spandrel run --config spandrel.yaml --set storage.directory=/var/lib/spandrel
  spandrel run --set 'federation.peers=[\"orders:7317\", \"payment:7317\"]'
  myservice | spandrel run --set receivers.stdin.enabled=true")]
pub struct Run {
    #[command(flatten)]
    pub configuration: Configuration,

    /// Write the addresses listened on to this file (`-`: standard output), as JSON, once everything is ready
    #[arg(long, value_name = "FILE")]
    pub addresses_file: Option<PathBuf>,
}

/// Run a service with a sidecar: its output is taken in and passed through, its signals and exit status too
///
/// The service finds the sidecar by OTEL_EXPORTER_OTLP_ENDPOINT and has OTEL_SERVICE_NAME, unless its environment
/// says otherwise. Its lines are understood as those of every logger are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spandrel exec -- node server.js
  spandrel exec --service payment --set storage.directory=/data -- java -jar app.jar

Exit status: the command's; 128 and the signal's number where a signal ended it; as in a shell 127 if there is no
such command, 126 if it cannot be run; 2 if the sidecar could not be started.")]
pub struct Exec {
    #[command(flatten)]
    pub configuration: Configuration,

    /// The service's name [default: OTEL_SERVICE_NAME, else the command's file name]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub struct Configuration {
    /// A YAML file, merged over the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// One key of the configuration, over the file; the value is read as YAML. May be given many times
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Where and how to ask.
#[derive(Debug, Args)]
pub struct Asking {
    /// The sidecar to ask [default: SPANDREL_URL, else http://127.0.0.1:7317]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// A file with the bearer token [default: the token in SPANDREL_TOKEN, if any]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// A file with the authorities to trust over https:// [default: SPANDREL_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Write the API's answer as it is
    #[arg(long)]
    pub json: bool,

    /// Ask only this sidecar, not its peers
    #[arg(long)]
    pub local: bool,
}

/// How whole an answer has to be.
#[derive(Debug, Clone, Copy, Args)]
pub struct Wanted {
    /// Fail where a sidecar has not answered, or has lost records of that time: status 2, and who it is
    #[arg(long)]
    pub require_complete: bool,
}

impl Wanted {
    /// As the API is asked for it.
    pub fn parameter(self) -> Option<(&'static str, &'static str)> {
        self.require_complete.then_some(("require", "complete"))
    }
}

/// Show a trace as a waterfall: spans with their times, logs under their spans, errors in red
///
/// The id may be in any usual notation: hex in any case, W3C traceparent, B3, AWS X-Ray, Datadog decimal.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  spandrel trace 4bf92f3577b34da6a3ce929d0e0e4736
  spandrel trace --all 4bf92f3577b34da6a3ce929d0e0e4736 | less -R
  spandrel trace --json 4bf92f3577b34da6a3ce929d0e0e4736 | jq '.spans[].service'

{EXIT_STATUS}"))]
pub struct Trace {
    /// The trace's id
    pub id: String,

    /// Every span and log, however many; without it long traces are cut to what tells most
    #[arg(long)]
    pub all: bool,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub asking: Asking,
}

/// Show every error of a trace, what failed first, and the way from there to the entry
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  spandrel errors 4bf92f3577b34da6a3ce929d0e0e4736
  spandrel errors --json 4bf92f3577b34da6a3ce929d0e0e4736 | jq .root_cause

{EXIT_STATUS}"))]
pub struct Errors {
    /// The trace's id
    pub id: String,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub asking: Asking,
}

/// Find spans and logs, newest first, a line each
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  spandrel search 'service:payment AND level:error' --start -15m
  spandrel search '\"connection pool exhausted\"' --limit 20
  spandrel search 'order.id:4711'
  spandrel search 'kind:server duration:>250ms -status:ok' --json

{EXIT_STATUS}"))]
pub struct Search {
    /// What to look for, in the query language
    #[arg(allow_hyphen_values = true, value_parser = query)]
    pub query: String,

    /// Records at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: u32,

    /// From here on: RFC 3339, seconds or finer since 1970, or relative as -15m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub start: Option<String>,

    /// Up to here
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub end: Option<String>,

    #[command(flatten)]
    pub wanted: Wanted,

    #[command(flatten)]
    pub asking: Asking,
}

/// A query may begin with the `-` of what is not wanted; an option with a mistake in it is none.
fn query(text: &str) -> Result<String, &'static str> {
    match text.starts_with("--") {
        true => Err("no such option; a query begins with one `-` at most"),
        false => Ok(text.to_owned()),
    }
}

/// Follow spans and logs as they arrive, until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spandrel tail 'level:>=warn'
  spandrel tail 'service:payment kind:log' --json

Exit status: 0 ended by Ctrl-C, 2 error.")]
pub struct Tail {
    /// What to look for, in the query language; everything without it
    #[arg(default_value = "*", allow_hyphen_values = true, value_parser = query)]
    pub query: String,

    #[command(flatten)]
    pub asking: Asking,
}

/// Show the peers that questions go to, and how they are
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  spandrel peers --url http://gateway:7317")]
pub struct Peers {
    #[command(flatten)]
    pub asking: Asking,
}

/// Send the traces and logs of a shop of 15 services, some of them failing deep down, to a running sidecar
///
/// Spans go through one OpenTelemetry exporter per service over OTLP/gRPC, logs partly so, partly as JSON lines
/// over HTTP. Ends when everything is acknowledged, and names the traces worth looking at. With --service it is one of
/// the services, for as long as it runs: start all of them, each with its sidecar, and there is the shop.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spandrel demo
  spandrel demo --traces 500 --seed 7
  spandrel demo --embedded    a sidecar of its own, with data that is removed again
  spandrel demo --service payment    what payment sends of a request every two seconds")]
pub struct Demo {
    /// Where the sidecar takes OTLP/gRPC
    #[arg(long, default_value = "http://127.0.0.1:4317", value_name = "URL")]
    pub endpoint: String,

    /// Where the sidecar takes JSON logs
    #[arg(long, default_value = "http://127.0.0.1:4318", value_name = "URL")]
    pub http_endpoint: String,

    /// Requests to the shop
    #[arg(long, default_value_t = 40, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub traces: u32,

    /// The same seed makes the same traces, but for the times of day [default: another one each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Start a sidecar in this process and look at one failing trace; on a terminal it stays until Ctrl-C
    #[arg(long, conflicts_with_all = ["endpoint", "http_endpoint", "url"])]
    pub embedded: bool,

    /// Be this service of the shop until SIGTERM or Ctrl-C: its part of a request every two seconds
    #[arg(long, value_name = "NAME", conflicts_with_all = ["traces", "embedded", "url", "token_file", "ca_file"])]
    pub service: Option<String>,

    /// The sidecar to ask [default: SPANDREL_URL, else http://127.0.0.1:7317]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// A file with the bearer token [default: the token in SPANDREL_TOKEN, if any]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// A file with the authorities to trust over https:// [default: SPANDREL_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// Check a configuration file and list every mistake in it
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  spandrel check-config spandrel.yaml

Exit status: 0 right, 2 mistakes, each listed with its place.")]
pub struct CheckConfig {
    /// The file
    pub file: PathBuf,

    /// One key over the file, as `run` takes it
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Show what is found in the lines of a log, and where, without keeping anything
///
/// For each record: the lines that it is made of, its kind, trace and span id, level, time, message, exception and
/// attributes. With --config the names, patterns and formats of `logs` are tried with it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spandrel try-log /var/log/payment.log
  docker logs payment 2>&1 | spandrel try-log -
  spandrel try-log --set logs.timezone=Europe/Berlin --set 'logs.fields.trace_id=[req]' app.log

Exit status: 0 done, 1 no line in it, 2 error.")]
pub struct TryLog {
    /// The file; `-` for standard input
    pub file: PathBuf,

    #[command(flatten)]
    pub configuration: Configuration,

    /// One JSON object for each record
    #[arg(long)]
    pub json: bool,
}

/// Ask a sidecar whether it is ready, for container health checks
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  HEALTHCHECK CMD [\"spandrel\", \"healthcheck\"]
  spandrel healthcheck --live       whether it is alive, ready or not

Exit status: 0 ready, 1 not (Docker reserves 2).")]
pub struct Healthcheck {
    /// Ask for life (/healthz), not for readiness (/readyz)
    #[arg(long)]
    pub live: bool,

    /// The sidecar to ask [default: SPANDREL_URL, else http://127.0.0.1:7317]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// A file with the authorities to trust over https:// [default: SPANDREL_CA_FILE]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}
