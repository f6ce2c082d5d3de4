//! A stretch of wire that a test can cut: TCP from a port of its own to a server.
//!
//! Invariants: cut means closed on both sides at once, as by a crash; mending lets new connections through again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A wire.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
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
        let wire = Self { address, cut: Arc::clone(&cut), ends: Arc::clone(&ends) };
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(server);
                if let (Ok(far), false) = (far, cut.load(Ordering::SeqCst)) {
                    let mut ends = ends.lock().unwrap();
                    for (from, to) in [(&near, &far), (&far, &near)] {
                        ends.push(from.try_clone().unwrap());
                        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                        thread::spawn(move || {
                            let _ = io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Both);
                        });
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

    /// Lets new connections through again.
    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}
