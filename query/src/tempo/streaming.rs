//! `tempopb.StreamingQuerier`: the same questions over gRPC, answered bit by bit, for data sources that have
//! streaming switched on.
//!
//! A request is read as the parameters that HTTP has for it, so that both answer alike. A search tells traces as
//! soon as nothing newer can come; all else is one message.

mod messages;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use futures_util::stream;
use tokio::sync::mpsc;

use super::search::{self, TraceMetadata};
use super::{metrics, tags};
use crate::api::App;
use crate::grafana::grpc::{Messages, once, streaming};
use crate::grafana::params::Params;
use crate::grafana::refusal::Refusal;

use messages::{
    QueryInstantRequest, QueryInstantResponse, QueryRangeRequest, QueryRangeResponse, SearchRequest,
    SearchResponse, TagValue, TagValuesRequest, TagValuesV2Response, TagsRequest, TagsScope, TagsV2Response,
    Texts,
};

/// Messages that wait for the reader; behind them the search waits.
const MESSAGES_WAITING: usize = 4;

pub(super) fn routes() -> Router<Arc<App>> {
    let path = |call: &str| format!("/tempopb.StreamingQuerier/{call}");
    Router::new()
        .route(&path("Search"), streaming(search))
        .route(&path("SearchTags"), streaming(tag_names))
        .route(&path("SearchTagsV2"), streaming(tag_scopes))
        .route(&path("SearchTagValues"), streaming(tag_values))
        .route(&path("SearchTagValuesV2"), streaming(typed_tag_values))
        .route(&path("MetricsQueryRange"), streaming(query_range))
        .route(&path("MetricsQueryInstant"), streaming(query_instant))
}

fn search(app: Arc<App>, request: SearchRequest) -> Messages<SearchResponse> {
    let (sender, receiver) = mpsc::channel(MESSAGES_WAITING);
    let early = Box::new(move |traces: &[TraceMetadata]| {
        // From the blocking pool; `Err` where nobody reads any more.
        sender.blocking_send(SearchResponse::early(traces)).is_ok()
    });
    let answering = async move {
        let asked = search::asked(&app, &request.params())?;
        let answer = search::run(&app, asked, Some(early)).await?;
        Ok(SearchResponse::from(answer))
    };
    let searching = Searching { early: receiver, answering: Some(Box::pin(answering)), last: None };
    Box::pin(stream::unfold(searching, |mut searching| async {
        let message = searching.next().await?;
        Some((message.map_err(tonic::Status::from), searching))
    }))
}

type Answer = Result<SearchResponse, Refusal>;

/// A search, with what it told already.
struct Searching {
    early: mpsc::Receiver<SearchResponse>,
    answering: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    last: Option<Answer>,
}

impl Searching {
    /// The search runs while its early messages are read; its end closes their channel, and is told behind them.
    async fn next(&mut self) -> Option<Answer> {
        if let Some(mut answering) = self.answering.take() {
            tokio::select! {
                biased;
                Some(message) = self.early.recv() => {
                    self.answering = Some(answering);
                    return Some(Ok(message));
                }
                last = &mut answering => self.last = Some(last),
            }
        }
        match self.early.recv().await {
            Some(message) => Some(Ok(message)),
            None => self.last.take(),
        }
    }
}

fn tag_names(app: Arc<App>, request: TagsRequest) -> Messages<Texts> {
    once(async move { Ok(Texts { texts: tags::names(&app, &request.params()).await? }) })
}

fn tag_scopes(app: Arc<App>, request: TagsRequest) -> Messages<TagsV2Response> {
    once(async move {
        let scopes = tags::scopes(&app, &request.params()).await?.into_iter();
        let scopes = scopes.map(|(name, tags)| TagsScope { name: name.to_owned(), tags });
        Ok(TagsV2Response { scopes: scopes.collect() })
    })
}

fn tag_values(app: Arc<App>, request: TagValuesRequest) -> Messages<Texts> {
    once(async move {
        let values = tags::values(&app, &request.tag_name, &request.params()).await?;
        Ok(Texts { texts: values.into_iter().map(|(_, value)| value).collect() })
    })
}

fn typed_tag_values(app: Arc<App>, request: TagValuesRequest) -> Messages<TagValuesV2Response> {
    once(async move {
        let values = tags::values(&app, &request.tag_name, &request.params()).await?.into_iter();
        let values = values.map(|(kind, value)| TagValue { kind: kind.to_owned(), value });
        Ok(TagValuesV2Response { tag_values: values.collect() })
    })
}

fn query_range(app: Arc<App>, request: QueryRangeRequest) -> Messages<QueryRangeResponse> {
    once(async move { Ok(metrics::range_response(&app, &request.params()).await?.into()) })
}

fn query_instant(app: Arc<App>, request: QueryInstantRequest) -> Messages<QueryInstantResponse> {
    once(async move { Ok(metrics::instant_response(&app, &request.params()).await?.into()) })
}

/// Parameters; those that are empty or zero were not given, which gRPC does not tell apart.
fn params<const N: usize>(pairs: [(&str, String); N]) -> Params {
    let given = pairs.into_iter().filter(|(_, value)| !value.is_empty() && value != "0");
    Params(given.map(|(name, value)| (name.to_owned(), value)).collect())
}
