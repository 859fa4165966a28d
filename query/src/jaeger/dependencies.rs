//! `/api/dependencies`: which service calls which, out of the spans of a time.
//!
//! A call is a span whose parent is of another service. Both must start in the asked time.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use spandrel_store::record::SpanExt;
use spandrel_store::{Record, TimeRange, UnixNanos};

use super::envelope::{self, Failure};
use super::names::spans;
use crate::api::App;
use crate::engine::{About, Scope};
use crate::grafana::params::Params;
use crate::grafana::refusal::{Refusal, unless_silent};

const DAY_MS: u64 = 86_400_000;

/// A span in its trace.
type Place = (u64, u64);

/// One service calls another.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) parent: String,
    pub(super) child: String,
    pub(super) calls: u64,
}

#[derive(Default)]
struct Seen {
    services: Vec<String>,
    /// The services of spans.
    spans: HashMap<Place, usize>,
    /// Parents with the service of a child.
    calls: Vec<(Place, usize)>,
    spans_max: usize,
    too_many: bool,
}

pub(super) async fn dependencies(State(app): State<Arc<App>>, params: Params) -> Result<Response, Failure> {
    let number = |name: &str| -> Result<Option<u64>, Failure> {
        let Some(text) = params.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Failure::bad(format!("unable to parse param '{name}'")))
    };
    let end_ms = number("endTs")?.unwrap_or(UnixNanos::now().0 / 1_000_000);
    let lookback_ms = number("lookback")?.unwrap_or(DAY_MS);
    let nanos = |millis: u64| UnixNanos(millis.saturating_mul(1_000_000));
    let range =
        TimeRange { start: nanos(end_ms.saturating_sub(lookback_ms)), end: nanos(end_ms.saturating_add(1)) };
    let links = links(&app, range).await?.into_iter();
    let links =
        links.map(|link| json!({ "parent": link.parent, "child": link.child, "callCount": link.calls }));
    Ok(envelope::data(links.collect()))
}

/// The calls of a time, by who calls and who is called.
pub(super) async fn links(app: &App, range: TimeRange) -> Result<Vec<Link>, Refusal> {
    let about = About { filter: spans(), range, open_start: true, scope: Scope::All };
    let seen = Seen { spans_max: app.engine().limits().samples_max, ..Seen::default() };
    let answer = app.engine().fold(&about, seen, |seen, record| seen.add(record)).await?;
    unless_silent(&answer.coverage)?;
    let seen = answer.body;
    if seen.too_many {
        let max = seen.spans_max;
        return Err(Refusal::too_much(format!("more than {max} spans in that time; choose a shorter one")));
    }
    let mut counts: HashMap<(usize, usize), u64> = HashMap::new();
    for (parent, child) in &seen.calls {
        if let Some(service) = seen.spans.get(parent).filter(|service| *service != child) {
            *counts.entry((*service, *child)).or_default() += 1;
        }
    }
    let mut counts: Vec<((usize, usize), u64)> = counts.into_iter().collect();
    counts.sort_by_key(|((parent, child), _)| (&seen.services[*parent], &seen.services[*child]));
    let links = counts.into_iter().map(|((parent, child), calls)| Link {
        parent: seen.services[parent].clone(),
        child: seen.services[child].clone(),
        calls,
    });
    Ok(links.collect())
}

impl Seen {
    fn add(&mut self, record: &Record) -> ControlFlow<()> {
        let (Some(span), Some(trace_id), Some(span_id)) =
            (record.span(), record.trace_id(), record.span_id())
        else {
            return ControlFlow::Continue(());
        };
        if self.spans.len() >= self.spans_max {
            self.too_many = true;
            return ControlFlow::Break(());
        }
        let place = |id: spandrel_store::SpanId| (trace_id.low64(), u64::from_be_bytes(id.0));
        let service = self.service(record.service());
        self.spans.insert(place(span_id), service);
        self.calls.extend(span.parent().map(|parent| (place(parent), service)));
        ControlFlow::Continue(())
    }

    fn service(&mut self, name: &str) -> usize {
        self.services.iter().position(|known| known == name).unwrap_or_else(|| {
            self.services.push(name.to_owned());
            self.services.len() - 1
        })
    }
}
