//! Ports on 127.0.0.1 that nobody uses at the moment.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// A port that is free for UDP and TCP.
pub(crate) fn free_port() -> SocketAddr {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = tcp.local_addr().unwrap();
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}
