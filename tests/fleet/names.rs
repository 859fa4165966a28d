//! A name server that says what it is told to: the addresses of one host, or that it knows no such name.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

pub struct NameServer {
    pub address: SocketAddr,
    said: Arc<Mutex<Option<Vec<Ipv4Addr>>>>,
}

const HEADER_BYTES: usize = 12;
/// Behind a question's name: its type and its class.
const KIND_BYTES: usize = 4;
const ADDRESS: u16 = 1;

impl NameServer {
    pub fn start(addresses: &[Ipv4Addr]) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let said = Arc::new(Mutex::new(Some(addresses.to_vec())));
        let serving = Arc::downgrade(&said);
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut question) {
                let Some(said) = serving.upgrade() else { break };
                let answer = answer(&question[..length], said.lock().unwrap().as_deref());
                let _ = socket.send_to(&answer, asker);
            }
        });
        NameServer { address, said }
    }

    /// `None`: it knows no such name.
    pub fn say(&self, addresses: Option<&[Ipv4Addr]>) {
        *self.said.lock().unwrap() = addresses.map(<[Ipv4Addr]>::to_vec);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // The thread wakes, and finds nobody to serve.
        self.said = Arc::default();
        let waking = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _ = waking.send_to(&[0; HEADER_BYTES], self.address);
    }
}

/// As RFC 1035 has it: the header, the question as it was, a record for each address.
fn answer(question: &[u8], said: Option<&[Ipv4Addr]>) -> Vec<u8> {
    let name_end = question.iter().skip(HEADER_BYTES).position(|byte| *byte == 0).unwrap();
    let asked = &question[HEADER_BYTES..HEADER_BYTES + name_end + 1 + KIND_BYTES];
    let kind = u16::from_be_bytes([asked[asked.len() - 4], asked[asked.len() - 3]]);
    let addresses = said.unwrap_or_default().iter().filter(|_| kind == ADDRESS);
    // An answer, recursion wanted and there; and either no error or no such name.
    let flags: u16 = if said.is_some() { 0x8180 } else { 0x8183 };
    let counts = [1, addresses.clone().count() as u16, 0, 0];
    let mut answer = question[..2].to_vec();
    answer.extend(flags.to_be_bytes());
    answer.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    answer.extend(asked);
    for address in addresses {
        // The question's name; the kind, the class of the internet, five seconds, four bytes.
        answer.extend([0xc0, HEADER_BYTES as u8, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}
