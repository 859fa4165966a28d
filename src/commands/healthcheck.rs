//! `spandrel healthcheck`. Never ends with status 2, which Docker reserves.

use std::time::Duration;

use http::StatusCode;

use super::{Outcome, ask, output};

/// Less than Docker's and Kubernetes' own deadlines usually are, so that the reason is seen.
const DEADLINE: Duration = Duration::from_secs(3);

pub(super) async fn run(arguments: &crate::cli::Healthcheck) -> anyhow::Result<Outcome> {
    let path = if arguments.live { "/healthz" } else { "/readyz" };
    let asked = async {
        ask::client(arguments.url.as_deref(), None, arguments.ca_file.as_deref())?.get(path, &[]).await
    };
    let reason = match tokio::time::timeout(DEADLINE, asked).await {
        Ok(Ok(answer)) if answer.status == StatusCode::OK => {
            output::text("ok\n")?;
            return Ok(Outcome::Found);
        }
        Ok(Ok(answer)) => format!("{path} answers {}", answer.status),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("no answer to {path} within {DEADLINE:?}"),
    };
    output::text(&format!("{reason}\n"))?;
    Ok(Outcome::NothingFound)
}
