//! `spandrel errors ID`.

use super::{Outcome, ask, output};
use crate::answer::Errors;
use crate::client::escape;
use crate::show::{Ink, Line, Screen, errors};

pub(super) async fn run(arguments: &crate::cli::Errors, screen: Screen) -> anyhow::Result<Outcome> {
    let path = format!("/api/v1/traces/{}/errors", escape(&arguments.id));
    let wanted = arguments.wanted.parameter();
    let found: Option<Errors> = ask::ask(&arguments.asking, &path, wanted.as_slice()).await?;
    if !arguments.asking.json {
        let unknown = || vec![Line::new().with(Ink::Plain, &format!("No trace {} is known.", arguments.id))];
        let lines = found.as_ref().map_or_else(unknown, |found| errors::lines(found, screen));
        output::lines(&lines, screen)?;
    }
    let failed = found.is_some_and(|found| !found.errors.is_empty());
    Ok(if failed { Outcome::Found } else { Outcome::NothingFound })
}
