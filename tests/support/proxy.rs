//! A stretch of wire that a test can cut or hold: TCP from a port of its own to a server.
//!
//! Invariants: cut means closed on both sides at once, as by a crash; held means that connections stay open and are taken,
//! and nothing passes. Mending ends both: what was held passes then.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A wire.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    held: Arc<(Mutex<bool>, Condvar)>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    /// A wire to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::from(Ipv4Addr::LOCALHOST.into(), server)
    }

    /// A wire to `server` whose near end is at this address of the machine.
    pub(crate) fn from(near: IpAddr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind((near, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, ends) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let held = Arc::new((Mutex::new(false), Condvar::new()));
        let wire = Self { address, cut: Arc::clone(&cut), held: Arc::clone(&held), ends: Arc::clone(&ends) };
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(server);
                if let (Ok(far), false) = (far, cut.load(Ordering::SeqCst)) {
                    let mut ends = ends.lock().unwrap();
                    for (from, to) in [(&near, &far), (&far, &near)] {
                        ends.push(from.try_clone().unwrap());
                        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                        let held = Arc::clone(&held);
                        thread::spawn(move || carry(from, to, &held));
                    }
                }
            }
        });
        wire
    }

    /// Where its near end is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets nothing pass, and tells nobody.
    pub(crate) fn hold(&self) {
        *self.held.0.lock().unwrap() = true;
    }

    /// Lets everything through again.
    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
        *self.held.0.lock().unwrap() = false;
        self.held.1.notify_all();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.mend();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, held: &(Mutex<bool>, Condvar)) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        drop(held.1.wait_while(held.0.lock().unwrap(), |held| *held).unwrap());
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
