//! A proxy that does to a connection what networks do: everything a peer's messages go through here.
//!
//! One thread accepts, two more move the bytes of each connection. A change of mood ends the connections that there are
//! and holds for the next ones. Moods in which a network goes silent need no end: they befall the connections that there
//! are, too.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mood {
    Pass,
    /// Connections are closed as soon as they are made.
    Refuse,
    /// Connections are taken, and nothing comes back.
    Hang,
    /// What comes back is not what was sent.
    Garbage,
    /// What comes back comes this slowly.
    Slow {
        bytes_per_second: u64,
    },
    /// The connection breaks after so many bytes have come back.
    Cut {
        after_bytes: usize,
    },
    /// After so many more bytes nothing comes back any more, and nobody says so: the network is in two parts.
    Part {
        after_bytes: usize,
    },
    /// The other side has lost its connections and takes no new ones, and this side is not told.
    HalfOpen,
    /// Everything comes back this much later.
    Late(Duration),
    /// The same, and one segment of twenty is lost: it, and all that is behind it, comes when it has been sent again.
    Lossy(Duration),
}

pub struct Proxy {
    address: String,
    state: Arc<State>,
}

struct State {
    mood: Mutex<(Mood, u64)>,
    changed: Condvar,
    target: String,
    /// Towards the asker, and towards the peer.
    open: Mutex<Vec<(TcpStream, TcpStream)>>,
    bytes_back: AtomicU64,
}

/// What fits into a packet.
const SEGMENT_BYTES: usize = 1_400;
/// The least time after which TCP takes a segment for lost.
const RETRANSMISSION: Duration = Duration::from_millis(200);

impl Proxy {
    pub fn to(target: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            mood: Mutex::new((Mood::Pass, 0)),
            changed: Condvar::new(),
            target: target.to_owned(),
            open: Mutex::default(),
            bytes_back: AtomicU64::new(0),
        });
        let serving = Arc::downgrade(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(state) = serving.upgrade() else { break };
                state.serve(stream);
            }
        });
        Proxy { address, state }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the peer has sent so far.
    pub fn bytes_back(&self) -> u64 {
        self.state.bytes_back.load(Ordering::Relaxed)
    }

    pub fn set(&self, mood: Mood) {
        let mut current = self.state.mood.lock().unwrap();
        *current = (mood, current.1 + 1);
        self.state.changed.notify_all();
        drop(current);
        let mut open = self.state.open.lock().unwrap();
        match mood {
            Mood::Hang | Mood::Part { .. } => {}
            Mood::HalfOpen => open.iter().for_each(|(_, server)| _ = server.shutdown(Shutdown::Both)),
            _ => {
                for (client, server) in open.drain(..) {
                    let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
                }
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mood::Refuse);
        // Wakes the thread that accepts, which finds nobody.
        let address: SocketAddr = self.address.parse().unwrap();
        let _ = TcpStream::connect(address);
    }
}

impl State {
    fn serve(self: Arc<State>, client: TcpStream) {
        let (mood, _) = *self.mood.lock().unwrap();
        if mood == Mood::Refuse {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.target) else { return };
        let copy = |stream: &TcpStream| stream.try_clone().unwrap();
        self.open.lock().unwrap().push((copy(&client), copy(&server)));
        if mood == Mood::HalfOpen {
            let _ = server.shutdown(Shutdown::Both);
        }
        let (to_server, from_client) = (copy(&server), copy(&client));
        let forwarding = self.clone();
        std::thread::spawn(move || forwarding.forward(from_client, to_server));
        std::thread::spawn(move || self.back(server, client, mood));
    }

    fn back(&self, mut from: TcpStream, mut to: TcpStream, mood: Mood) {
        let mut buffer = [0; 16 << 10];
        let (mut sent, mut parting, mut segments) = (0, 0, 0);
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let piece = &mut buffer[..length];
            self.bytes_back.fetch_add(length as u64, Ordering::Relaxed);
            let passed = match self.silent().unwrap_or(mood) {
                Mood::Pass => to.write_all(piece).is_ok(),
                Mood::Refuse => false,
                Mood::Hang | Mood::HalfOpen => self.pause(None),
                Mood::Part { after_bytes } => {
                    let rest = after_bytes.saturating_sub(parting).min(length);
                    parting += rest;
                    to.write_all(&piece[..rest]).is_ok() && (rest == length || self.pause(None))
                }
                Mood::Garbage => {
                    piece.iter_mut().for_each(|byte| *byte ^= 0xa5);
                    to.write_all(piece).is_ok()
                }
                Mood::Slow { bytes_per_second } => piece.iter().all(|byte| {
                    self.pause(Some(Duration::from_secs(1) / bytes_per_second as u32))
                        && to.write_all(&[*byte]).is_ok()
                }),
                Mood::Cut { after_bytes } => {
                    let rest = after_bytes.saturating_sub(sent).min(length);
                    sent += rest;
                    to.write_all(&piece[..rest]).is_ok() && sent < after_bytes
                }
                Mood::Late(time) => self.pause(Some(time)) && to.write_all(piece).is_ok(),
                Mood::Lossy(time) => {
                    let lost = piece.chunks(SEGMENT_BYTES).filter(|_| {
                        segments += 1;
                        segments % 20 == 10
                    });
                    let again = (2 * time + RETRANSMISSION) * lost.count() as u32;
                    self.pause(Some(time + again)) && to.write_all(piece).is_ok()
                }
            };
            if !passed {
                break;
            }
        }
        // Of a connection that is lost on one side, the other hears nothing.
        while self.silent() == Some(Mood::HalfOpen) && self.pause(None) {}
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn forward(&self, mut from: TcpStream, mut to: TcpStream) {
        let _ = std::io::copy(&mut from, &mut to);
        // What is sent to somebody who is not there any more is not answered either.
        while self.silent() == Some(Mood::HalfOpen) && self.pause(None) {}
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    /// The present mood, if it befalls connections that there are.
    fn silent(&self) -> Option<Mood> {
        let mood = self.mood.lock().unwrap().0;
        matches!(mood, Mood::Hang | Mood::Part { .. } | Mood::HalfOpen).then_some(mood)
    }

    /// Waits so long, or without a time for ever; false if the mood changed meanwhile.
    fn pause(&self, time: Option<Duration>) -> bool {
        let until = time.map(|time| Instant::now() + time);
        let mut current = self.mood.lock().unwrap();
        let begun = current.1;
        loop {
            if current.1 != begun {
                return false;
            }
            current = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(current).unwrap(),
                Some(Duration::ZERO) => return true,
                Some(rest) => self.changed.wait_timeout(current, rest).unwrap().0,
            };
        }
    }
}
