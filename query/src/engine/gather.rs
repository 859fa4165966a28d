//! The fan-out: a question to every source, one after the other where an answer takes several.
//!
//! All questions of one answer share a deadline. A source that has not answered one of them is named in the
//! coverage and not asked again, so that it delays an answer once at most. A question that another one
//! follows may take half of the time that is left.

use futures_util::future::join_all;
use spandrel_store::TimeRange;
use spandrel_store::filter::Field;
use spandrel_store::snapshot::{Gap, GapReason};
use tokio::time::{Instant, timeout_at};

use super::{About, Answer, Engine, Rejected, Scope};
use crate::coverage::Coverage;
use crate::language;
use crate::source::{Answering, Peer, Question, Source, SourceError};

/// An answer in the making.
pub(super) struct Asking<'e> {
    /// Those that have answered everything so far.
    sources: Vec<&'e dyn Source>,
    coverage: Coverage,
    pub(super) warnings: Vec<String>,
    deadline: Instant,
}

/// How much of the time that is left a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    All,
    Half,
}

/// What came back, before it is merged.
pub(super) struct Gathered<T> {
    pub(super) bodies: Vec<T>,
    /// Not in the coverage yet: whether a gap matters depends on the question.
    pub(super) gaps: Vec<(Peer, Gap)>,
}

impl Engine {
    pub(super) fn asking(&self, scope: Scope) -> Asking<'_> {
        let sources = self.sources.iter().map(AsRef::as_ref);
        let sources: Vec<&dyn Source> =
            sources.filter(|source| scope == Scope::All || source.peer().local).collect();
        Asking {
            coverage: Coverage::new(sources.len()),
            sources,
            warnings: Vec::new(),
            deadline: Instant::now() + self.limits.query_timeout,
        }
    }
}

impl<'e> Asking<'e> {
    /// Asks every source; `ask` is given the time until which this question may take.
    pub(super) async fn gather<T>(
        &mut self,
        share: Share,
        ask: impl Fn(&'e dyn Source, Instant) -> Answering<'e, T>,
    ) -> Result<Gathered<T>, Rejected> {
        let now = Instant::now();
        let deadline = match share {
            Share::All => self.deadline,
            Share::Half => now + self.deadline.saturating_duration_since(now) / 2,
        };
        let answers = join_all(self.sources.iter().map(|source| {
            let answer = ask(*source, deadline);
            async move { timeout_at(deadline, answer).await.unwrap_or(Err(SourceError::Deadline)) }
        }));
        let answers = answers.await;
        let mut gathered = Gathered { bodies: Vec::new(), gaps: Vec::new() };
        let mut unknown: Option<Vec<Field>> = None;
        for (source, answer) in std::mem::take(&mut self.sources).into_iter().zip(answers) {
            match answer {
                Ok(reply) => {
                    self.sources.push(source);
                    gathered.bodies.push(reply.body);
                    gathered.gaps.extend(reply.gaps.into_iter().map(|gap| (source.peer(), gap)));
                    match &mut unknown {
                        None => unknown = Some(reply.unknown),
                        // Unknown is what is unknown to everybody who answered.
                        Some(unknown) => unknown.retain(|field| reply.unknown.contains(field)),
                    }
                }
                Err(SourceError::Rejected(why)) => return Err(Rejected(why)),
                Err(error) => self.coverage.failed(source.peer(), &error),
            }
        }
        unknown.into_iter().flatten().for_each(|field| self.warn_of_unknown(&field));
        Ok(gathered)
    }

    /// The same, for questions about what `about` says.
    pub(super) async fn gather_about<T>(
        &mut self,
        share: Share,
        about: &About,
        ask: impl Fn(&'e dyn Source, Question) -> Answering<'e, T>,
    ) -> Result<Vec<T>, Rejected> {
        let question = |deadline| Question { filter: about.filter.clone(), range: about.range, deadline };
        let gathered = self.gather(share, |source, deadline| ask(source, question(deadline))).await?;
        let gaps = gathered.gaps;
        self.gaps_in(about, gaps);
        Ok(gathered.bodies)
    }

    /// Puts into the coverage the gaps that the question overlaps. Without a start it asks for what is
    /// retained, so that what retention deleted is no part of it.
    pub(super) fn gaps_in(&mut self, about: &About, gaps: Vec<(Peer, Gap)>) {
        self.gaps_where(gaps, |gap| {
            let asked_for = gap.reason != GapReason::Deleted || !about.open_start;
            asked_for && overlap(&about.range, &gap.range)
        });
    }

    pub(super) fn gaps_where(&mut self, gaps: Vec<(Peer, Gap)>, matters: impl Fn(&Gap) -> bool) {
        for (peer, gap) in gaps {
            if matters(&gap) {
                self.coverage.gap(&peer, gap);
            }
        }
    }

    pub(super) fn out_of_time(&self) -> bool {
        self.sources.is_empty() || Instant::now() >= self.deadline
    }

    pub(super) fn answer<B>(mut self, body: B) -> Answer<B> {
        self.coverage.answered = self.sources.len();
        Answer { body, coverage: self.coverage, warnings: self.warnings }
    }

    fn warn_of_unknown(&mut self, field: &Field) {
        let Some(name) = language::attribute_name(field) else { return };
        let warning = format!("no retained record has the field `{name}`");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

pub(super) fn overlap(asked: &TimeRange, gap: &TimeRange) -> bool {
    asked.overlaps(gap.start, gap.end)
}
