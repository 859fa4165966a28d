//! The receivers over real sockets: what clients send, what they are answered, what is kept and counted.

mod bad_input_grpc;
mod bad_input_http;
mod harness;
mod otlp;
