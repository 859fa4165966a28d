//! The receivers over real sockets: what clients send, what they are answered, what is kept and counted.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(dead_code, reason = "helpers of tests to come")]

mod harness;
mod otlp;
