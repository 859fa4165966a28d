//! The demo shop's traffic, sent to a sidecar by the binary itself.

use crate::Sidecar;

/// What `spandrel demo` said it had sent.
#[derive(Debug)]
pub struct Demo {
    pub output: String,
    /// The traces that it calls worth a look, each with the command (`errors` or `trace`) to look with.
    pub worth_a_look: Vec<(String, String)>,
}

impl Demo {
    /// Panics unless everything was acknowledged.
    pub fn send(sidecar: &Sidecar, seed: u64, traces: usize) -> Demo {
        let (grpc, http) = (format!("http://{}", sidecar.grpc()), format!("http://{}", sidecar.http()));
        let (seed, traces) = (seed.to_string(), traces.to_string());
        let arguments =
            ["demo", "--endpoint", &grpc, "--http-endpoint", &http, "--seed", &seed, "--traces", &traces];
        let sent = sidecar.cli(arguments);
        let output = String::from_utf8_lossy(&sent.stdout).into_owned();
        let error = String::from_utf8_lossy(&sent.stderr).into_owned();
        assert!(sent.status.success(), "the demo failed: {output}{error}");
        let command = |line: &str| {
            let (_, command) = line.split_once("spandrel ")?;
            let mut words = command.split(' ');
            Some((words.next()?.to_owned(), words.next_back()?.to_owned()))
        };
        let worth_a_look = output.lines().filter_map(command).collect();
        Demo { output, worth_a_look }
    }

    /// The first trace that the demo calls failed.
    pub fn failed_trace(&self) -> &str {
        let failed = self.worth_a_look.iter().find(|(command, _)| command == "errors");
        &failed.expect("the demo's first request fails").1
    }
}
