//! What is generated for a property test: in one sidecar that holds all of it, and in two that are asked as one.

use std::sync::Arc;

use axum::Router;
use proptest::test_runner::TestCaseError;
use spandrel_config::Limits;
use spandrel_query::source::{LocalSource, Source};
use spandrel_store::NewRecord;

use crate::fixture::{Sidecar, router_over};

pub struct Shared {
    pub one: Sidecar,
    pub both: Router,
    _halves: [Sidecar; 2],
}

impl Shared {
    pub async fn of(all: Vec<NewRecord>, left: Vec<NewRecord>, right: Vec<NewRecord>) -> Shared {
        let one = Sidecar::empty().await;
        one.keep(all).await;
        let halves = [Sidecar::empty().await, Sidecar::empty().await];
        halves[0].keep(left).await;
        halves[1].keep(right).await;
        let source = |of: &Sidecar, name: &str| -> Arc<dyn Source> {
            Arc::new(LocalSource::new(of.store.clone(), name.to_owned(), 8))
        };
        let sources = vec![source(&halves[0], "left:1"), source(&halves[1], "right:1")];
        Shared { one, both: router_over(sources, Limits::default()), _halves: halves }
    }

    /// The same failure, told to be of the two.
    pub fn federated(error: TestCaseError) -> TestCaseError {
        match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("federated: {why}")),
            reject => reject,
        }
    }
}
