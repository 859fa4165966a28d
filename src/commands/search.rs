//! `spandrel search QUERY`.

use std::io::IsTerminal as _;

use super::{Outcome, ask, output};
use crate::answer::Search;
use crate::show::{Ink, Line, Palette, Screen, notes, records};

pub(super) async fn run(arguments: &crate::cli::Search, screen: Screen) -> anyhow::Result<Outcome> {
    let limit = arguments.limit.to_string();
    let mut parameters = vec![("q", arguments.query.as_str()), ("limit", &limit)];
    parameters.extend(arguments.start.as_deref().map(|start| ("start", start)));
    parameters.extend(arguments.end.as_deref().map(|end| ("end", end)));
    parameters.extend(arguments.wanted.parameter());
    let found: Search = ask::ask(&arguments.asking, "/api/v1/search", &parameters).await?.unwrap_or_default();
    if !arguments.asking.json {
        show(&found, screen)?;
    }
    Ok(if found.records.is_empty() { Outcome::NothingFound } else { Outcome::Found })
}

/// Records to standard output; what is said about them to standard error, where no program counts it.
fn show(found: &Search, screen: Screen) -> anyhow::Result<()> {
    let whole = !std::io::stdout().is_terminal();
    let mut palette = Palette::default();
    let hits: Vec<Line> =
        found.records.iter().map(|record| records::line(record, &mut palette, screen, whole)).collect();
    output::lines(&hits, screen)?;
    let mut said = notes::lines(&found.notes);
    if found.next_cursor.is_some() {
        said.push(
            Line::new().with(Ink::Dim, "there is more: a greater --limit or an earlier --end shows it"),
        );
    }
    output::remarks(&said)?;
    Ok(())
}
