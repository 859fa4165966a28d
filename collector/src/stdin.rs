//! JSON or text lines on standard input.

use spandrel_config::StdinReceiver;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;

pub(crate) struct Stdin;

impl Stdin {
    pub(crate) fn new(_: Intake, _: &StdinReceiver) -> Stdin {
        Stdin
    }

    pub(crate) async fn run(self, _: CancellationToken) {}
}
