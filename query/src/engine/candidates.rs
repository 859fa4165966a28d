//! Whole traces that may be an answer: those with a matching record, the newest first, a few at a time.
//!
//! For questions that one record cannot decide. What is done with the traces runs on the blocking pool.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use spandrel_store::snapshot::{Position, TraceRecords};
use spandrel_store::{Record, TraceId, TraceIdMatch};

use super::gather::{Asking, Share};
use super::traces::{matching_traces, merge_trace};
use super::{About, Answer, Engine, Rejected};
use crate::source::{Answering, Reply, Source, TraceMatch, TraceQuestion};

/// Traces that are fetched in one go, while they are of usual size.
const GROUP_MAX: usize = 64;

/// Records of one group from which on the next one is smaller.
const GROUP_RECORDS: usize = 20_000;

/// A trace, all of it.
#[derive(Debug)]
pub struct Candidate {
    pub trace_id: TraceId,
    /// The newest of its records that matched. No trace of a later group has a newer one.
    pub newest: Position,
    /// In the order of their times.
    pub records: Vec<Arc<Record>>,
}

impl Engine {
    /// Takes groups of traces through `step` until it breaks or there are no more. Returns whether all traces
    /// were looked at: not more than `limits.question_traces_max` are, nor more than there is time for.
    pub async fn candidates<S: Send + 'static>(
        &self,
        about: &About,
        wanted: usize,
        state: S,
        step: impl Fn(&mut S, Vec<Candidate>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Result<Answer<(S, bool)>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let (mut state, step) = (state, Arc::new(step));
        let (mut seen, mut after, mut group) = (HashSet::new(), None, wanted.clamp(1, GROUP_MAX));
        loop {
            if seen.len() >= self.limits.question_traces_max {
                return Ok(asking.answer((state, false)));
            }
            let found = matching_traces(&mut asking, about, after, group).await?;
            let (count, Some(last)) = (found.len(), found.last()) else { break };
            after = Some(last.newest);
            let new: Vec<TraceMatch> = found.into_iter().filter(|one| seen.insert(one.trace_id)).collect();
            let traces = self.whole(&mut asking, &new).await?;
            let records: usize = traces.iter().map(|trace| trace.records.len()).sum();
            let each = records / new.len().max(1);
            let next_group = (GROUP_RECORDS / each.max(1)).clamp(1, GROUP_MAX);
            let step = step.clone();
            let work = tokio::task::spawn_blocking(move || {
                let flow = step(&mut state, traces);
                (state, flow)
            });
            let done = work.await.map_err(|_| Rejected("the question broke off".to_owned()))?;
            asking.release();
            state = done.0;
            if done.1.is_break() || count < group {
                break;
            }
            if asking.out_of_time() {
                return Ok(asking.answer((state, false)));
            }
            group = next_group;
        }
        Ok(asking.answer((state, true)))
    }

    async fn whole(&self, asking: &mut Asking, of: &[TraceMatch]) -> Result<Vec<Candidate>, Rejected> {
        let records_max = self.limits.trace_records_max;
        let ids: Vec<TraceId> = of.iter().map(|found| found.trace_id).collect();
        let gathered = asking.gather(Share::Half, |source, deadline| {
            let questions = ids.iter().map(|id| {
                let id = TraceIdMatch::exactly(*id);
                TraceQuestion { id, records_max, deadline }
            });
            each(source, questions.collect())
        });
        let mut fragments: Vec<Vec<TraceRecords>> = of.iter().map(|_| Vec::new()).collect();
        for body in gathered.await?.bodies {
            fragments.iter_mut().zip(body).for_each(|(all, one)| all.push(one));
        }
        let merged = of.iter().zip(fragments).map(|(found, fragments)| {
            let id = TraceIdMatch::exactly(found.trace_id);
            let merged = merge_trace(fragments, &id, records_max, &mut asking.warnings);
            Candidate { trace_id: found.trace_id, newest: found.newest, records: merged.records }
        });
        Ok(merged.collect())
    }
}

/// Several traces of one source, one after the other.
fn each(source: &dyn Source, questions: Vec<TraceQuestion>) -> Answering<'_, Vec<TraceRecords>> {
    Box::pin(async move {
        let mut all: Reply<Vec<TraceRecords>> = Reply::default();
        for question in questions {
            let mut reply = source.trace(question).await?;
            all.body.push(reply.body);
            all.held.append(&mut reply.held);
            (all.gaps, all.beyond, all.identity) = (reply.gaps, reply.beyond, reply.identity);
        }
        Ok(all)
    })
}
