//! Questions for numbers: every function over a range looks at its lines once.

use std::ops::ControlFlow;

use spandrel_store::record::streams::STREAM_ATTRIBUTES;

use super::counted::{self, Plan};
use super::eval::{
    Entry, Pipeline, PipelineError, Samples, SeriesOverflow, Steps, Vector, evaluate, leaves, mangled,
};
use super::query::about_range;
use crate::api::App;
use crate::coverage::Coverage;
use crate::engine::Answer;
use crate::grafana::refusal::{Refusal, unless_silent};
use crate::language::logql::{Grouping, Measured, Metric};

struct Looking {
    pipeline: Pipeline,
    with_metadata: bool,
    samples: Samples,
    error: Option<PipelineError>,
}

pub(super) async fn run(app: &App, metric: &Metric, steps: Steps) -> Result<(Vector, Coverage), Refusal> {
    let mut vectors = Vec::new();
    let mut coverage = Coverage::new(0);
    for (measured, grouping) in leaves(metric) {
        let answer = leaf(app, measured, grouping, steps.of(measured)).await?;
        unless_silent(&answer.coverage)?;
        let looked = answer.body;
        if let Some(error) = looked.error {
            return Err(Refusal::bad(format!(
                "pipeline error: '{}': {}. Use a label filter to intentionally skip this error. (e.g \
                 | __error__!=\"{}\"). To skip all potential errors you can match empty errors. (e.g __error__=\"\")",
                error.error, error.details, error.error
            )));
        }
        if let Some(overflow) = looked.samples.overflow {
            return Err(too_many(app, overflow));
        }
        vectors.push(steps.spread(measured, looked.samples.into_vector()));
        // The answer misses what any part of it misses.
        if coverage.asked == 0 || !answer.coverage.complete {
            coverage = answer.coverage;
        }
    }
    let limits = app.engine().limits();
    let vector = evaluate(metric, vectors, steps, limits.answer_bytes_max).map_err(Refusal::bad)?;
    if vector.len() > limits.series_max {
        return Err(too_many(app, SeriesOverflow::Series));
    }
    Ok((vector, coverage))
}

fn too_many(app: &App, overflow: SeriesOverflow) -> Refusal {
    let limits = app.engine().limits();
    match overflow {
        SeriesOverflow::Series => {
            Refusal::bad(format!("maximum of series ({}) reached for a single query", limits.series_max))
        }
        SeriesOverflow::Names => Refusal::too_much(format!(
            "the labels of the series would have more than {} (limits.answer_bytes_max); group by fewer",
            limits.answer_bytes_max
        )),
        SeriesOverflow::Samples => Refusal::too_much(format!(
            "the query would hold more than {} numbers at once; narrow it, or choose a shorter range",
            limits.samples_max
        )),
    }
}

async fn leaf(
    app: &App,
    measured: &Measured,
    grouping: Option<Grouping>,
    steps: Steps,
) -> Result<Answer<Looking>, Refusal> {
    let limits = app.engine().limits();
    let pipeline = Pipeline::new(measured.log.clone());
    // Metadata is a part of what names a series, unless it is grouped by labels that streams have.
    let of_streams = |label: &String| STREAM_ATTRIBUTES.iter().any(|attribute| mangled(attribute) == *label);
    let grouped_by_streams =
        grouping.as_ref().is_some_and(|grouping| !grouping.without && grouping.labels.iter().all(of_streams));
    let with_metadata = pipeline.needs_metadata() || !grouped_by_streams;
    let mut samples = Samples::new(measured, grouping.clone(), steps, limits);
    if let Some(plan) = Plan::of(measured, grouping.as_ref()) {
        samples = match counted::run(app, measured, &plan, steps, samples).await? {
            Ok(answer) => {
                return Ok(answer.map(|samples| Looking { pipeline, with_metadata, samples, error: None }));
            }
            Err(samples) => samples,
        };
    }
    let looking = Looking { pipeline, with_metadata, samples, error: None };
    let about = about_range(measured, steps);
    let folded = app.engine().fold(&about, looking, |looking, record| {
        let entry = Entry::of(record, looking.with_metadata);
        let Some(passed) = entry.and_then(|entry| looking.pipeline.run(entry)) else {
            return ControlFlow::Continue(());
        };
        looking.error = passed.error();
        if looking.error.is_none() {
            looking.samples.add(&passed.entry, passed.unwrapped);
        }
        match looking.error.is_some() || looking.samples.overflow.is_some() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    Ok(folded.await?)
}
