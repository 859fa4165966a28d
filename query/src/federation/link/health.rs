//! What is known of a peer: whether it is asked, and what it said of itself.

use std::time::Duration;

use spandrel_store::UnixNanos;
use tokio::time::Instant;

use crate::federation::Identity;
use crate::source::{Description, PeerFault, SourceError, Standing};

#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    pub(crate) state: State,
    /// Who answered last.
    pub(crate) identity: Option<Identity>,
    process: Option<Process>,
    /// Whether it is a gateway, which holds nothing itself.
    pub(crate) gateway: bool,
    /// As it last described itself.
    pub(crate) description: Option<Description>,
    pub(crate) standing: Standing,
    /// Probes that failed in a row.
    pub(crate) failures: u32,
}

/// Which process answers, since when that is known, and when it began to answer last.
#[derive(Debug, Clone, Copy)]
struct Process {
    run: u64,
    since: Instant,
    heard: Instant,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// It has not answered yet, nor failed to.
    #[default]
    New,
    Up,
    /// It is not asked; the error is what its questions get.
    Down(SourceError),
    /// It is the asker.
    Itself,
}

impl State {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            State::New => "new",
            State::Up => "up",
            State::Down(_) => "down",
            State::Itself => "itself",
        }
    }
}

impl Health {
    /// Why a question is not even sent.
    pub(crate) fn refusal(&self) -> Option<SourceError> {
        match &self.state {
            State::New | State::Up => None,
            State::Down(error) => Some(error.clone()),
            State::Itself => Some(SourceError::Itself),
        }
    }

    pub(crate) fn answered(
        &mut self,
        latency: Duration,
        identity: Option<Identity>,
        description: Option<Description>,
    ) {
        (self.state, self.failures) = (State::Up, 0);
        if self.identity != identity {
            // Somebody else: what the one before said of itself does not hold for him.
            (self.identity, self.description, self.gateway) =
                (identity, None, self.gateway && description.is_some());
        }
        self.standing.latency = Some(latency);
        self.standing.last_answer = Some(UnixNanos::now());
        if description.is_some() {
            self.description = description;
        }
    }

    /// It begins an answer; `run` is 0 where it does not say which process it is.
    pub(crate) fn heard_of(&mut self, run: u64, now: Instant) {
        match &mut self.process {
            _ if run == 0 => self.process = None,
            Some(process) if process.run == run => process.heard = now,
            process => *process = Some(Process { run, since: now, heard: now }),
        }
    }

    /// Whether it is another process than one of the same identity. One that was started anew is not: it has not answered
    /// under one of its names since it has under the other.
    pub(crate) fn is_beside(&self, other: &Health) -> bool {
        match (self.process, other.process) {
            (Some(one), Some(two)) => one.run != two.run && one.heard > two.since && two.heard > one.since,
            _ => false,
        }
    }

    pub(crate) fn failed(&mut self, error: &SourceError, probed: bool) {
        if *error == SourceError::Itself {
            // Of a question that came from further away it says that that one went in a circle.
            if probed {
                (self.state, self.failures) = (State::Itself, 0);
            }
            return;
        }
        self.standing.last_error = Some((error.to_string(), UnixNanos::now()));
        // It is there, and has a reason of its own not to answer just now.
        if !Health::is_suspicious(error) {
            if probed {
                (self.state, self.failures) = (State::Up, 0);
            }
            return;
        }
        if probed || *error != SourceError::Deadline {
            self.failures = self.failures.saturating_add(u32::from(probed));
            self.state = State::Down(error.clone());
        }
    }

    /// Whether an error says something about the peer rather than about the question.
    pub(crate) fn is_suspicious(error: &SourceError) -> bool {
        match error {
            SourceError::Deadline => true,
            SourceError::Peer(fault, _) => *fault != PeerFault::TooLarge,
            SourceError::Busy
            | SourceError::NoRoom
            | SourceError::Rejected(_)
            | SourceError::Failed(_)
            | SourceError::Itself => false,
        }
    }

    /// What others react to when it changes.
    pub(crate) fn outline(&self) -> (&'static str, Option<&'static str>, Option<Identity>, bool) {
        let reason = match &self.state {
            State::Down(error) => Some(error.reason()),
            _ => None,
        };
        (self.state.as_str(), reason, self.identity, self.description.is_some())
    }

    /// It answers, and has not said yet who it is and what it holds.
    pub(crate) fn is_unknown(&self) -> bool {
        self.state == State::Up && self.description.is_none()
    }

    /// The service with the most records; a gateway stands next to none.
    pub(crate) fn service(&self) -> Option<String> {
        let description = self.description.as_ref().filter(|_| !self.gateway)?;
        description.services.first().cloned()
    }
}

#[cfg(test)]
mod tests;
