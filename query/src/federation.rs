//! The other sidecars: who they are, how it is to ask them, and answering when they ask.
//!
//! A *link* is the way to one peer: one multiplexed connection, its health, and a task that keeps asking
//! whether it is there (`link.rs`). `peers.rs` is the stage: it turns the configured peers into links, notices
//! those that are this very sidecar or the same one twice, remembers those that are gone, and publishes the
//! engine's [`Roster`](crate::source::Roster). `responder.rs` answers the same questions when peers ask them:
//! a sidecar out of its own store, a gateway by asking its own peers in turn. What is said is in `wire.rs`.
//!
//! Nothing here merges answers for people or knows HTTP beyond gRPC; a peer is a
//! [`Source`](crate::source::Source) like any other.

mod discovery;
mod fan;
mod fault;
mod grant;
mod identity;
mod link;
mod messages;
mod metrics;
mod peer;
mod peers;
mod remembered;
mod responder;
mod wire;

pub(crate) use discovery::Discovery;
pub use identity::Identity;
pub(crate) use link::Asker;
pub(crate) use metrics::Metrics as PeersMetrics;
pub(crate) use peers::{Peers, Surroundings};
pub(crate) use remembered::Remembered;
pub(crate) use responder::Responder;
pub(crate) use wire::ASK_PATH;
