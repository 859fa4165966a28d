//! `/api/search`: the traces that a question in TraceQL finds, each with the spans that it answers with.
//!
//! A trace is in the answer if one of those spans starts in the asked time. The newest by such a span come
//! first, whatever the question.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use spandrel_store::filter::Field;
use spandrel_store::record::SpanExt;
use spandrel_store::snapshot::Position;
use spandrel_store::{Filter, TimeRange};

use super::eval::{Found, Subject, Trace, Value, spans};
use super::legacy;
use crate::api::App;
use crate::coverage::Coverage;
use crate::engine::{About, Candidate, Scope};
use crate::grafana::params::Params;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::traceql::{self, Asked, Attribute, Intrinsic, Of, Pipeline, narrow_pipeline};

const LIMIT_DEFAULT: usize = 20;
const SPANS_PER_SET_DEFAULT: usize = 3;

/// What Tempo calls the root of a trace whose root it has not seen.
const ROOT_MISSING: &str = "<root span not yet received>";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Search {
    pub pipeline: Pipeline,
    pub range: TimeRange,
    pub limit: usize,
    /// 0 for all.
    pub spans_per_set: usize,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct SearchResponse {
    pub traces: Vec<TraceMetadata>,
    pub metrics: SearchMetrics,
}

/// One trace of an answer. Its keys are all that Grafana's strict reader knows.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceMetadata {
    #[serde(rename = "traceID")]
    pub trace_id: String,
    pub root_service_name: String,
    pub root_trace_name: String,
    #[serde(serialize_with = "as_text")]
    pub start_time_unix_nano: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub duration_ms: u32,
    /// The first of the sets, for older readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_set: Option<SpanSet>,
    pub span_sets: Vec<SpanSet>,
    pub service_stats: BTreeMap<String, ServiceStats>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SpanSet {
    pub spans: Vec<FoundSpan>,
    /// How many spans there are, shown or not.
    pub matched: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<KeyValue>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundSpan {
    #[serde(rename = "spanID")]
    pub span_id: String,
    pub name: String,
    #[serde(serialize_with = "as_text")]
    pub start_time_unix_nano: u64,
    #[serde(serialize_with = "as_text")]
    pub duration_nanos: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<KeyValue>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyValue {
    pub key: String,
    pub value: AnyValue,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum AnyValue {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue", serialize_with = "as_text")]
    Int(i64),
    #[serde(rename = "doubleValue", serialize_with = "double")]
    Double(f64),
    #[serde(rename = "boolValue")]
    Bool(bool),
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStats {
    pub span_count: u32,
    pub error_count: u32,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchMetrics {
    pub inspected_traces: u32,
    #[serde(serialize_with = "as_text")]
    pub inspected_spans: u64,
    pub completed_jobs: u32,
    pub total_jobs: u32,
}

pub(super) async fn search(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Json<SearchResponse>, Refusal> {
    let asked = asked(&app, &params)?;
    run(&app, asked, None).await.map(Json)
}

/// What the parameters ask for.
pub(super) fn asked(app: &App, params: &Params) -> Result<Search, Refusal> {
    let limits = app.engine().limits();
    let query = match params.get("q") {
        Some(text) => traceql::parse(text, limits).map_err(|mistake| bad_query(text, &mistake))?,
        None => legacy::query(params, limits)?,
    };
    let Asked::Spans(pipeline) = query.asked else {
        return Err(Refusal::bad(
            "invalid TraceQL query: a metrics query is asked at /api/metrics/query_range",
        ));
    };
    let limit = params.number("limit")?.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 {
        return Err(Refusal::bad("invalid limit: must be a positive number"));
    }
    Ok(Search {
        pipeline,
        range: params.range_in_seconds()?,
        limit: limit.min(limits.list_max),
        spans_per_set: params.number("spss")?.unwrap_or(SPANS_PER_SET_DEFAULT),
    })
}

pub(super) fn bad_query(text: &str, mistake: &crate::language::mistake::Mistake) -> Refusal {
    Refusal::bad(format!("invalid TraceQL query: {}", mistake.located(text)))
}

/// Takes traces that are sure to be in the answer, as soon as they are; whether there is somebody who wants more.
pub(super) type Early = Box<dyn FnMut(&[TraceMetadata]) -> bool + Send>;

/// What of the answer is there, the newest first.
struct Best {
    asked: Search,
    shown: Vec<Attribute>,
    found: Vec<(Position, TraceMetadata)>,
    /// Of those.
    bytes: usize,
    bytes_max: usize,
    early: Option<Early>,
    /// How many of the found were told early.
    told: usize,
    traces: u32,
    spans: u64,
}

/// The answer, without the traces that were told early.
pub(super) async fn run(app: &App, asked: Search, early: Option<Early>) -> Result<SearchResponse, Refusal> {
    let filter = spans_only().and(narrow_pipeline(&asked.pipeline));
    let about = About { filter, range: asked.range, open_start: true, scope: Scope::All };
    let (limit, shown) = (asked.limit, shown_attributes(&asked.pipeline));
    let answer_max = app.engine().limits().answer_bytes_max;
    let bytes_max = answer_max.as_usize();
    let best =
        Best { asked, shown, found: Vec::new(), bytes: 0, bytes_max, early, told: 0, traces: 0, spans: 0 };
    let answer = app.engine().candidates(&about, limit, best, Best::look_at).await?;
    unless_silent(&answer.coverage)?;
    let (best, all) = answer.body;
    if best.bytes > bytes_max {
        return Err(Refusal::too_much(format!(
            "the answer would have more than {answer_max} (limits.answer_bytes_max); ask for fewer traces by `limit`, \
             or for fewer spans of each by `spss`"
        )));
    }
    if !all && best.found.len() < limit {
        let max = app.engine().limits().question_traces_max;
        return Err(Refusal::too_much(format!(
            "not all traces could be looked at, for there are more than {max} or time ran out; narrow the query"
        )));
    }
    Ok(best.response(&answer.coverage))
}

impl Best {
    fn look_at(&mut self, group: Vec<Candidate>) -> ControlFlow<()> {
        let Some(reached) = group.last().map(|candidate| candidate.newest) else {
            return ControlFlow::Continue(());
        };
        for candidate in group {
            let trace = Trace::of(candidate.trace_id, &candidate.records);
            self.traces += 1;
            self.spans += trace.spans.len() as u64;
            let sets = spans(&self.asked.pipeline, &trace);
            let places = sets.iter().flat_map(|set| &set.spans).map(|index| {
                let record = &trace.spans[*index].record;
                Position { time: record.time(), id: record.id }
            });
            let newest = places.filter(|place| self.asked.range.contains(place.time)).max_by_key(key);
            if let Some(newest) = newest {
                let metadata = self.metadata(&trace, &sets);
                self.bytes += metadata.bytes();
                self.found.push((newest, metadata));
                if self.bytes > self.bytes_max {
                    self.keep_best();
                }
                if self.bytes > self.bytes_max {
                    return ControlFlow::Break(());
                }
            }
        }
        self.keep_best();
        // Whatever comes now is no newer than where we are.
        let sure = self.found.iter().take_while(|(place, _)| key(place) >= key(&reached)).count();
        let wanted = self.tell(sure);
        if !wanted || sure == self.asked.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn keep_best(&mut self) {
        self.found.sort_by_key(|(place, _)| Reverse(key(place)));
        let limit = self.asked.limit.min(self.found.len());
        self.bytes -= self.found.drain(limit..).map(|(_, trace)| trace.bytes()).sum::<usize>();
    }

    /// Tells the first so many early, where somebody listens. Returns whether the answer is still wanted.
    fn tell(&mut self, sure: usize) -> bool {
        let Some(early) = self.early.as_mut().filter(|_| sure > self.told) else { return true };
        let new: Vec<TraceMetadata> =
            self.found[self.told..sure].iter().map(|(_, trace)| trace.clone()).collect();
        self.told = sure;
        early(&new)
    }

    fn metadata(&self, trace: &Trace, sets: &[Found]) -> TraceMetadata {
        let root = trace.root().map(|root| &root.record);
        let name = root.and_then(|root| root.span()).map_or(ROOT_MISSING, |span| &span.name);
        let service = root.map_or(ROOT_MISSING, |root| root.service());
        let span_sets: Vec<SpanSet> = sets.iter().map(|set| self.span_set(trace, set)).collect();
        TraceMetadata {
            trace_id: trace.trace_id.to_string(),
            root_service_name: service.to_owned(),
            root_trace_name: name.to_owned(),
            start_time_unix_nano: trace.start().0,
            duration_ms: u32::try_from(trace.duration_ns() / 1_000_000).unwrap_or(u32::MAX),
            span_set: span_sets.first().cloned(),
            span_sets,
            service_stats: service_stats(trace),
        }
    }

    fn span_set(&self, trace: &Trace, set: &Found) -> SpanSet {
        let shown = match self.asked.spans_per_set {
            0 => set.spans.len(),
            max => set.spans.len().min(max),
        };
        let text = |text: &Option<String>| AnyValue::Text(text.clone().unwrap_or_else(|| "nil".to_owned()));
        SpanSet {
            spans: set.spans[..shown].iter().filter_map(|index| self.span(trace, *index)).collect(),
            matched: u32::try_from(set.spans.len()).unwrap_or(u32::MAX),
            attributes: set
                .groups
                .iter()
                .map(|(key, value)| KeyValue { key: key.clone(), value: text(value) })
                .collect(),
        }
    }

    fn span(&self, trace: &Trace, index: usize) -> Option<FoundSpan> {
        let subject = Subject::in_trace(trace, index)?;
        let attributes = self.shown.iter().filter_map(|attribute| {
            let value = shown_value(attribute, &subject)?;
            Some(KeyValue { key: attribute.key().to_owned(), value })
        });
        Some(FoundSpan {
            span_id: subject.record.span_id()?.to_string(),
            name: subject.span.name.clone(),
            start_time_unix_nano: subject.record.time().0,
            duration_nanos: subject.span.duration_ns(),
            attributes: attributes.collect(),
        })
    }

    fn response(self, coverage: &Coverage) -> SearchResponse {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        SearchResponse {
            traces: self.found.into_iter().skip(self.told).map(|(_, trace)| trace).collect(),
            metrics: SearchMetrics {
                inspected_traces: self.traces,
                inspected_spans: self.spans,
                completed_jobs: count(coverage.answered),
                total_jobs: count(coverage.asked),
            },
        }
    }
}

impl TraceMetadata {
    /// What it takes in an answer, about.
    fn bytes(&self) -> usize {
        let sets: usize = self.span_set.iter().chain(&self.span_sets).map(SpanSet::bytes).sum();
        let services = self.service_stats.keys().map(|service| size_of::<ServiceStats>() + service.len());
        let names = self.root_service_name.len() + self.root_trace_name.len() + self.trace_id.len();
        size_of::<TraceMetadata>() + names + sets + services.sum::<usize>()
    }
}

impl SpanSet {
    fn bytes(&self) -> usize {
        let spans = self.spans.iter().map(|span| {
            let attributes: usize = span.attributes.iter().map(KeyValue::bytes).sum();
            size_of::<FoundSpan>() + span.span_id.len() + span.name.len() + attributes
        });
        let attributes: usize = self.attributes.iter().map(KeyValue::bytes).sum();
        size_of::<SpanSet>() + spans.sum::<usize>() + attributes
    }
}

impl KeyValue {
    fn bytes(&self) -> usize {
        let text = if let AnyValue::Text(text) = &self.value { text.len() } else { 0 };
        size_of::<KeyValue>() + self.key.len() + text
    }
}

fn key(place: &Position) -> (spandrel_store::UnixNanos, spandrel_store::RecordId) {
    (place.time, place.id)
}

fn service_stats(trace: &Trace) -> BTreeMap<String, ServiceStats> {
    let mut stats: BTreeMap<String, ServiceStats> = BTreeMap::new();
    for node in &trace.spans {
        let of_service = stats.entry(node.record.service().to_owned()).or_default();
        of_service.span_count += 1;
        of_service.error_count += u32::from(node.record.span().is_some_and(|span| span.is_error()));
    }
    stats
}

/// The attributes that spans are shown with: those that the question names. A span's name has a place of its
/// own.
fn shown_attributes(pipeline: &Pipeline) -> Vec<Attribute> {
    let mut shown: Vec<Attribute> = Vec::new();
    pipeline.visit(&mut |attribute| {
        let known = shown.iter().any(|known| known.key() == attribute.key());
        if !known && attribute.of != Of::Intrinsic(Intrinsic::Name) {
            shown.push(attribute.clone());
        }
    });
    shown
}

/// One value; several in one text.
pub(super) fn shown_value(attribute: &Attribute, subject: &Subject<'_>) -> Option<AnyValue> {
    let mut values: Vec<Value<'static>> = Vec::new();
    subject.visit(attribute, &mut |value| {
        values.push(value.into_owned());
        false
    });
    values.retain(|value| *value != Value::Nil);
    match values.as_slice() {
        [] => None,
        [one] => Some(AnyValue::of(one)),
        many => {
            let texts: Vec<String> = many.iter().map(Value::to_string).collect();
            Some(AnyValue::Text(texts.join(", ")))
        }
    }
}

impl AnyValue {
    pub fn of(value: &Value<'_>) -> AnyValue {
        match value {
            Value::Int(int) => AnyValue::Int(*int),
            Value::Float(float) => AnyValue::Double(*float),
            Value::Bool(flag) => AnyValue::Bool(*flag),
            other => AnyValue::Text(other.to_string()),
        }
    }
}

pub(crate) fn as_text<T: ToString, S: serde::Serializer>(number: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&number.to_string())
}

/// A number, or its name where JSON has none.
pub(super) fn double<S: serde::Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    match number {
        number if number.is_finite() => to.serialize_f64(*number),
        number if number.is_nan() => to.serialize_str("NaN"),
        number if *number > 0.0 => to.serialize_str("Infinity"),
        _ => to.serialize_str("-Infinity"),
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Spans alone.
pub(super) fn spans_only() -> Filter {
    Filter::equals(Field::Type, "span")
}
