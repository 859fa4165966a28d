//! A configured peer that this version cannot ask.
//!
//! Questions between sidecars are not built yet. Until they are, a peer in `federation.peers` is named in
//! the coverage of every answer, so that nobody takes one sidecar's records for everybody's.

use std::sync::Arc;

use futures_util::stream;
use spandrel_store::snapshot::{FieldInfo, Series, TraceRecords, Values};
use spandrel_store::{Filter, Record, UnixNanos};
use tokio::time::Instant;

use super::{
    Answering, CountQuestion, Description, FieldsQuestion, Overview, OverviewQuestion, PageQuestion, Peer,
    Source, SourceError, Tailing, TraceMatch, TraceQuestion, ValuesQuestion,
};

pub struct UnaskedPeer {
    /// Its query endpoint.
    pub name: String,
}

fn unasked<'a, T: Send + 'a>() -> Answering<'a, T> {
    let why = "this version does not ask other sidecars yet".to_owned();
    Box::pin(std::future::ready(Err(SourceError::Failed(why))))
}

impl Source for UnaskedPeer {
    fn peer(&self) -> Peer {
        Peer { name: self.name.clone(), service: None, local: false }
    }

    fn trace(&self, _: TraceQuestion) -> Answering<'_, TraceRecords> {
        unasked()
    }

    fn search(&self, _: PageQuestion) -> Answering<'_, Vec<Arc<Record>>> {
        unasked()
    }

    fn matching_traces(&self, _: PageQuestion) -> Answering<'_, Vec<TraceMatch>> {
        unasked()
    }

    fn overviews(&self, _: OverviewQuestion) -> Answering<'_, Vec<Overview>> {
        unasked()
    }

    fn histogram(&self, _: CountQuestion) -> Answering<'_, Vec<Series>> {
        unasked()
    }

    fn fields(&self, _: FieldsQuestion) -> Answering<'_, Vec<FieldInfo>> {
        unasked()
    }

    fn values(&self, _: ValuesQuestion) -> Answering<'_, Values> {
        unasked()
    }

    fn extent(&self, _: Instant) -> Answering<'_, Option<(UnixNanos, UnixNanos)>> {
        unasked()
    }

    fn describe(&self, _: Instant) -> Answering<'_, Description> {
        unasked()
    }

    fn tail(&self, _: Filter) -> Tailing {
        Box::pin(stream::empty())
    }
}
