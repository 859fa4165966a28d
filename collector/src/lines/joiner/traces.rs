//! What the next line is to a record that is within something: a trace, a dump, an object.

use super::beginning::{self, Head, Within};
use super::{Next, Pending, joins_if, taken_apart};

impl Pending {
    /// What is known by where in a trace the record is.
    pub(super) fn next_of_trace(&mut self, line: &[u8]) -> Option<Next> {
        let (within, next) = match self.within {
            Within::NextLine => (Within::Nothing, Next::Joins),
            Within::RustPanic => (Within::Message, Next::Joins),
            Within::NodeSource if beginning::is_carets(line) => {
                self.is_of_node = true;
                (Within::NodeThrown, Next::Joins)
            }
            // The line of the source that is shown.
            Within::NodeSource if self.lines == 1 && !self.holds_text() && beginning::is_plain(line) => {
                (Within::NodeSource, Next::MayJoin)
            }
            Within::NodeThrown => {
                let has_fields = line.trim_ascii_end().ends_with(b" {");
                let within = if has_fields { Within::NodeFields } else { Within::Nothing };
                (within, joins_if(beginning::is_plain(line)))
            }
            _ => return None,
        };
        self.within = within;
        Some(next)
    }

    /// What ends an error's fields, or the object that the first line began.
    pub(super) fn next_of_what_closes(&mut self, line: &[u8]) -> Option<Next> {
        let closes = match self.within {
            Within::NodeFields => line.trim_ascii_end() == b"}",
            Within::Object => !self.holds_text() && beginning::is_closing(line),
            _ => false,
        };
        if closes {
            self.within = Within::Nothing;
            return Some(Next::Joins);
        }
        if self.is_of_node && line.starts_with(b"Node.js v") {
            self.is_of_node = false;
            return Some(Next::Joins);
        }
        None
    }

    /// What .NET's console exporter prints stands in lines of its own form.
    pub(super) fn next_of_dump(&mut self, line: &[u8]) -> Option<Next> {
        let joins = match self.within {
            Within::Dump => {
                let own = taken_apart(&self.first.bytes).1;
                let joins = beginning::is_of_dump(line, &own);
                if joins && line.starts_with(b"Resource") {
                    self.within = Within::DumpOfResource;
                }
                joins
            }
            Within::DumpOfResource => {
                let is_pair = memchr::memmem::find(line, b": ").is_some();
                self.held.is_empty() && is_pair && beginning::is_plain(line)
            }
            _ => return None,
        };
        Some(joins_if(joins))
    }

    /// Whether a line says by its beginning that it goes on with the record. Words that anybody may write do where there is a
    /// trace.
    pub(super) fn goes_on(&mut self, line: &[u8]) -> bool {
        if beginning::goes_on(line) {
            // Rust's frames need not have places.
            self.has_frame |= line.starts_with(b"stack backtrace:");
            return !self.is_json_alone();
        }
        if self.holds_text() {
            return false;
        }
        if self.within == Within::GoPanic && line.starts_with(b"[signal ") {
            return true;
        }
        if self.within == Within::GoPanic && self.has_frame && line.starts_with(b"exit status ") {
            self.within = Within::Nothing;
            return true;
        }
        self.has_frame && line.starts_with(b"... ")
    }

    /// Whether the first line's level is one of what goes well.
    pub(super) fn says_no_error(&self) -> bool {
        let own = taken_apart(&self.first.bytes).1;
        match self.head {
            Head::Json => beginning::is_json_of_no_error(&own),
            _ => beginning::is_of_no_error(&own),
        }
    }
}
