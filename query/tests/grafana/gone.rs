//! A sidecar that does not answer.

use std::sync::Arc;

use futures_util::stream;
use spandrel_query::graph::PartialGraph;
use spandrel_query::source::{
    Answering, CountQuestion, Description, FieldsQuestion, GraphQuestion, Overview, OverviewQuestion,
    PageQuestion, Peer, PeerFault, Source, SourceError, Tailing, TraceMatch, TraceQuestion, ValuesQuestion,
};
use spandrel_store::snapshot::{FieldInfo, Series, TraceRecords, Values};
use spandrel_store::{Filter, Record, UnixNanos};
use tokio::time::Instant;

pub struct Gone {
    pub name: String,
}

fn gone<'a, T: Send + 'a>() -> Answering<'a, T> {
    let error = SourceError::Peer(PeerFault::Unreachable, "nobody there".to_owned());
    Box::pin(std::future::ready(Err(error)))
}

impl Source for Gone {
    fn peer(&self) -> Peer {
        Peer { name: self.name.clone(), service: None, local: false }
    }
    fn trace(&self, _: TraceQuestion) -> Answering<'_, TraceRecords> {
        gone()
    }
    fn search(&self, _: PageQuestion) -> Answering<'_, Vec<Arc<Record>>> {
        gone()
    }
    fn matching_traces(&self, _: PageQuestion) -> Answering<'_, Vec<TraceMatch>> {
        gone()
    }
    fn overviews(&self, _: OverviewQuestion) -> Answering<'_, Vec<Overview>> {
        gone()
    }
    fn histogram(&self, _: CountQuestion) -> Answering<'_, Vec<Series>> {
        gone()
    }
    fn graph(&self, _: GraphQuestion) -> Answering<'_, Vec<PartialGraph>> {
        gone()
    }
    fn fields(&self, _: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>> {
        gone()
    }
    fn values(&self, _: ValuesQuestion) -> Answering<'_, Values> {
        gone()
    }
    fn extent(&self, _: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>> {
        gone()
    }
    fn describe(&self, _: Instant) -> Answering<'_, Description> {
        gone()
    }
    fn tail(&self, _: Filter) -> Tailing {
        Box::pin(stream::empty())
    }
}
