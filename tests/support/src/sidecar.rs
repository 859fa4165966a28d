//! One process of `spandrel run`, from its start to its end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Output, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Answer};

/// Far longer than anything here takes, on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// How to start a sidecar.
#[derive(Debug)]
pub struct Command {
    program: PathBuf,
    /// Words that stand before the program.
    prefix: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: Option<PathBuf>,
    has_stdin: bool,
}

/// A sidecar that has said that it is ready.
#[derive(Debug)]
pub struct Sidecar {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    program: PathBuf,
    addresses: Value,
    data: PathBuf,
    stderr: PathBuf,
    token: Option<String>,
    /// Removed with everything in it when the sidecar is dropped.
    _home: TempDir,
}

impl Command {
    /// `--set key=value`.
    pub fn set(mut self, setting: impl Into<String>) -> Command {
        self.arguments.extend(["--set".to_owned(), setting.into()]);
        self
    }

    pub fn argument(mut self, argument: impl Into<String>) -> Command {
        self.arguments.push(argument.into());
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Command {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A data folder that outlives the sidecar, to start another one on it.
    pub fn folder(mut self, folder: &Path) -> Command {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Runs it through another command, which must become it: `nsenter`, for one.
    pub fn through(mut self, prefix: Vec<String>) -> Command {
        self.prefix = prefix;
        self
    }

    /// Standard input is a pipe: see [`Sidecar::stdin`].
    pub fn with_stdin(mut self) -> Command {
        self.has_stdin = true;
        self
    }

    /// Starts it and waits until it is ready; panics with what it said if it ends before.
    pub fn start(self) -> Sidecar {
        let home = tempfile::tempdir().expect("a temporary folder");
        let data = self.folder.clone().unwrap_or_else(|| home.path().join("data"));
        let stderr = home.path().join("stderr");
        let mut child = self.spawn(&data, &stderr);
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut ready = String::new();
        stdout.read_line(&mut ready).expect("standard output can be read");
        let addresses: Value = match serde_json::from_str(&ready) {
            Ok(addresses) => addresses,
            Err(_) => {
                let status = child.wait();
                panic!("the sidecar did not start ({status:?}):\n{}", read(&stderr));
            }
        };
        let token = self.environment.iter().find(|(name, _)| name == "SPANDREL_TOKEN");
        let token = token.map(|(_, token)| token.clone());
        let program = self.program;
        Sidecar { child, stdout: Some(stdout), program, addresses, data, stderr, token, _home: home }
    }

    /// Starts one that must not start: its status, and what it said on standard error.
    pub fn fail_to_start(self) -> (ExitStatus, String) {
        let home = tempfile::tempdir().expect("a temporary folder");
        let stderr = home.path().join("stderr");
        let data = self.folder.clone().unwrap_or_else(|| home.path().join("data"));
        let mut child = self.spawn(&data, &stderr);
        let mut stdout = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut ready = String::new();
        stdout.read_line(&mut ready).expect("standard output can be read");
        if !ready.is_empty() {
            child.kill().expect("the process can be killed");
        }
        let status = child.wait().expect("the process can be waited for");
        assert!(ready.is_empty(), "the sidecar started: {ready}");
        (status, read(&stderr))
    }

    fn spawn(&self, data: &Path, stderr: &Path) -> Child {
        let ports = [
            "receivers.otlp.protocols.grpc.endpoint=127.0.0.1:0",
            "receivers.otlp.protocols.http.endpoint=127.0.0.1:0",
            "query.endpoint=127.0.0.1:0",
            "shutdown.linger=0s",
        ];
        let mut words = self.prefix.iter().map(OsStr::new).chain([self.program.as_os_str()]);
        let mut command = std::process::Command::new(words.next().expect("the program is one"));
        command.args(words).args(["run", "--addresses-file", "-"]);
        ports.iter().for_each(|setting| _ = command.args(["--set", setting]));
        command.arg("--set").arg(format!("storage.directory={}", data.display()));
        let stdin = if self.has_stdin { Stdio::piped() } else { Stdio::null() };
        let spawned = command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(File::create(stderr).expect("a file for standard error"))
            .spawn();
        spawned.expect("the binary can be started")
    }
}

impl Sidecar {
    /// A sidecar of this binary: `env!("CARGO_BIN_EXE_spandrel")` in the tests of the root package. Ports are
    /// free ones, the data folder is temporary, `shutdown.linger` is nothing; [`Command::set`] changes all that.
    pub fn of(program: impl Into<PathBuf>) -> Command {
        Command {
            program: program.into(),
            prefix: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            has_stdin: false,
        }
    }

    /// `127.0.0.1:41234`, where it takes OTLP/gRPC.
    pub fn grpc(&self) -> &str {
        self.address("grpc")
    }

    /// Where it takes OTLP/HTTP and JSON logs.
    pub fn http(&self) -> &str {
        self.address("http")
    }

    /// Where it answers questions.
    pub fn query(&self) -> &str {
        self.address("query")
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on standard error so far.
    pub fn log(&self) -> String {
        read(&self.stderr)
    }

    /// Its standard input, once, where it was started with one.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("started with_stdin, taken once")
    }

    /// A question to the query port, with the token that the sidecar was started with.
    pub fn get(&self, path_and_query: &str) -> Answer {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        http::request(self.query(), "GET", path_and_query, &headers, b"")
    }

    /// A request to the OTLP/HTTP port.
    pub fn post(&self, path_and_query: &str, content_type: &str, body: &[u8]) -> Answer {
        http::post(self.http(), path_and_query, content_type, body)
    }

    /// Runs another command of the binary against this sidecar: `sidecar.cli(["errors", id])`.
    pub fn cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        self.cli_command(arguments).output().expect("the binary can be started")
    }

    /// The same, still to be started.
    pub fn cli_command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(arguments).env("SPANDREL_URL", format!("http://{}", self.query()));
        command.env("COLUMNS", "120").env_remove("SPANDREL_TOKEN").stdin(Stdio::null());
        if let Some(token) = &self.token {
            command.env("SPANDREL_TOKEN", token);
        }
        command
    }

    /// SIGTERM, and the status it ends with.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    /// SIGKILL: no chance to finish anything.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::KILL);
        self.wait()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let id = id.expect("a process has an id");
        rustix::process::kill_process(id, signal).expect("the process is there");
    }

    /// SIGSTOP, and until none of its threads runs any more: the one that is told tells the others, in its own time.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
        let begun = Instant::now();
        while !self.is_stopped() {
            assert!(begun.elapsed() < DEADLINE, "the sidecar goes on:\n{}", self.log());
            std::thread::yield_now();
        }
    }

    fn is_stopped(&self) -> bool {
        let threads =
            std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("a process has threads");
        threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state follows the name, which is in brackets.
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// Waits for its end, which closes its standard output; panics after a minute.
    pub fn wait(&mut self) -> ExitStatus {
        if let Some(mut stdout) = self.stdout.take() {
            let (ended, end) = sync_channel(1);
            std::thread::spawn(move || {
                let mut rest = Vec::new();
                let read = stdout.read_to_end(&mut rest);
                ended.send(read)
            });
            if end.recv_timeout(DEADLINE).is_err() {
                panic!("the sidecar did not end within {DEADLINE:?}:\n{}", self.log());
            }
        }
        self.child.wait().expect("the process can be waited for")
    }

    fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().expect("the sidecar listens there")
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprint_log(&self.log());
        }
    }
}

#[allow(clippy::print_stderr, reason = "a failing test shows what the sidecar said")]
fn eprint_log(log: &str) {
    eprintln!("--- the sidecar said:\n{log}---");
}

fn read(file: &Path) -> String {
    std::fs::read(file).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}
