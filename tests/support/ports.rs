//! Ports on 127.0.0.1 that nobody uses at the moment.
//!
//! Invariant: they are below those that the system gives to clients (from 32768 on Linux), so that no socket of a client takes one
//! before its owner listens or while it restarts. They are drawn by chance, so that tests running at once rarely draw the same.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;

const RANGE: Range<u16> = 10_000..32_000;

/// A port that is free for UDP and TCP.
pub(crate) fn free_port() -> SocketAddr {
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::random_range(RANGE)));
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
