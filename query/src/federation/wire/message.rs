//! The messages of questions and answers, by what they are about. What is frozen of them: see the parent's header.

mod ask;
mod coverage;
mod filter;
mod graph;
mod half;
mod list;
mod record;
mod trace;

pub(crate) use ask::*;
pub(crate) use coverage::*;
pub(crate) use filter::*;
pub(crate) use graph::*;
pub(crate) use half::*;
pub(crate) use list::*;
pub(crate) use record::*;
pub(crate) use trace::*;
