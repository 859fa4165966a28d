//! All matching records of all sources, one by one: for questions that only looking at each can answer.
//!
//! Records come page by page, newest first, each once. What is done with them runs on the blocking pool, so that
//! no more than one page of each source is in memory. A source that fails on the way is named in the coverage;
//! what it told before counts. Where the time is over before all were looked at, everybody is named as `timeout`.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use spandrel_store::Record;
use spandrel_store::filter::Field;

use super::gather::Share;
use super::{About, Answer, Engine, Rejected, position};
use crate::source::CountQuestion;

/// Records of one page: many, for a page costs a look at the index, and few enough for a peer's answer.
const PAGE_RECORDS: usize = 2_048;

/// Records from one look at the clock to the next.
const LOOKS_EVERY: usize = 16;

impl Engine {
    /// Takes every matching record through `step`, newest first, until it breaks or there are no more.
    pub async fn fold<S: Send + 'static>(
        &self,
        about: &About,
        mut state: S,
        step: impl Fn(&mut S, &Arc<Record>) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Result<Answer<S>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let (step, mut after) = (Arc::new(step), None);
        let until = asking.deadline().into_std();
        loop {
            let (page, is_cut) = asking.newest(about, after, PAGE_RECORDS).await?;
            let more = is_cut || page.len() == PAGE_RECORDS;
            after = page.last().map(|record| position(record));
            let step = step.clone();
            let work = tokio::task::spawn_blocking(move || {
                let mut is_late = false;
                let flow = page.iter().enumerate().try_for_each(|(place, record)| {
                    // Of what is done with a record, templates may be slow.
                    is_late = place.is_multiple_of(LOOKS_EVERY) && Instant::now() > until;
                    if is_late { ControlFlow::Break(()) } else { step(&mut state, record) }
                });
                (state, flow, is_late)
            });
            let done = work.await.map_err(|_| Rejected("the question broke off".to_owned()))?;
            asking.release();
            state = done.0;
            if done.2 {
                asking.too_late();
            }
            if done.1.is_break() || !more {
                return Ok(asking.answer(state));
            }
        }
    }

    /// How many matching records have each combination of values of `by`; `None` where records have none.
    pub async fn groups(
        &self,
        about: &About,
        by: &[Field],
    ) -> Result<Answer<Vec<(Vec<Option<String>>, u64)>>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        // One step for all times.
        let (step_ns, groups_max) = (u64::MAX, self.limits.histogram_points_max);
        let ask = |about| CountQuestion { about, step_ns, origin_ns: 0, by: by.to_vec(), groups_max };
        let bodies =
            asking.gather_about(Share::All, about, |source, about| source.histogram(ask(about))).await?;
        let mut sums: HashMap<Vec<Option<String>>, u64> = HashMap::new();
        for series in bodies.into_iter().flatten() {
            let count: u64 = series.points.iter().map(|(_, count)| count).sum();
            *sums.entry(series.key).or_default() += count;
        }
        Ok(asking.answer(sums.into_iter().collect()))
    }
}
