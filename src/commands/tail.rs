//! `spandrel tail QUERY`: follows until Ctrl-C, until the sidecar ends the stream, or until nobody reads.

use std::io::IsTerminal as _;

use anyhow::{Context as _, bail};

use super::{Outcome, ask, output};
use crate::answer::{Notes, Record};
use crate::client::Event;
use crate::show::{Ink, Line, Palette, Screen, line, notes, records};

pub(super) async fn run(arguments: &crate::cli::Tail, screen: Screen) -> anyhow::Result<Outcome> {
    let client = ask::client_of(&arguments.asking)?;
    let mut parameters = vec![("q", arguments.query.as_str())];
    if arguments.asking.local {
        parameters.push(("scope", "local"));
    }
    let mut events = client.follow("/api/v1/tail", &parameters).await?;
    let mut palette = Palette::default();
    loop {
        let event = tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Outcome::Found),
            event = events.next() => event?,
        };
        let Some(event) = event else { bail!("the sidecar ended the stream") };
        let text = match arguments.asking.json {
            true => format!("{}\n", event.data),
            false => line::paint(&shown(&event, &mut palette, screen)?, screen),
        };
        if !output::is_read(&text)? {
            return Ok(Outcome::Found);
        }
    }
}

fn shown(event: &Event, palette: &mut Palette, screen: Screen) -> anyhow::Result<Vec<Line>> {
    let whole = !std::io::stdout().is_terminal();
    match event.name.as_str() {
        "record" | "" => {
            let record: Record = serde_json::from_str(&event.data).context("understand a record")?;
            Ok(vec![records::line(&record, palette, screen, whole)])
        }
        "coverage" => {
            let coverage = serde_json::from_str(&event.data).context("understand the coverage")?;
            Ok(notes::lines(&Notes { coverage, ..Notes::default() }))
        }
        // The stream's word about itself, as how much it had to leave out.
        name => Ok(vec![Line::new().with(Ink::Warning, &format!("warning: {name}: {}", event.data))]),
    }
}
