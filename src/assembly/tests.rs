//! How stages end that were not told to, and those that were.

use std::time::Duration;

use tokio::time::Instant;

use spandrel_config::{Config, Secret};

use super::{Stage, is_token_unused};

#[tokio::test]
async fn a_stage_that_panics_is_a_failure_with_its_name_and_can_still_be_stopped() {
    let mut stage = Stage::spawn("query server", |_| async { panic!("out of order") });
    let failure = stage.failed().await.to_string();
    assert!(
        failure.starts_with("the query server failed: ") && failure.contains("out of order"),
        "{failure}"
    );
    stage.stop(Instant::now() + Duration::from_secs(60)).await;
}

#[tokio::test]
async fn a_stage_that_returns_without_being_told_to_is_a_failure_too() {
    let mut stage = Stage::spawn("collector", |_| async {});
    assert_eq!(stage.failed().await.to_string(), "the collector stopped by itself");
}

#[tokio::test]
async fn a_stage_is_told_to_stop_and_waited_for() {
    let (ended, end) = tokio::sync::oneshot::channel();
    let stage = Stage::spawn("collector", |shutdown| async move {
        shutdown.cancelled().await;
        ended.send("drained").unwrap();
    });
    stage.stop(Instant::now() + Duration::from_secs(60)).await;
    assert_eq!(end.await.unwrap(), "drained");
}

#[tokio::test]
async fn a_stage_that_never_ends_is_left_behind_at_the_deadline() {
    let stage = Stage::spawn("collector", |_| std::future::pending());
    stage.stop(Instant::now()).await;
}

#[test]
fn a_token_that_nothing_makes_use_of_is_noticed() {
    let given = |token: &'static str| move |name: &str| (name == "SPANDREL_TOKEN").then(|| token.to_owned());
    let mut config = Config::default();
    assert!(is_token_unused(&config, &given("sesame")));
    assert!(!is_token_unused(&config, &given(" ")));
    assert!(!is_token_unused(&config, &|_| None));
    config.security.token = Some(Secret("sesame".to_owned()));
    assert!(!is_token_unused(&config, &given("sesame")));
}
