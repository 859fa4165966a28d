//! The fan-out: one question to every source, each with the same deadline.

use futures_util::future::join_all;
use spandrel_store::TimeRange;
use spandrel_store::filter::Field;
use spandrel_store::snapshot::{Gap, GapReason};
use tokio::time::{Instant, timeout_at};

use super::{About, Answer, Engine, Rejected, Scope};
use crate::coverage::Coverage;
use crate::language;
use crate::source::{Answering, Peer, Question, Reply, Source, SourceError};

/// What came back, before it is merged.
pub(super) struct Gathered<T> {
    pub(super) bodies: Vec<T>,
    pub(super) coverage: Coverage,
    pub(super) warnings: Vec<String>,
    /// Not in the coverage yet: whether a gap matters depends on the question.
    pub(super) gaps: Vec<(Peer, Gap)>,
}

impl Engine {
    pub(super) fn question(&self, about: &About, deadline: Instant) -> Question {
        Question { filter: about.filter.clone(), range: about.range, deadline }
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout()
    }

    pub(super) async fn gather<'s, T>(
        &'s self,
        scope: Scope,
        deadline: Instant,
        ask: impl Fn(&'s dyn Source) -> Answering<'s, T>,
    ) -> Result<Gathered<T>, Rejected> {
        let asked = self.sources.iter().map(AsRef::as_ref);
        let asked: Vec<&dyn Source> =
            asked.filter(|source| scope == Scope::All || source.peer().local).collect();
        let answers = join_all(asked.iter().map(|source| {
            let answer = ask(*source);
            async move { timeout_at(deadline, answer).await.unwrap_or(Err(SourceError::Deadline)) }
        }));
        let mut gathered = Gathered {
            bodies: Vec::new(),
            coverage: Coverage::new(asked.len()),
            warnings: Vec::new(),
            gaps: Vec::new(),
        };
        let mut unknown: Option<Vec<Field>> = None;
        for (source, answer) in asked.iter().zip(answers.await) {
            match answer {
                Ok(reply) => gathered.take(source.peer(), reply, &mut unknown),
                Err(SourceError::Rejected(why)) => return Err(Rejected(why)),
                Err(error) => gathered.coverage.failed(source.peer(), &error),
            }
        }
        let names = unknown.into_iter().flatten().filter_map(|field| language::attribute_name(&field));
        gathered.warnings.extend(names.map(|name| format!("no retained record has the field `{name}`")));
        Ok(gathered)
    }
}

impl<T> Gathered<T> {
    /// A field is unknown if it is to everybody who answered.
    fn take(&mut self, peer: Peer, reply: Reply<T>, unknown: &mut Option<Vec<Field>>) {
        self.coverage.answered();
        self.gaps.extend(reply.gaps.into_iter().map(|gap| (peer.clone(), gap)));
        match unknown {
            None => *unknown = Some(reply.unknown),
            Some(unknown) => unknown.retain(|field| reply.unknown.contains(field)),
        }
        self.bodies.push(reply.body);
    }

    /// Puts into the coverage the gaps that the question overlaps. Without a start it asks for what is
    /// retained, so that what retention deleted is no part of it.
    pub(super) fn gaps_in(&mut self, about: &About) {
        self.gaps_where(|gap| {
            let asked_for = gap.reason != GapReason::Deleted || !about.open_start;
            asked_for && overlap(&about.range, &gap.range)
        });
    }

    pub(super) fn gaps_where(&mut self, matters: impl Fn(&Gap) -> bool) {
        for (peer, gap) in self.gaps.drain(..) {
            if matters(&gap) {
                self.coverage.gap(&peer, gap);
            }
        }
    }

    pub(super) fn answer<B>(self, body: B) -> Answer<B> {
        Answer { body, coverage: self.coverage, warnings: self.warnings }
    }
}

pub(super) fn overlap(asked: &TimeRange, gap: &TimeRange) -> bool {
    asked.overlaps(gap.start, gap.end)
}
