//! A way between a service and the broker that can be cut as a network is: nothing arrives, nobody is told.
//!
//! Invariants: while cut, bytes of both directions stay where they are and new connections get no word; mended, they go on
//! as if delayed, as TCP over a healed network does.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A wire; what runs on it ends with the program.
#[derive(Debug)]
pub(crate) struct Wire {
    port: u16,
    open: watch::Sender<bool>,
    server: watch::Sender<Option<SocketAddr>>,
}

impl Wire {
    /// A wire that leads nowhere yet.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (open, opened) = watch::channel(true);
        let (server, place) = watch::channel(None::<SocketAddr>);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (mut opened, place) = (opened.clone(), *place.borrow());
                tokio::spawn(async move {
                    let _ = opened.wait_for(|open| *open).await;
                    let Some(place) = place else { return };
                    let Ok(far) = TcpStream::connect(place).await else { return };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    let back = carry(far_in, near_out, opened.clone());
                    tokio::join!(carry(near_in, far_out, opened), back);
                });
            }
        });
        Ok(Self { port, open, server })
    }

    /// Where its near end listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets it lead to the server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.server.send_replace(Some(server));
    }

    /// Cuts or mends it.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }
}

/// Carries one direction until it ends; the end is passed on.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        if open.wait_for(|open| *open).await.is_err() || count == 0 {
            break;
        }
        if to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
