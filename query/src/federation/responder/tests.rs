use super::super::wire::Visited;
use super::*;

/// A gateway that nobody stands behind.
fn gateway(limits: Limits) -> Responder {
    Responder::new(Identity::random(), None, Arc::default(), limits, CancellationToken::new())
}

async fn error(responder: &Responder, ask: Ask) -> Option<SourceError> {
    responder.answer(ask).await.err()
}

#[tokio::test]
async fn a_question_in_another_version_is_answered_with_both_versions_and_nothing_else() {
    let gateway = gateway(Limits::default());
    let ask = Ask::describe().within(Duration::from_secs(1));
    assert_eq!(error(&gateway, ask.clone()).await, None);
    for protocol in [0, VERSION + 1, u32::MAX] {
        let answer = error(&gateway, Ask { protocol, ..ask.clone() }).await;
        let Some(SourceError::Peer(PeerFault::Version, detail)) = answer else { panic!("{answer:?}") };
        assert_eq!(
            detail,
            format!("the question is in version {protocol} of the protocol, this is {VERSION}")
        );
    }
}

#[tokio::test]
async fn a_question_that_comes_back_is_answered_with_itself() {
    let gateway = gateway(Limits::default());
    let ask = Ask::describe().within(Duration::from_secs(1));
    let back = ask.clone().passed_through(&Visited::by(gateway.identity));
    assert_eq!(error(&gateway, back).await, Some(SourceError::Itself));
    let of_another = ask.passed_through(&Visited::by(Identity::random()));
    assert_eq!(error(&gateway, of_another).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_a_turn_left_says_that_it_is_busy_within_the_askers_patience() {
    let gateway = gateway(Limits { peer_questions_max: 0, ..Limits::default() });
    let (begun, patience) = (Instant::now(), Duration::from_millis(300));
    assert_eq!(error(&gateway, Ask::describe().within(patience)).await, Some(SourceError::Busy));
    assert!(begun.elapsed() >= patience && begun.elapsed() < 2 * patience);
}
