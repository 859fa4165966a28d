//! A port of one's own on which nobody listens yet.
//!
//! A port that was bound and given up again is the system's to give to whoever asks next, which on a busy machine is
//! another test. Here it stays bound by a socket that does not listen: the system gives it to nobody, whoever connects
//! is refused, and a process that is told the address can listen there (servers bind with `SO_REUSEADDR`), end, and
//! another one after it.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    _bound: TcpSocket,
}

impl Port {
    /// On 127.0.0.1.
    pub fn reserve() -> Port {
        Port::reserve_on(Ipv4Addr::LOCALHOST)
    }

    /// `0.0.0.0` reserves it on every address.
    pub fn reserve_on(address: Ipv4Addr) -> Port {
        let bound = TcpSocket::new_v4().expect("a socket can be made");
        bound.set_reuseaddr(true).expect("others may listen where it is bound");
        bound.bind((address, 0).into()).expect("there is a free port");
        let address = bound.local_addr().expect("a bound socket has an address");
        Port { address, _bound: bound }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn number(&self) -> u16 {
        self.address.port()
    }
}
