//! What measures and torments the spandrel binary from outside: a load whose every answer is known, the
//! replay of recorded incidents, benchmarks, and the crash harness.
//!
//! It knows the program by its command line, its protocols and its HTTP API only, and shares no type with it; `lines`
//! alone looks inside, for what a line costs shows nowhere else.
//! The tests over the real binary use it too.

pub mod api;
pub mod crash;
pub mod eventually;
pub mod fleet;
pub mod http;
pub mod lines;
pub mod load;
pub mod measure;
pub mod overload;
pub mod replay;
pub mod scale;
pub mod sender;
pub mod sidecar;
