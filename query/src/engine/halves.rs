//! Halves of calls between services, gathered from every sidecar into the numbers of a gateway.

use std::time::Instant;

use super::gather::Share;
use super::{Answer, Engine, Rejected, Scope};
use crate::source::{Answering, HalvesQuestion, Source};
use crate::span_metrics::{Offered, SpanMetrics};

impl Engine {
    /// Takes over what every sidecar has to tell since the last time. A sidecar that does not answer is asked
    /// again the next time.
    pub async fn gather_halves(&self, into: &SpanMetrics) -> Result<Answer<()>, Rejected> {
        let mut asking = self.asking(Scope::All).await;
        let halves_max = self.limits.half_edges_max.min(self.limits.trace_records_max);
        let gathered = asking.gather(Share::All, |source, deadline| {
            let name = source.peer().name;
            let ask = HalvesQuestion { after: into.told_by(&name), halves_max, deadline };
            named(source, name, ask)
        });
        let gathered = gathered.await?;
        let names: Vec<String> = self.roster.load().sources.iter().map(|source| source.peer().name).collect();
        into.forget_others(&names);
        for (name, offered) in gathered.bodies {
            into.gathered(&name, offered, Instant::now());
        }
        Ok(asking.answer(()))
    }
}

fn named<'s>(source: &'s dyn Source, name: String, ask: HalvesQuestion) -> Answering<'s, (String, Offered)> {
    Box::pin(async move {
        let reply = source.halves(ask).await?;
        Ok(reply.map(|offered| (name, offered)))
    })
}
