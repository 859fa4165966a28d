//! A proxy that does to a connection what networks do: everything a peer's messages go through here.
//!
//! One thread accepts, two more move the bytes of each connection. A change of mood ends the connections that
//! there are and holds for the next ones; only to hang needs no end, so that then they hang.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
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
    /// Everything comes back this much later.
    Late(Duration),
}

pub struct Proxy {
    address: String,
    state: Arc<State>,
}

struct State {
    mood: Mutex<(Mood, u64)>,
    changed: Condvar,
    target: String,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub fn to(target: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            mood: Mutex::new((Mood::Pass, 0)),
            changed: Condvar::new(),
            target: target.to_owned(),
            open: Mutex::default(),
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

    pub fn set(&self, mood: Mood) {
        let mut current = self.state.mood.lock().unwrap();
        *current = (mood, current.1 + 1);
        self.state.changed.notify_all();
        drop(current);
        if mood == Mood::Hang {
            return;
        }
        for stream in self.state.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
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
        self.open.lock().unwrap().extend([copy(&client), copy(&server)]);
        let (to_server, from_client) = (copy(&server), copy(&client));
        std::thread::spawn(move || forward(from_client, to_server));
        std::thread::spawn(move || self.back(server, client, mood));
    }

    fn back(&self, mut from: TcpStream, mut to: TcpStream, mood: Mood) {
        let mut buffer = [0; 16 << 10];
        let mut sent = 0;
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let piece = &mut buffer[..length];
            let mood = if self.is_hanging() { Mood::Hang } else { mood };
            let passed = match mood {
                Mood::Pass => to.write_all(piece).is_ok(),
                Mood::Refuse => false,
                Mood::Hang => self.pause(None),
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
            };
            if !passed {
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn is_hanging(&self) -> bool {
        self.mood.lock().unwrap().0 == Mood::Hang
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

fn forward(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
