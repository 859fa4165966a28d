//! x
use crate::intake::Intake;
pub(crate) struct Stdin;
impl Stdin { pub(crate) fn new(_: Intake, _: &spandrel_config::StdinReceiver) -> Stdin { Stdin }
 pub(crate) async fn run(self, _: (), _: tokio_util::sync::CancellationToken) {} }
pub(crate) fn lines() {}
