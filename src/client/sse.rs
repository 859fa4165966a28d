//! Server-sent events, as the HTML standard describes them: lines of `field: value`, an event at each empty
//! line. Only what the tail needs: the event's name and its data.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// A line longer than any record's; a server that sends more without a line end is not one of ours.
const LINE_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Empty where the stream names none.
    pub name: String,
    pub data: String,
}

/// The events of one response.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    decoder: Decoder,
}

#[derive(Debug, Default)]
struct Decoder {
    waiting: Vec<u8>,
    event: Event,
    ready: std::collections::VecDeque<Event>,
}

impl Events {
    pub(super) fn new(body: Incoming) -> Events {
        Events { body, decoder: Decoder::default() }
    }

    /// The next event; `None` once the server has ended the stream.
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(event) = self.decoder.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            if let Ok(data) = frame?.into_data() {
                self.decoder.feed(&data)?;
            }
        }
    }
}

impl Decoder {
    fn feed(&mut self, data: &Bytes) -> anyhow::Result<()> {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.waiting.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.waiting);
                self.line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            }
        }
        anyhow::ensure!(self.waiting.len() <= LINE_BYTES_MAX, "the stream holds a line that never ends");
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            if !event.data.is_empty() {
                self.ready.push_back(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = value.to_owned(),
            "data" if self.event.data.is_empty() => self.event.data = value.to_owned(),
            "data" => self.event.data.extend(["\n", value]),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
