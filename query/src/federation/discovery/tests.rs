use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use simple_dns::rdata::{A, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

/// A name server that says what it is told to, on a port of its own.
struct NameServer {
    address: SocketAddr,
    records: Arc<Mutex<Option<Vec<RData<'static>>>>>,
    _tasks: tokio::task::JoinSet<()>,
}

impl NameServer {
    /// `cut`: answers over UDP are cut, so that they must be asked for again over TCP.
    async fn start(cut: bool) -> NameServer {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let (address, records) = (udp.local_addr().unwrap(), Arc::new(Mutex::new(None)));
        let mut tasks = tokio::task::JoinSet::new();
        let said = records.clone();
        tasks.spawn(async move {
            let mut question = [0; 512];
            loop {
                let (length, asker) = udp.recv_from(&mut question).await.unwrap();
                let answer = answer(&question[..length], &said, cut);
                udp.send_to(&answer, asker).await.unwrap();
            }
        });
        let said = records.clone();
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let mut question = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut question).await.unwrap();
                let answer = answer(&question, &said, false);
                stream.write_u16(answer.len() as u16).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        NameServer { address, records, _tasks: tasks }
    }

    /// `None`: it knows no such name.
    fn say(&self, records: Option<Vec<RData<'static>>>) {
        *self.records.lock().unwrap() = records;
    }
}

fn answer(question: &[u8], records: &Mutex<Option<Vec<RData<'static>>>>, cut: bool) -> Vec<u8> {
    let question = Packet::parse(question).unwrap();
    let mut answer = Packet::new_reply(question.id());
    let asked = question.questions[0].clone();
    match &*records.lock().unwrap() {
        None => *answer.rcode_mut() = RCODE::NameError,
        Some(_) if cut => answer.set_flags(PacketFlag::TRUNCATION),
        Some(records) => {
            let of_kind = records
                .iter()
                .map(|data| ResourceRecord::new(asked.qname.clone(), CLASS::IN, 5, data.clone()));
            answer.answers.extend(of_kind.filter(|record| record.match_qtype(asked.qtype)));
        }
    }
    answer.questions.push(asked);
    answer.build_bytes_vec().unwrap()
}

fn address(last: u8) -> RData<'static> {
    RData::A(A { address: Ipv4Addr::new(10, 0, 0, last).into() })
}

fn service(target: &'static str, port: u16) -> RData<'static> {
    RData::SRV(SRV { priority: 0, weight: 0, port, target: Name::new_unchecked(target) })
}

fn discovery(federation: Federation) -> Discovery {
    Discovery::new(&federation, &Limits { peers_max: 4, ..Limits::default() })
}

fn of_dns(server: &NameServer, name: &str) -> Discovery {
    let dns_server = Some(server.address);
    discovery(Federation { dns: vec![name.to_owned()], dns_server, ..Federation::default() })
}

fn reasons(listed: &Listed) -> Vec<(&str, &str)> {
    listed.absent.iter().map(|absent| (absent.peer.name.as_str(), &*absent.reason)).collect()
}

#[tokio::test]
async fn the_addresses_of_a_host_are_peers_as_long_as_dns_says_so() {
    let server = NameServer::start(false).await;
    let mut discovery = of_dns(&server, "sidecars.default.svc:7317");
    // Until it has been looked up nobody knows who is missing.
    assert_eq!(reasons(&discovery.listed()), [("sidecars.default.svc:7317", "unresolved")]);
    server.say(Some(vec![address(2), address(1)]));
    discovery.look().await;
    assert_eq!(discovery.listed().names, ["10.0.0.1:7317", "10.0.0.2:7317"]);
    assert_eq!(discovery.listed().absent, []);
    server.say(Some(vec![address(3)]));
    discovery.look().await;
    assert_eq!(discovery.listed().names, ["10.0.0.3:7317"]);
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_keeps_its_peers_and_is_itself_missing() {
    let server = NameServer::start(false).await;
    let mut discovery = of_dns(&server, "sidecars:7317");
    server.say(Some(vec![address(1)]));
    discovery.look().await;
    server.say(None);
    discovery.look().await;
    let listed = discovery.listed();
    assert_eq!(listed.names, ["10.0.0.1:7317"]);
    assert_eq!(reasons(&listed), [("sidecars:7317", "unresolved")]);
}

#[tokio::test]
async fn services_are_peers_at_their_targets_and_ports_also_where_the_answer_was_cut() {
    for cut in [false, true] {
        let server = NameServer::start(cut).await;
        let mut discovery = of_dns(&server, "_spandrel._tcp.example.org");
        server.say(Some(vec![service("b.example.org", 7317), service("a.example.org", 7318)]));
        discovery.look().await;
        assert_eq!(discovery.listed().names, ["a.example.org:7318", "b.example.org:7317"]);
    }
}

#[tokio::test]
async fn a_file_lists_a_peer_on_each_line_and_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers");
    let write = |text: &str| std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let peers = vec!["orders:7317".to_owned()];
    let mut discovery = discovery(Federation { peers, file: Some(path.clone()), ..Federation::default() });
    discovery.look().await;
    assert_eq!(discovery.listed().names, ["orders:7317"]);
    assert_eq!(reasons(&discovery.listed())[0].1, "unresolved");
    write("# all of them\norders:7317\n\n payment:7317  # the new one\n");
    discovery.look().await;
    assert_eq!(discovery.listed().names, ["orders:7317", "payment:7317"]);
    assert_eq!(discovery.listed().absent, []);
    // A line that names nobody is named, and the others count.
    write("payment:7317\nwhat?\nledger:7317\nor this\n");
    discovery.look().await;
    assert_eq!(discovery.listed().names, ["orders:7317", "ledger:7317", "payment:7317"]);
    assert_eq!(reasons(&discovery.listed())[0].1, "unresolved");
    let detail = &discovery.listed().absent[0].detail;
    assert!(detail.contains("line 2") && detail.contains("what?"), "{detail}");
    assert!(detail.contains("1 more"), "{detail}");
}

#[tokio::test]
async fn no_more_peers_are_listed_than_the_limit_says_and_the_rest_is_missing() {
    let peers = (0..9).map(|number| format!("peer-{number}:7317")).collect();
    let listed = discovery(Federation { peers, ..Federation::default() }).listed();
    assert_eq!(listed.names.len(), 4);
    assert_eq!(reasons(&listed)[0].1, "too_many");
}

#[tokio::test]
async fn changes_are_told_while_it_runs() {
    let server = NameServer::start(false).await;
    let mut discovery = of_dns(&server, "sidecars:7317");
    discovery.refresh = Duration::from_millis(1);
    let (tell, mut told) = watch::channel(discovery.listed());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(discovery.run(tell, shutdown.clone()));
    for last in 1..4 {
        server.say(Some(vec![address(last)]));
        let wanted = format!("10.0.0.{last}:7317");
        told.wait_for(|listed| listed.names == [wanted.clone()]).await.unwrap();
    }
    shutdown.cancel();
    running.await.unwrap();
}
