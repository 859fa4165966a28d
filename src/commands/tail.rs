//! `spandrel tail QUERY`: follows until Ctrl-C, until the sidecar ends the stream, or until nobody reads.

use std::io::IsTerminal as _;

use anyhow::bail;

use super::{Outcome, ask, output};
use crate::answer::Record;
use crate::client::Event;
use crate::show::{Ink, Line, Palette, Screen, line, records};

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
            false => line::paint(&[shown(&event, &mut palette, screen)], screen),
        };
        if !output::is_read(&text)? {
            return Ok(Outcome::Found);
        }
    }
}

fn shown(event: &Event, palette: &mut Palette, screen: Screen) -> Line {
    let whole = !std::io::stdout().is_terminal();
    match serde_json::from_str::<Record>(&event.data) {
        Ok(record) => records::line(&record, palette, screen, whole),
        // What is not a record is the stream's word about itself: how many were left out, who is missing.
        Err(_) => Line::new().with(Ink::Warning, &format!("{}: {}", event.name, event.data)),
    }
}
