//! What the collector hands to the store: normalised records of one request, of either signal.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;

use crate::budget::Permit;
use crate::level::Level;
use crate::otlp::{LogRecord, Span};
use crate::record::{Flags, RecordBody, ResourceContext, ScopeContext};
use crate::time::UnixNanos;

/// The records of one request or one read, acknowledged together.
#[derive(Debug)]
pub struct Batch {
    pub receiver: Receiver,
    /// When the request arrived, by this machine's clock.
    pub received: UnixNanos,
    pub records: Vec<NewRecord<NewBody>>,
    /// How far the receiver has read by these records; a batch may have nothing else.
    pub checkpoints: Vec<Checkpoint>,
    /// The bytes this batch holds of the memory budget; `None` only where nobody waits for an answer.
    pub permit: Option<Permit>,
}

/// A key and what stands under it from now on, nothing to forget it. Kept if the records of the batch are, and only
/// then. At most 512 bytes of key and 256 of value; [`Store::checkpoints`](crate::Store::checkpoints) reads them.
pub type Checkpoint = (String, Option<Bytes>);

/// One record that has no id yet. The caller has made sure that a span's trace id and span id are valid,
/// and that a log's are valid or empty.
#[derive(Debug, Clone)]
pub struct NewRecord<Body = RecordBody> {
    pub resource: Arc<ResourceContext>,
    pub scope: Arc<ScopeContext>,
    pub body: Body,
    /// Normalised; `None` where the record has none. A span has `Error` or none.
    pub level: Option<Level>,
    pub flags: Flags,
    /// A text input's line as it came, without its line end.
    pub original: Option<Bytes>,
}

/// The content of a record on its way in. One that was sent in protocol buffers stays as it is: the journal and
/// the index take its bytes.
#[derive(Debug, Clone)]
pub enum NewBody {
    Decoded(RecordBody),
    /// An encoded `Span`, which the caller has made sure decodes, its ids valid.
    Span(Bytes),
    /// An encoded `LogRecord`, which the caller has made sure decodes, its ids valid or empty.
    Log(Bytes),
}

impl NewBody {
    pub fn decode(&self) -> Result<RecordBody, prost::DecodeError> {
        Ok(match self {
            NewBody::Decoded(body) => body.clone(),
            NewBody::Span(bytes) => RecordBody::Span(Box::new(Span::decode(bytes.as_ref())?)),
            NewBody::Log(bytes) => RecordBody::Log(Box::new(LogRecord::decode(bytes.as_ref())?)),
        })
    }
}

impl From<NewRecord> for NewRecord<NewBody> {
    fn from(record: NewRecord) -> NewRecord<NewBody> {
        let NewRecord { resource, scope, body, level, flags, original } = record;
        NewRecord { resource, scope, body: NewBody::Decoded(body), level, flags, original }
    }
}

/// Where a record came in; the `source` of a log in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Receiver {
    OtlpGrpc = 1,
    OtlpHttp = 2,
    JsonLogsHttp = 3,
    Stdin = 4,
    /// The output of a wrapped process.
    Exec = 5,
    FileLog = 6,
    TcpLog = 7,
    UnixLog = 8,
    /// Loki's push API.
    LokiPush = 9,
    /// Elasticsearch's bulk API.
    ElasticsearchBulk = 10,
    FluentForward = 11,
    Syslog = 12,
}

impl Receiver {
    pub const ALL: [Receiver; 12] = [
        Receiver::OtlpGrpc,
        Receiver::OtlpHttp,
        Receiver::JsonLogsHttp,
        Receiver::Stdin,
        Receiver::Exec,
        Receiver::FileLog,
        Receiver::TcpLog,
        Receiver::UnixLog,
        Receiver::LokiPush,
        Receiver::ElasticsearchBulk,
        Receiver::FluentForward,
        Receiver::Syslog,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Receiver::OtlpGrpc => "otlp_grpc",
            Receiver::OtlpHttp => "otlp_http",
            Receiver::JsonLogsHttp => "json_logs_http",
            Receiver::Stdin => "stdin",
            Receiver::Exec => "exec",
            Receiver::FileLog => "filelog",
            Receiver::TcpLog => "tcplog",
            Receiver::UnixLog => "unixlog",
            Receiver::LokiPush => "loki_push",
            Receiver::ElasticsearchBulk => "elasticsearch_bulk",
            Receiver::FluentForward => "fluentforward",
            Receiver::Syslog => "syslog",
        }
    }

    pub fn from_repr(number: u8) -> Option<Receiver> {
        Receiver::ALL.into_iter().find(|receiver| *receiver as u8 == number)
    }
}
