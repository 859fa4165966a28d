//! Lines that this process reads of another's output, for `spandrel exec`.
//!
//! The border to the assembly: it hands over pieces of bytes and where they come from, and knows nothing of
//! lines. Returns when the pieces end and everything is kept, or was dropped after [`OUTPUT_PATIENCE`].

use std::io;
use std::time::Duration;

use bytes::Bytes;
use spandrel_store::Receiver;
use spandrel_store::otlp::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::io::StreamReader;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::lines::LineOrigin;
use crate::lines::feed::LineFeed;
use crate::normalise::attribute;

/// How long a service may be held up by a store without room, before lines are dropped.
pub const OUTPUT_PATIENCE: Duration = Duration::from_secs(5);

/// Takes lines in; cheap to clone.
#[derive(Debug, Clone)]
pub struct LineInputs(pub(crate) Intake);

/// Which program's, and which of its streams.
#[derive(Debug, Clone)]
pub struct OutputOrigin {
    /// Resource attributes, `service.name` first of all.
    pub resource: Vec<(String, String)>,
    /// `stdout` or `stderr`.
    pub stream: &'static str,
}

impl LineInputs {
    /// Takes pieces until their sender is gone.
    pub async fn take_output(self, origin: OutputOrigin, pieces: mpsc::Receiver<io::Result<Bytes>>) {
        let _open = self.0.activity.connection();
        let stream = attribute("log.iostream", Value::StringValue(origin.stream.to_owned()));
        let origin = LineOrigin {
            receiver: Receiver::Exec,
            resource: origin.resource,
            attributes: vec![stream],
            patience: Some(OUTPUT_PATIENCE),
        };
        let input = StreamReader::new(ReceiverStream::new(pieces));
        LineFeed::new(self.0, origin).run(input, CancellationToken::new()).await;
    }
}
