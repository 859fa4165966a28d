//! `spandrel trace ID`.

use std::collections::HashSet;

use super::{Outcome, ask, output};
use crate::answer::Trace;
use crate::client::escape;
use crate::show::{self, Ink, Line, Screen, notes, trace};

pub(super) async fn run(arguments: &crate::cli::Trace, screen: Screen) -> anyhow::Result<Outcome> {
    let path = format!("/api/v1/traces/{}", escape(&arguments.id));
    let wanted = arguments.wanted.parameter();
    let mut trace: Option<Trace> = ask::ask(&arguments.asking, &path, wanted.as_slice()).await?;
    if let Some(trace) = trace.as_mut().filter(|_| !arguments.asking.json) {
        mark_failures(arguments, trace).await?;
    }
    let is_found = trace.as_ref().is_some_and(|trace| !trace.spans.is_empty() || !trace.logs.is_empty());
    if !arguments.asking.json {
        output::lines(&lines(arguments, trace.as_ref(), is_found, screen), screen)?;
    }
    Ok(if is_found { Outcome::Found } else { Outcome::NothingFound })
}

/// A call can fail without its span's status saying so: what `spandrel errors` lists is an error here too.
async fn mark_failures(arguments: &crate::cli::Trace, trace: &mut Trace) -> anyhow::Result<()> {
    let client = ask::client_of(&arguments.asking)?;
    let errors = ask::failing(&client, &escape(&arguments.id)).await?.map(|found| found.errors);
    let failed: HashSet<String> = errors.into_iter().flatten().map(|error| error.record).collect();
    for span in trace.spans.iter_mut().filter(|span| failed.contains(&span.id)) {
        "error".clone_into(&mut span.level);
    }
    Ok(())
}

fn lines(arguments: &crate::cli::Trace, trace: Option<&Trace>, is_found: bool, screen: Screen) -> Vec<Line> {
    let rows_max = if arguments.all { usize::MAX } else { show::trace::ROWS_MAX };
    match trace {
        Some(found) if is_found => trace::lines(found, rows_max, screen),
        // Nobody can say that there is no such trace.
        Some(found) => {
            let text = format!("Nothing of trace {} was found in what could be looked at.", arguments.id);
            let mut lines = vec![Line::new().with(Ink::Plain, &text)];
            lines.extend(notes::lines(&found.notes));
            lines
        }
        None => vec![Line::new().with(Ink::Plain, &format!("No trace {} is known.", arguments.id))],
    }
}
