//! Where records come in: OTLP over gRPC and HTTP, log lines over HTTP, sockets and pipes.
//!
//! In comes what clients send, out go [`Batch`](spandrel_store::Batch)es of normalised records to the
//! [`Store`](spandrel_store::Store). A success is answered only once the store has kept them. On overload
//! clients are refused with a retryable status and whoever writes lines waits. On shutdown the receivers stay
//! open for `shutdown.linger`, or until idle, then what is in flight is finished.

mod activity;
mod admission;
mod body;
mod collector;
mod content;
mod counters;
mod cri;
mod docker;
mod elasticsearch;
mod entries;
mod explain;
mod filelog;
mod forward;
#[cfg(test)]
mod fuzz;
mod grpc;
mod http;
mod intake;
mod json_log;
mod lenient;
mod lines;
mod listener;
mod loki;
pub mod measure;
mod normalise;
mod otlp;
mod output;
mod refusal;
mod sockets;
mod stdin;
mod syslog;
#[cfg(test)]
mod testing;

pub use collector::{Addresses, BindError, Collector};
pub use explain::{Explained, explain};
pub use output::{LineInputs, OUTPUT_PATIENCE, OutputOrigin};
