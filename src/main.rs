//! The `spandrel` program: reads the command line, runs one command, ends with its status.

#![allow(unreachable_pub, reason = "a program has no outside: `pub` is what other modules of it may use")]

mod answer;
mod assembly;
mod cli;
mod client;
mod commands;
mod demo;
mod exec;
mod memory;
mod show;
mod telemetry;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

/// As for a mistake on the command line.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    memory::configure();
    let arguments = cli::Arguments::parse();
    match commands::dispatch(arguments) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            // Nobody is left to tell if standard error is closed too.
            let _ = writeln!(std::io::stderr(), "spandrel: {}", in_words(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// The error and what caused it. Many errors already say their cause; it is not said twice.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}
