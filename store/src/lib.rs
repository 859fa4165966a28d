//! Where records rest: the record model, the journal, the head, the partitions and the snapshots that
//! questions run on.
//!
//! In come [`Batch`]es from the collector, through [`Store::append`], which returns once they are durable
//! and queryable. Out go [`Record`]s that match a [`Filter`], through a [`Snapshot`]. Everything between is
//! this crate's secret: no caller sees a document, a schema field or a tantivy query, so what one document
//! holds may change at any time.

mod appender;
pub mod batch;
pub mod budget;
mod checkpoints;
mod disk;
pub mod error;
mod facets;
pub mod filter;
mod folder;
mod head;
mod history;
pub mod id;
mod indexer;
mod journal;
mod lacking;
pub mod level;
mod metrics;
mod partition;
pub mod record;
mod recovery;
mod retention;
mod services;
mod shared;
pub mod snapshot;
mod stop;
mod store;
mod stored;
#[cfg(test)]
mod testing;
pub mod text;
pub mod time;
mod trouble;
pub mod watch;
pub mod wire;

pub use batch::{Batch, Checkpoint, NewBody, NewRecord, Receiver};
pub use budget::{MemoryBudget, Permit};
pub use error::{AppendError, OpenError, ReadError};
pub use filter::Filter;
pub use id::notation::{Digits, NotAnId, TraceContext};
pub use id::{RecordId, SpanId, TraceId, TraceIdMatch};
pub use level::Level;
pub use record::{Flags, Record, RecordBody, ResourceContext, ScopeContext};
pub use snapshot::Snapshot;
pub use stop::Stop;
pub use store::Store;
pub use time::{TimeRange, UnixNanos};

/// The OpenTelemetry protocol's own types, which records are made of.
pub mod otlp {
    pub use opentelemetry_proto::tonic::common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    };
    pub use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    pub use opentelemetry_proto::tonic::resource::v1::Resource;
    pub use opentelemetry_proto::tonic::trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status, span, status::StatusCode,
    };
}
