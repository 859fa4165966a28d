use http_body_util::BodyExt as _;
use spandrel_store::snapshot::Values;

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

/// A value of so many letters, to one who takes zstd or doesn't: whether it was compressed, and the bytes sent.
async fn sent(letters: usize, takes_zstd: bool) -> (bool, usize) {
    let values = Values { values: vec![("x".repeat(letters), 1)], truncated: false };
    let answer = gateway(Limits::default()).whole(Reply { body: values, ..Reply::default() });
    let response = answer.into_response(takes_zstd);
    let encoding = response.headers().get(ENCODING).cloned();
    assert!(encoding.as_ref().is_none_or(|encoding| encoding == "zstd"), "{encoding:?}");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    // Of each message the first byte says whether it is compressed.
    assert_eq!(bytes[0] == 1, encoding.is_some());
    (encoding.is_some(), bytes.len())
}

#[tokio::test]
async fn only_large_answers_are_compressed_and_only_for_those_who_take_it() {
    let (compressed, bytes) = sent(1_000, true).await;
    assert!(!compressed && bytes > 1_000);
    let (compressed, bytes) = sent(COMPRESSED_BYTES_MIN, true).await;
    assert!(compressed && bytes < 1_000, "{bytes} bytes");
    let (compressed, bytes) = sent(COMPRESSED_BYTES_MIN, false).await;
    assert!(!compressed && bytes > COMPRESSED_BYTES_MIN);
}

#[test]
fn encodings_are_read_as_askers_list_them() {
    let taken = |accepted: &'static str| {
        takes_zstd(&HeaderMap::from_iter([(ACCEPT_ENCODING.parse().unwrap(), accepted.parse().unwrap())]))
    };
    assert!(taken("zstd,identity") && taken("gzip, zstd"));
    assert!(!taken("gzip,identity") && !taken("zstdx") && !takes_zstd(&HeaderMap::new()));
}
