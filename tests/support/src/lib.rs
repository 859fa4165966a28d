//! Starts the real `spandrel` binary for tests: a real process, free ports, a temporary folder.
//!
//! ```text
//! let sidecar = Sidecar::of(env!("CARGO_BIN_EXE_spandrel")).start();
//! let answer = sidecar.get("/api/v1/search?q=level:error");
//! assert_eq!(answer.status, 200);
//! assert!(sidecar.terminate().success());
//! ```
//!
//! Nothing here sleeps: readiness is a line on the process's standard output, its end is the end of
//! that stream. Whatever goes wrong panics with what the process said. A sidecar that is dropped is killed.

mod demo;
mod http;
mod port;
mod sidecar;

pub use demo::Demo;
pub use http::{Answer, get, post, request, try_request};
pub use port::Port;
pub use sidecar::{Command, Sidecar};
