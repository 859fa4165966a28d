//! The fan-out: a question to every source, one after the other where an answer takes several.
//!
//! All questions of one answer share a deadline and one list of sources. A source that has not answered one of
//! them is named in the coverage and not asked again, so that it delays an answer once at most. A question that
//! another one follows leaves it some of the time.
//!
//! At most `limits.peer_questions_max` answers with peers in them are in the making at once; more wait for a turn, and
//! without one before the deadline everybody counts as busy. An answer that is made holds no turn while it is written.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use spandrel_store::TimeRange;
use spandrel_store::filter::Field;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::{About, Answer, Engine, Rejected, Scope};
use crate::coverage::{Absence, Coverage, DELETED};
use crate::language;
use crate::source::{Answering, Question, Reply, Roster, Source, SourceError};

/// An answer in the making.
pub(super) struct Asking {
    roster: Arc<Roster>,
    /// Those that have answered everything so far.
    asked: Vec<Asked>,
    coverage: Coverage,
    pub(super) warnings: Vec<String>,
    held: Vec<OwnedSemaphorePermit>,
    deadline: Instant,
    peer_timeout: Duration,
    scope: Scope,
    _turn: Option<OwnedSemaphorePermit>,
}

struct Asked {
    source: Arc<dyn Source>,
    /// Sidecars that it stands for: more or less than one for a gateway.
    asked: usize,
    answered: usize,
}

/// How much of the time that is left a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    All,
    /// All but what a small question to peers takes (`limits.peer_timeout`), and half at least.
    Most,
    Half,
}

impl Share {
    fn of(self, left: Duration, peer_timeout: Duration) -> Duration {
        match self {
            Share::All => left,
            Share::Most => left.saturating_sub(peer_timeout).max(left / 2),
            Share::Half => left / 2,
        }
    }
}

/// What came back, before it is merged.
pub(super) struct Gathered<T> {
    pub(super) bodies: Vec<T>,
    /// Not in the coverage yet: whether it matters depends on the question.
    pub(super) absent: Vec<Absence>,
}

impl Engine {
    pub(super) async fn asking(&self, scope: Scope) -> Asking {
        let deadline = Instant::now() + self.limits.query_timeout;
        let turn = timeout_at(deadline, self.turn(scope)).await;
        let roster = self.roster.load_full();
        let sources = roster.sources.iter().filter(|source| scope.includes(source.as_ref()));
        let asked = sources.map(|source| Asked { source: source.clone(), asked: 1, answered: 1 });
        let is_late = turn.is_err();
        let mut asking = Asking {
            asked: asked.collect(),
            coverage: Coverage::new(0),
            warnings: Vec::new(),
            held: Vec::new(),
            deadline,
            peer_timeout: self.limits.peer_timeout,
            scope,
            _turn: turn.ok().flatten(),
            roster,
        };
        if is_late {
            asking.give_up();
        }
        asking
    }

    /// Waits for one, where peers are asked.
    async fn turn(&self, scope: Scope) -> Option<OwnedSemaphorePermit> {
        let are_peers_asked =
            scope == Scope::All && self.roster.load().sources.iter().any(|source| !source.peer().local);
        // The semaphore is never closed.
        if are_peers_asked { self.turns.clone().acquire_owned().await.ok() } else { None }
    }
}

impl Scope {
    pub(super) fn includes(self, source: &dyn Source) -> bool {
        self == Scope::All || source.peer().local
    }
}

impl Asking {
    /// Asks nobody: there was no turn in time.
    fn give_up(&mut self) {
        for asked in std::mem::take(&mut self.asked) {
            self.coverage.asked += asked.asked;
            self.coverage.failed(asked.source.peer(), &SourceError::Busy);
        }
    }

    /// Asks every source; `ask` is given the time until which this question may take.
    pub(super) async fn gather<T>(
        &mut self,
        share: Share,
        ask: impl for<'s> Fn(&'s dyn Source, Instant) -> Answering<'s, T>,
    ) -> Result<Gathered<T>, Rejected> {
        self.gather_some(share, |_, source, deadline| Some(ask(source, deadline))).await
    }

    /// The same, of those for whom `ask`, which is told their places, has a question. The bodies are in the order of the
    /// places that those who answered have from then on.
    async fn gather_some<T>(
        &mut self,
        share: Share,
        ask: impl for<'s> Fn(usize, &'s dyn Source, Instant) -> Option<Answering<'s, T>>,
    ) -> Result<Gathered<T>, Rejected> {
        let now = Instant::now();
        let deadline = now + share.of(self.deadline.saturating_duration_since(now), self.peer_timeout);
        let asked = std::mem::take(&mut self.asked);
        let answers = join_all(asked.iter().enumerate().map(|(place, asked)| {
            let answer = ask(place, asked.source.as_ref(), deadline);
            async move {
                let answer = timeout_at(deadline, answer?).await;
                Some(answer.unwrap_or(Err(SourceError::Deadline)))
            }
        }));
        let answers = answers.await;
        let absent = if self.scope == Scope::All { self.roster.absent.clone() } else { Vec::new() };
        let mut gathered = Gathered { bodies: Vec::new(), absent };
        let (mut unknown, mut identities): (Option<Vec<Field>>, _) = (None, Vec::new());
        let (mut all_answered, mut rejected) = (true, None);
        for (mut asked, answer) in asked.into_iter().zip(answers) {
            let Some(answer) = answer else {
                self.asked.push(asked);
                all_answered = false;
                continue;
            };
            match answer {
                // One sidecar under two names: it counts once.
                Ok(Reply { identity: Some(identity), .. }) if identities.contains(&identity) => {}
                Ok(mut reply) => {
                    identities.extend(reply.identity);
                    self.held.append(&mut reply.held);
                    asked.take(&mut reply, &mut gathered.absent);
                    self.asked.push(asked);
                    gathered.bodies.push(reply.body);
                    match &mut unknown {
                        None => unknown = Some(reply.unknown),
                        // Unknown is what is unknown to everybody who answered.
                        Some(unknown) => unknown.retain(|field| reply.unknown.contains(field)),
                    }
                }
                Err(SourceError::Rejected(why)) if asked.source.peer().local => return Err(Rejected(why)),
                Err(SourceError::Itself) => {}
                Err(error) => {
                    if let SourceError::Rejected(why) = &error {
                        rejected.get_or_insert_with(|| why.clone());
                    }
                    self.coverage.asked += asked.asked;
                    self.coverage.failed(asked.source.peer(), &error);
                    all_answered = false;
                }
            }
        }
        // A peer may have limits of its own; what nobody answers is the question's fault.
        if let Some(why) = rejected.filter(|_| gathered.bodies.is_empty()) {
            return Err(Rejected(why));
        }
        // Who was not asked, or did not answer, may have them.
        let unknown = unknown.filter(|_| all_answered);
        unknown.into_iter().flatten().for_each(|field| self.warn_of_unknown(&field));
        Ok(gathered)
    }

    /// The same, for questions about what `about` says.
    pub(super) async fn gather_about<T>(
        &mut self,
        share: Share,
        about: &About,
        ask: impl for<'s> Fn(&'s dyn Source, Question) -> Answering<'s, T>,
    ) -> Result<Vec<T>, Rejected> {
        self.gather_some_about(share, about, |_, source, question| Some(ask(source, question))).await
    }

    /// The same, of those for whom `ask` has a question.
    pub(super) async fn gather_some_about<T>(
        &mut self,
        share: Share,
        about: &About,
        ask: impl for<'s> Fn(usize, &'s dyn Source, Question) -> Option<Answering<'s, T>>,
    ) -> Result<Vec<T>, Rejected> {
        let question = |deadline| Question { filter: about.filter.clone(), range: about.range, deadline };
        let gathered =
            self.gather_some(share, |place, source, deadline| ask(place, source, question(deadline))).await?;
        self.absent_in(about, gathered.absent);
        Ok(gathered.bodies)
    }

    /// Puts into the coverage what is missing from the time that the question is about. Without a start it
    /// asks for what is retained, so that what retention deleted is no part of it.
    pub(super) fn absent_in(&mut self, about: &About, absent: Vec<Absence>) {
        self.absent_where(absent, |absence| {
            let asked_for = absence.reason != DELETED || !about.open_start;
            asked_for && overlap(&about.range, &absence.range)
        });
    }

    pub(super) fn absent_where(&mut self, absent: Vec<Absence>, matters: impl Fn(&Absence) -> bool) {
        absent.into_iter().filter(matters).for_each(|absence| self.coverage.absent(absence));
    }

    /// How many are asked next.
    pub(super) fn sources(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Names those who answer: not all that they told could be looked at in time.
    pub(super) fn too_late(&mut self) {
        for asked in &self.asked {
            self.coverage.failed(asked.source.peer(), &SourceError::Deadline);
        }
    }

    pub(super) fn out_of_time(&self) -> bool {
        self.asked.is_empty() || Instant::now() >= self.deadline
    }

    /// Gives back the memory of what was gathered so far, once nothing of it is held any more.
    pub(super) fn release(&mut self) {
        self.held.clear();
    }

    pub(super) fn answer<B>(mut self, body: B) -> Answer<B> {
        for asked in &self.asked {
            self.coverage.asked = self.coverage.asked.saturating_add(asked.asked);
            self.coverage.answered = self.coverage.answered.saturating_add(asked.answered);
        }
        Answer { body, coverage: self.coverage, warnings: self.warnings, held: self.held }
    }

    fn warn_of_unknown(&mut self, field: &Field) {
        let Some(name) = language::attribute_name(field) else { return };
        let warning = format!("no retained record has the field `{name}`");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

impl Asked {
    /// Notes what a reply says besides its body.
    fn take<T>(&mut self, reply: &mut Reply<T>, absent: &mut Vec<Absence>) {
        let peer = self.source.peer();
        absent.extend(reply.gaps.drain(..).map(|gap| Absence::of_gap(peer.clone(), gap)));
        if let Some(beyond) = reply.beyond.take() {
            (self.asked, self.answered) = (beyond.asked, beyond.answered);
            absent.extend(beyond.missing);
        }
    }
}

pub(super) fn overlap(asked: &TimeRange, missing: &TimeRange) -> bool {
    asked.overlaps(missing.start, missing.end)
}
