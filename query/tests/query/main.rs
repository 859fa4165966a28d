//! The query crate as its users see it: a real store, the real router, requests and answers as data.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod coverage;
mod description;
mod documents;
mod fixture;
mod language;
mod paging;
mod scenarios;
mod security;
mod tail;
