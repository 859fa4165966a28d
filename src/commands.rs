//! What each command does, and the status it ends with.

mod ask;
mod check_config;
mod errors;
mod healthcheck;
mod output;
mod peers;
mod search;
mod tail;
mod trace;
mod try_log;

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::{Arguments, Command};
use crate::show::{ColourChoice, Screen};
use crate::{assembly, demo, exec};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Found,
    NothingFound,
    /// The status of a program that was run.
    Ended(u8),
}

pub fn dispatch(arguments: Arguments) -> anyhow::Result<Outcome> {
    let screen = screen(arguments.color);
    match arguments.command {
        Command::Run(run) => assembly::run(&run).map(|()| Outcome::Found),
        Command::Exec(exec) => exec::run(&exec).map(Outcome::Ended),
        Command::Demo(demo) => demo::run(&demo, screen).map(|()| Outcome::Found),
        Command::CheckConfig(check) => check_config::run(&check),
        Command::TryLog(file) => try_log::run(&file),
        Command::Trace(trace) => block_on(trace::run(&trace, screen)),
        Command::Errors(errors) => block_on(errors::run(&errors, screen)),
        Command::Search(search) => block_on(search::run(&search, screen)),
        Command::Tail(tail) => block_on(tail::run(&tail, screen)),
        Command::Peers(peers) => block_on(peers::run(&peers, screen)),
        Command::Healthcheck(check) => block_on(healthcheck::run(&check)),
    }
}

pub use ask::{client, failing};

fn screen(choice: ColourChoice) -> Screen {
    let variable = spandrel_config::environment;
    Screen::of_stdout(choice, variable("COLUMNS").as_deref(), variable("NO_COLOR").as_deref())
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("start the runtime")?.block_on(future)
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Found => ExitCode::SUCCESS,
            Outcome::NothingFound => ExitCode::from(1),
            Outcome::Ended(status) => ExitCode::from(status),
        }
    }
}
