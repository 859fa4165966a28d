//! `spandrel check-config FILE`.

use spandrel_config::Config;

use super::{Outcome, output};

pub(super) fn run(arguments: &crate::cli::CheckConfig) -> anyhow::Result<Outcome> {
    Config::load(Some(&arguments.file), &arguments.set, &spandrel_config::environment)?;
    output::text(&format!("{}: no mistakes\n", arguments.file.display()))?;
    Ok(Outcome::Found)
}
