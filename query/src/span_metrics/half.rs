//! One side of a call between services, as one span tells it.

use std::sync::Arc;

/// What both halves of a call have in common: the trace, and the calling span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub trace: [u8; 16],
    pub span: [u8; 8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Of the span that calls or sends.
    Client,
    /// Of the span that is called or receives.
    Server,
}

/// How services are connected, in the words of Tempo's service graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Connection {
    Direct,
    Messaging,
    Database,
    /// One side is no service that sends spans.
    Virtual,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Half {
    pub place: Place,
    pub side: Side,
    pub connection: Connection,
    pub service: Arc<str>,
    pub namespace: Arc<str>,
    /// Of a client: what it says of the other side. Of a server that nobody in the trace calls: `user`.
    pub peer: Option<Box<str>>,
    pub seconds: f64,
    pub failed: bool,
}

impl Connection {
    pub const ALL: [Connection; 4] =
        [Connection::Direct, Connection::Messaging, Connection::Database, Connection::Virtual];

    pub fn as_str(self) -> &'static str {
        match self {
            Connection::Direct => "",
            Connection::Messaging => "messaging_system",
            Connection::Database => "database",
            Connection::Virtual => "virtual_node",
        }
    }
}

impl Half {
    /// Whether the half is all that there will ever be of its call: a database has no spans of its own, nor have
    /// users.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.connection, Connection::Database | Connection::Virtual)
    }
}
