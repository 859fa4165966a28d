//! `spandrel peers`.

use super::{Outcome, ask, output};
use crate::answer::Peers;
use crate::show::{Screen, notes, peers};

pub(super) async fn run(arguments: &crate::cli::Peers, screen: Screen) -> anyhow::Result<Outcome> {
    let found: Peers = ask::ask(&arguments.asking, "/api/v1/peers", &[]).await?.unwrap_or_default();
    if !arguments.asking.json {
        output::lines(&peers::lines(&found.peers), screen)?;
        output::remarks(&notes::lines(&found.notes))?;
    }
    Ok(Outcome::Found)
}
