//! The query crate as its users see it: a real store, the real router, requests and answers as data.

#[allow(dead_code)]
mod fixture;
mod language;
mod scenarios;
