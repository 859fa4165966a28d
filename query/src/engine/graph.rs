//! The service graph: every source's own, joined.

use super::gather::Share;
use super::{About, Answer, Engine, Rejected};
use crate::graph::{PartialGraph, ServiceGraph, join};
use crate::source::GraphQuestion;

/// Of a bound that many peers share each still gets so much.
const ENDS_MIN: usize = 1_000;

impl Engine {
    /// Who calls whom in the time that is asked for. The filter says which spans count as calls.
    pub async fn graph(&self, about: &About) -> Result<Answer<ServiceGraph>, Rejected> {
        let mut asking = self.asking(about.scope).await;
        let spans_max = self.limits.graph_spans_max;
        let ends_max = (self.limits.graph_ends_max / asking.sources().max(1)).max(ENDS_MIN);
        let ask = |about| GraphQuestion { about, spans_max, ends_max };
        let bodies = asking.gather_about(Share::All, about, |source, about| source.graph(ask(about))).await?;
        let parts: Vec<PartialGraph> = bodies.into_iter().flatten().collect();
        let joining = tokio::task::spawn_blocking(move || join(&parts));
        let graph = joining.await.map_err(|_| Rejected("the question broke off".to_owned()))?;
        if graph.one_in > 1 {
            asking.warnings.push(format!(
                "there are too many spans to look at all: calls are estimated from one trace in {}; a shorter time gives exact counts",
                graph.one_in
            ));
        }
        Ok(asking.answer(graph))
    }
}
