//! Names to addresses: A and AAAA by the system's own resolver, SRV by asking the name servers.
//!
//! The system's resolver knows no SRV, so that these are asked for here: a packet to each name server of
//! `/etc/resolv.conf` in turn, with its search list, over UDP, and over TCP where the answer was cut. With
//! `federation.dns_server` everything goes to that server. Nothing is kept: every look asks anew.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

const SYSTEM: &str = "/etc/resolv.conf";
const PORT: u16 = 53;
/// One name server's time to answer; the next one is asked after it.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// The whole of one look-up.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
const DATAGRAM_BYTES_MAX: usize = 4096;

#[derive(Debug, Clone)]
pub(super) struct Dns {
    server: Option<SocketAddr>,
}

/// What of an answer is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Address(IpAddr),
    Service { target: String, port: u16 },
}

impl Dns {
    pub(super) fn new(server: Option<SocketAddr>) -> Dns {
        Dns { server }
    }

    /// The addresses of a `host:port`, each with the port.
    pub(super) async fn hosts(&self, name: &str) -> Result<Vec<String>, String> {
        in_time(async {
            let Some(server) = self.server else {
                let found = tokio::net::lookup_host(name).await.map_err(|error| error.to_string())?;
                return Ok(found.map(|address| address.to_string()).collect());
            };
            let (host, port) = name.rsplit_once(':').ok_or("no port")?;
            let port: u16 = port.parse().map_err(|_| "no port")?;
            let (mut found, mut trouble) = (Vec::new(), None);
            for kind in [TYPE::A, TYPE::AAAA] {
                match ask(server, host, kind).await {
                    Ok(some) => found.extend(some),
                    Err(error) => trouble = Some(error),
                }
            }
            let addresses = found.into_iter().filter_map(|found| match found {
                Found::Address(address) => Some(SocketAddr::new(address, port).to_string()),
                Found::Service { .. } => None,
            });
            let addresses: Vec<String> = addresses.collect();
            match trouble {
                Some(trouble) if addresses.is_empty() => Err(trouble),
                _ => Ok(addresses),
            }
        })
        .await
    }

    /// The targets of a `_service._proto.name`, each with its port.
    pub(super) async fn services(&self, name: &str) -> Result<Vec<String>, String> {
        in_time(async {
            let (servers, candidates) = self.servers_and_names(name).await?;
            let mut trouble = "no name server is known".to_owned();
            for candidate in candidates {
                for server in &servers {
                    match ask(*server, &candidate, TYPE::SRV).await {
                        Ok(found) => return Ok(found.into_iter().filter_map(Found::into_endpoint).collect()),
                        Err(error) => trouble = error,
                    }
                }
            }
            Err(trouble)
        })
        .await
    }

    async fn servers_and_names(&self, name: &str) -> Result<(Vec<SocketAddr>, Vec<String>), String> {
        if let Some(server) = self.server {
            return Ok((vec![server], vec![name.to_owned()]));
        }
        let text = tokio::fs::read(SYSTEM).await.map_err(|error| format!("read {SYSTEM}: {error}"))?;
        let system = resolv_conf::Config::parse(text).map_err(|error| format!("{SYSTEM}: {error}"))?;
        let servers = system.nameservers.iter().map(|server| SocketAddr::new(server.into(), PORT));
        let dots = name.matches('.').count();
        let searched = system.get_last_search_or_domain().map(|domain| format!("{name}.{domain}"));
        let mut names: Vec<String> = match name.ends_with('.') {
            true => Vec::new(),
            false => searched.collect(),
        };
        // As the system's resolver does it: a name with few dots is first tried with what is appended.
        let at = if dots >= system.ndots as usize { 0 } else { names.len() };
        names.insert(at, name.to_owned());
        Ok((servers.collect(), names))
    }
}

impl Found {
    fn into_endpoint(self) -> Option<String> {
        match self {
            Found::Service { target, port } => Some(format!("{}:{port}", target.trim_end_matches('.'))),
            Found::Address(_) => None,
        }
    }
}

async fn in_time<T>(look: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(LOOK_TIMEOUT, look).await.unwrap_or_else(|_| Err("no answer in time".to_owned()))
}

/// What a name server says of a name. An answer without any such record is an error too.
async fn ask(server: SocketAddr, name: &str, kind: TYPE) -> Result<Vec<Found>, String> {
    let id = fastrand::u16(..);
    let question = packet(id, name, kind)?;
    let answer = timeout(SERVER_TIMEOUT, exchange(server, &question, id)).await;
    let answer = answer.map_err(|_| format!("the name server {server} does not answer"))?;
    let answer = answer.map_err(|error| format!("ask the name server {server}: {error}"))?;
    read(&answer, name)
}

fn packet(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, String> {
    let wrong = |error: simple_dns::SimpleDnsError| format!("`{name}`: {error}");
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name.trim_end_matches('.')).map_err(wrong)?;
    packet.questions.push(Question::new(name, kind.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(wrong)
}

async fn exchange(server: SocketAddr, question: &[u8], id: u16) -> io::Result<Vec<u8>> {
    let own: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(own, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut answer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let length = socket.recv(&mut answer).await?;
        let Ok(packet) = Packet::parse(&answer[..length]) else { continue };
        if packet.id() != id {
            continue;
        }
        if packet.has_flags(PacketFlag::TRUNCATION) {
            return exchange_over_tcp(server, question).await;
        }
        answer.truncate(length);
        return Ok(answer);
    }
}

async fn exchange_over_tcp(server: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(question).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn read(answer: &[u8], name: &str) -> Result<Vec<Found>, String> {
    let packet = Packet::parse(answer).map_err(|error| format!("the name server's answer: {error}"))?;
    if packet.rcode() != RCODE::NoError {
        return Err(format!("the name server knows no `{name}`: {:?}", packet.rcode()));
    }
    let found = packet.answers.iter().filter_map(|record| match &record.rdata {
        RData::A(a) => Some(Found::Address(IpAddr::V4(Ipv4Addr::from(a.address)))),
        RData::AAAA(aaaa) => Some(Found::Address(IpAddr::V6(Ipv6Addr::from(aaaa.address)))),
        RData::SRV(srv) => Some(Found::Service { target: srv.target.to_string(), port: srv.port }),
        _ => None,
    });
    let found: Vec<Found> = found.collect();
    if found.is_empty() { Err(format!("the name server has no such record of `{name}`")) } else { Ok(found) }
}
