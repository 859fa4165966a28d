//! Halves of calls on the wire.

use super::answer::{Body, CHUNK_ITEMS, Parts, UNEXPECTED};
use super::record::Contexts;
use super::{Cursor, Garbage, Half, Halves, Part, Told};
use crate::span_metrics::{self, Connection, Offered, Place, Side};

impl From<span_metrics::Cursor> for Cursor {
    fn from(cursor: span_metrics::Cursor) -> Cursor {
        Cursor { run: cursor.run, number: cursor.number }
    }
}

impl Cursor {
    pub(super) fn read(self) -> span_metrics::Cursor {
        span_metrics::Cursor { run: self.run, number: self.number }
    }
}

impl Body for Offered {
    fn into_parts(self) -> Parts {
        let told = Told { from: Some(self.from.into()), next: Some(self.next.into()), lost: self.lost };
        let mut halves = self.halves.into_iter().map(Half::of);
        let chunks = std::iter::from_fn(move || {
            let halves: Vec<Half> = halves.by_ref().take(CHUNK_ITEMS).collect();
            (!halves.is_empty()).then_some(Part::Halves(Halves { halves }))
        });
        Box::new(std::iter::once(Part::Told(told)).chain(chunks))
    }

    fn read(&mut self, part: Part, _: &mut Contexts) -> Result<(), Garbage> {
        match part {
            Part::Told(told) => {
                let cursor = |cursor: Option<Cursor>| cursor.ok_or(Garbage("halves of nowhere"));
                (self.from, self.next) = (cursor(told.from)?.read(), cursor(told.next)?.read());
                self.lost = told.lost;
            }
            Part::Halves(chunk) => {
                for half in chunk.halves {
                    self.halves.push(half.read()?);
                }
            }
            _ => return Err(UNEXPECTED),
        }
        Ok(())
    }

    /// A gateway keeps no halves and is asked for none.
    fn join(&mut self, _: Offered, _: usize) {}
}

impl Half {
    fn of(half: span_metrics::Half) -> Half {
        Half {
            trace_id: half.place.trace.to_vec(),
            span_id: half.place.span.to_vec(),
            side: match half.side {
                Side::Client => 1,
                Side::Server => 2,
            },
            connection: half.connection as u32,
            service: half.service.to_string(),
            namespace: half.namespace.to_string(),
            peer: half.peer.map(String::from),
            seconds: half.seconds,
            failed: half.failed,
        }
    }

    fn read(self) -> Result<span_metrics::Half, Garbage> {
        let no_id = |_| Garbage("an id of the wrong length");
        let place = Place {
            trace: self.trace_id.try_into().map_err(no_id)?,
            span: self.span_id.try_into().map_err(no_id)?,
        };
        let side = match self.side {
            1 => Side::Client,
            2 => Side::Server,
            _ => return Err(Garbage("no such side of a call")),
        };
        let known = Connection::ALL.into_iter().find(|connection| *connection as u32 == self.connection);
        Ok(span_metrics::Half {
            place,
            side,
            connection: known.ok_or(Garbage("no such connection"))?,
            service: self.service.into(),
            namespace: self.namespace.into(),
            peer: self.peer.map(Into::into),
            seconds: self.seconds,
            failed: self.failed,
        })
    }
}
