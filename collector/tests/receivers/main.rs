//! The receivers over real sockets: what clients send, what they are answered, what is kept and counted.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what fails or is skipped here says so")]

mod bad_input_grpc;
mod bad_input_http;
mod elasticsearch;
mod forward;
mod harness;
mod json_logs;
mod kept_and_cut;
mod loki;
mod otlp;
mod overload;
mod recorded;
mod senders;
mod shutdown;
mod syslog;
