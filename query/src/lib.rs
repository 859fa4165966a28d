//! Answers: from a question over HTTP to the records that match, over all sources.
//!
//! [`api`] parses a request and writes the response; [`language`] turns query text into a filter; the
//! [`engine`] asks every [`source`] and merges, and knows no wire format; [`federation`] is how other sidecars become
//! sources. [`trace`] and [`graph`] analyse and [`render`] writes records alone. Nothing here imports the collector.

pub mod api;
mod aside;
pub mod coverage;
pub mod credentials;
pub mod engine;
pub mod federation;
mod grafana;
pub mod graph;
mod jaeger;
pub mod language;
pub mod loki;
pub mod render;
mod server;
pub mod source;
pub mod span_metrics;
pub mod tempo;
pub mod time;
pub mod trace;

pub use api::Readiness;
pub use server::{BindError, QueryServer};
