use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use futures_util::{Stream, StreamExt as _, stream};
use prometheus::Registry;
use prost::Message as _;
use spandrel_config::ByteSize;
use spandrel_store::snapshot::Values;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::server::{Grpc, ServerStreamingService};
use tonic_prost::ProstCodec;

use super::*;
use crate::federation::grant;
use crate::federation::metrics::Metrics;
use crate::federation::wire::{self, Chunk};

/// Nothing here is slower than this unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

type Chunks = std::pin::Pin<Box<dyn Stream<Item = Result<Chunk, Status>> + Send>>;

/// A peer that answers every question with what the test says.
#[derive(Clone)]
struct Scripted(Arc<dyn Fn() -> Chunks + Send + Sync>);

impl ServerStreamingService<Ask> for Scripted {
    type Response = Chunk;
    type ResponseStream = Chunks;
    type Future = std::future::Ready<Result<tonic::Response<Chunks>, Status>>;

    fn call(&mut self, _: tonic::Request<Ask>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new((self.0)())))
    }
}

/// A link to such a peer, and the tasks that it lives in.
async fn link_to(
    limits: &Limits,
    script: impl Fn() -> Chunks + Send + Sync + 'static,
) -> (Link, JoinSet<()>) {
    let scripted = Scripted(Arc::new(script));
    let answer = async move |request: Request| {
        Grpc::new(ProstCodec::<Chunk, Ask>::default()).server_streaming(scripted.clone(), request).await
    };
    link_over(limits, Router::new().route(ASK_PATH, post(answer))).await
}

async fn link_over(limits: &Limits, router: Router) -> (Link, JoinSet<()>) {
    let (link, listener) = link_and_listener(limits).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (link, tasks)
}

/// A link, and where its connections come out.
async fn link_and_listener(limits: &Limits) -> (Link, tokio::net::TcpListener) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = listener.local_addr().unwrap().to_string();
    let asker = Asker::new(Identity::random(), Arc::default(), limits);
    let metrics = Metrics::new(&Registry::new()).unwrap().of(&name);
    (Link::new(name, asker, metrics).unwrap(), listener)
}

fn begun(protocol: u32) -> Chunk {
    // Always the same sidecar.
    Part::Begun(Begun { protocol, identity: vec![7; 16], run: 0 }).into()
}

fn values(bytes: usize) -> Chunk {
    let value = wire::Value { value: "x".repeat(bytes), count: 1 };
    Part::Values(wire::Values { values: vec![value] }).into()
}

fn end() -> Chunk {
    Part::End(wire::End::default()).into()
}

fn all(chunks: Vec<Chunk>) -> impl Fn() -> Chunks {
    move || Box::pin(stream::iter(chunks.clone()).map(Ok))
}

async fn ask(link: &Link) -> Result<Reply<Values>, SourceError> {
    let visited = Visited::default();
    let answer = link.ask(Ask::extent(), &visited, Instant::now() + PATIENCE);
    tokio::time::timeout(PATIENCE, answer).await.unwrap()
}

fn fault(answer: Result<Reply<Values>, SourceError>) -> PeerFault {
    match answer {
        Err(SourceError::Peer(fault, _)) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_is_whole_only_with_its_end() {
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let (link, _tasks) = link_to(&limits, all(vec![begun(VERSION), values(3), end()])).await;
    assert_eq!(ask(&link).await.unwrap().body.values, [("xxx".to_owned(), 1)]);
    let (link, _tasks) = link_to(&limits, all(vec![begun(VERSION), values(3)])).await;
    assert_eq!(fault(ask(&link).await), PeerFault::Unreachable);
}

#[tokio::test]
async fn another_version_and_parts_that_do_not_belong_are_named_and_the_peer_is_not_asked_again() {
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let extent = Part::Extent(wire::Extent { least: 1, greatest: 2 });
    let cases = [
        (PeerFault::Version, vec![begun(VERSION + 1), end()]),
        (PeerFault::Garbage, vec![begun(VERSION), extent.into(), end()]),
        (PeerFault::Garbage, vec![Chunk { part: None }]),
        (PeerFault::Garbage, vec![end()]),
        (PeerFault::Garbage, vec![values(3), end()]),
    ];
    for (expected, chunks) in cases {
        let (link, mut tasks) = link_to(&limits, all(chunks)).await;
        assert_eq!(fault(ask(&link).await), expected);
        tasks.shutdown().await;
        assert_eq!(fault(ask(&link).await), expected, "known to be down, it is not asked");
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_taken_and_the_peer_stays_up() {
    let limits =
        Limits { peer_timeout: PATIENCE, peer_answer_bytes_max: ByteSize::kib(64), ..Limits::default() };
    let endless = || -> Chunks {
        Box::pin(stream::iter([begun(VERSION)]).chain(stream::repeat_with(|| values(1_000))).map(Ok))
    };
    let (link, _tasks) = link_to(&limits, endless).await;
    for _ in 0..2 {
        assert_eq!(fault(ask(&link).await), PeerFault::TooLarge);
    }
    // One message as large as that is not even read.
    let (link, _tasks) = link_to(&limits, all(vec![begun(VERSION), values(100_000), end()])).await;
    assert_eq!(fault(ask(&link).await), PeerFault::TooLarge);
}

#[tokio::test]
async fn lists_of_nothing_that_unfold_to_far_more_are_charged_before_they_are_read() {
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    // A megabyte, and a few bytes once compressed; each two bytes are a record to be.
    let nothing = wire::Records { contexts: Vec::new(), records: vec![wire::Record::default(); 500_000] };
    let nothing = Chunk::from(Part::Records(nothing)).encode_to_vec();
    let frame = |flag: u8, message: Vec<u8>| {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[flag], &length[..], &message].concat()
    };
    let folded = zstd::bulk::compress(&nothing, 3).unwrap();
    assert!(folded.len() < 2_000, "{} bytes", folded.len());
    let whole = [frame(0, begun(VERSION).encode_to_vec()), frame(1, folded)].concat();
    let answer = async move || ([("content-type", "application/grpc"), ("grpc-encoding", "zstd")], whole);
    let (link, _tasks) = link_over(&limits, Router::new().route(ASK_PATH, post(answer))).await;
    assert_eq!(ask(&link).await.err(), Some(SourceError::NoRoom));
    let given_back = link.asker.answers.available_permits();
    assert_eq!(given_back, limits.answers_bytes_max.as_usize() / grant::PERMIT_BYTES);
}

#[tokio::test]
async fn all_answers_together_have_a_bound_and_give_back_what_they_held() {
    let limits =
        Limits { peer_timeout: PATIENCE, answers_bytes_max: ByteSize::kib(100), ..Limits::default() };
    let (link, _tasks) = link_to(&limits, all(vec![begun(VERSION), values(20_000), end()])).await;
    let first = ask(&link).await.unwrap();
    assert_eq!(ask(&link).await.err(), Some(SourceError::NoRoom));
    drop(first);
    assert!(ask(&link).await.is_ok());
}

#[tokio::test]
async fn trickles_buy_no_time() {
    let limits = Limits { peer_timeout: Duration::from_millis(200), ..Limits::default() };
    let trickle = || -> Chunks {
        let slowly = stream::repeat_with(|| values(1)).then(async |chunk| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            chunk
        });
        Box::pin(stream::iter([begun(VERSION)]).chain(slowly).map(Ok))
    };
    let (link, _tasks) = link_to(&limits, trickle).await;
    assert_eq!(ask(&link).await.err(), Some(SourceError::Deadline));
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_ends_at_the_peer_too() {
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let (dropped, ended) = oneshot::channel::<()>();
    let (begins, has_begun) = oneshot::channel::<()>();
    let once = Mutex::new(Some((dropped, begins)));
    let hanging = move || -> Chunks {
        let held = once.lock().unwrap().take().map(|(dropped, begins)| {
            let _ = begins.send(());
            dropped
        });
        let for_ever = stream::pending().map(move |chunk| {
            // Dropped with the stream.
            let _ = &held;
            chunk
        });
        Box::pin(stream::iter([Ok(begun(VERSION))]).chain(for_ever))
    };
    let (link, _tasks) = link_to(&limits, hanging).await;
    tokio::select! {
        answer = ask(&link) => panic!("{answer:?}"),
        begun = has_begun => begun.unwrap(),
    }
    assert!(tokio::time::timeout(PATIENCE, ended).await.unwrap().is_err(), "the peer's stream is dropped");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_holds_up_no_other_on_the_same_connection() {
    // More than the stream's window: the peer stops there, and the connection has room for others.
    const CHUNKS: usize = 200;
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let (calls, sent) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (filled, is_filled) = oneshot::channel::<()>();
    let filled = Arc::new(Mutex::new(Some(filled)));
    let counted = sent.clone();
    let script = move || -> Chunks {
        if calls.fetch_add(1, Ordering::Relaxed) > 0 {
            return Box::pin(stream::iter([begun(VERSION), values(3), end()]).map(Ok));
        }
        let (sent, filled) = (counted.clone(), filled.clone());
        let endless = stream::repeat_with(move || {
            if sent.fetch_add(1, Ordering::Relaxed) == CHUNKS {
                filled.lock().unwrap().take().map(|filled| filled.send(()));
            }
            values(1_000)
        });
        Box::pin(stream::iter([begun(VERSION)]).chain(endless).map(Ok))
    };
    let (link, _tasks) = link_to(&limits, script).await;
    let _unread = link.open(&link.questions, Ask::extent().within(PATIENCE)).await.unwrap();
    tokio::time::timeout(PATIENCE, is_filled).await.unwrap().unwrap();
    for _ in 0..20 {
        assert_eq!(ask(&link).await.unwrap().body.values.len(), 1);
    }
    assert!(sent.load(Ordering::Relaxed) < 10 * CHUNKS, "the peer goes on sending to nobody");
}

#[tokio::test]
async fn tails_that_nobody_reads_hold_up_no_question_and_no_other_tail() {
    // Far more than a connection of questions would have room for.
    const TAILS: usize = 100;
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let (questions, sent) =
        (Arc::new(std::sync::atomic::AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_question, counted) = (questions.clone(), sent.clone());
    let script = move || -> Chunks {
        if is_question.load(Ordering::Relaxed) {
            return Box::pin(stream::iter([begun(VERSION), values(3), end()]).map(Ok));
        }
        let counted = counted.clone();
        let endless = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            values(1_000)
        });
        Box::pin(stream::iter([begun(VERSION)]).chain(endless).map(Ok))
    };
    let (link, _tasks) = link_to(&limits, script).await;
    let mut tails = Vec::new();
    for _ in 0..TAILS {
        tails.push(link.follow(Ask::tail(&spandrel_store::Filter::All), &Visited::default()).await.unwrap());
    }
    let filled = async {
        while sent.load(Ordering::Relaxed) < TAILS * (OF_TAILS.call_bytes as usize / 1_100) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, filled).await.unwrap();
    // One that is read goes on, beyond what it had on its way.
    for _ in 0..1_000 {
        let part = tokio::time::timeout(PATIENCE, tails[0].next()).await.unwrap();
        assert!(matches!(part, Ok(Part::Values(_))));
    }
    questions.store(true, Ordering::Relaxed);
    for _ in 0..20 {
        assert_eq!(ask(&link).await.unwrap().body.values.len(), 1);
    }
}

#[tokio::test]
async fn another_sidecar_at_a_peers_address_is_missing_once() {
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let calls = AtomicUsize::new(0);
    let script = move || -> Chunks {
        let identity = if calls.fetch_add(1, Ordering::Relaxed) == 0 { 7 } else { 8 };
        let begun = Begun { protocol: VERSION, identity: vec![identity; 16], run: 0 };
        Box::pin(stream::iter([Part::Begun(begun).into(), values(3), end()]).map(Ok))
    };
    let (link, _tasks) = link_to(&limits, script).await;
    assert!(ask(&link).await.is_ok());
    let Err(SourceError::Peer(PeerFault::Unreachable, detail)) = ask(&link).await else { panic!("complete") };
    assert!(detail.contains("another sidecar"), "{detail}");
    assert!(ask(&link).await.is_ok(), "who is there now answers");
}

/// Answers a call of gRPC over a connection of the test's own, whole or as far as its beginning.
fn answer(
    mut call: h2::server::SendResponse<bytes::Bytes>,
    chunks: &[Chunk],
    end: bool,
) -> h2::SendStream<bytes::Bytes> {
    let head = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut body = call.send_response(head, false).unwrap();
    send(&mut body, chunks, end);
    body
}

fn send(body: &mut h2::SendStream<bytes::Bytes>, chunks: &[Chunk], end: bool) {
    for chunk in chunks {
        let message = chunk.encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        body.send_data([&[0], &length[..], &message].concat().into(), false).unwrap();
    }
    if end {
        body.send_trailers(
            [(http::HeaderName::from_static("grpc-status"), "0".parse().unwrap())].into_iter().collect(),
        )
        .unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_takes_no_more_calls_is_replaced_and_its_calls_go_on() {
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let (link, listener) = link_and_listener(&limits).await;
    let mut server = JoinSet::new();
    let (say_goodbye, goodbye) = oneshot::channel::<()>();
    let (finish, finished) = oneshot::channel::<()>();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    server.spawn(async move {
        let whole = [begun(VERSION), values(3), end()];
        // Of the first connection the first call stays open, and the connection says that it takes no more.
        let (stream, _) = listener.accept().await.unwrap();
        counted.fetch_add(1, Ordering::Relaxed);
        let mut first = h2::server::handshake(stream).await.unwrap();
        let (_, call) = first.accept().await.unwrap().unwrap();
        let mut open = answer(call, &whole[..1], false);
        let (mut goodbye, mut finished) = (Some(goodbye), Some(finished));
        let mut others = JoinSet::new();
        loop {
            tokio::select! {
                _ = async { goodbye.as_mut().unwrap().await }, if goodbye.is_some() => {
                    goodbye = None;
                    first.graceful_shutdown();
                }
                _ = async { finished.as_mut().unwrap().await }, if finished.is_some() => {
                    finished = None;
                    send(&mut open, &whole[1..], true);
                }
                call = first.accept() => match call {
                    Some(Ok((_, call))) => drop(answer(call, &whole, true)),
                    _ => std::future::pending().await,
                },
                Ok((stream, _)) = listener.accept() => {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let whole = whole.clone();
                    others.spawn(async move {
                        let mut other = h2::server::handshake(stream).await.unwrap();
                        while let Some(Ok((_, call))) = other.accept().await {
                            drop(answer(call, &whole, true));
                        }
                    });
                }
            }
        }
    });
    let link = Arc::new(link);
    let asking = link.clone();
    let under_way = tokio::spawn(async move { ask(&asking).await });
    // Another connection is not made while this one takes calls.
    assert!(ask(&link).await.is_ok());
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    say_goodbye.send(()).unwrap();
    let begun = Instant::now();
    while connections.load(Ordering::Relaxed) == 1 {
        assert!(ask(&link).await.is_ok());
        assert!(begun.elapsed() < PATIENCE);
    }
    finish.send(()).unwrap();
    let whole = tokio::time::timeout(PATIENCE, under_way).await.unwrap().unwrap();
    assert_eq!(whole.unwrap().body.values.len(), 1);
}

#[tokio::test]
async fn questions_that_are_given_up_by_the_hundred_do_not_end_the_connection() {
    const GIVEN_UP: usize = 1_000;
    let limits = Limits { peer_timeout: PATIENCE, ..Limits::default() };
    let (link, listener) = link_and_listener(&limits).await;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // Any other connection is not served.
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (mut calls, mut late) = (0, Vec::new());
        while let Some(Ok((_, call))) = connection.accept().await {
            calls += 1;
            if calls <= GIVEN_UP {
                // What comes of these comes when nobody waits for it any more.
                late.push(answer(call, &[begun(VERSION), values(2_000)], false));
                continue;
            }
            drop(answer(call, &[begun(VERSION), values(3), end()], true));
        }
    });
    for _ in 0..GIVEN_UP {
        let answer = link.open(&link.questions, Ask::extent().within(PATIENCE));
        drop(tokio::time::timeout(PATIENCE, answer).await.unwrap().unwrap());
    }
    assert_eq!(ask(&link).await.unwrap().body.values.len(), 1);
}
