//! Whole networks over loopback: what is carried, who is refused, what a hostile peer can do.
mod fuzz;
mod refusals;
mod traffic;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::timeout,
};
use uuid::Uuid;

use super::*;
use crate::{
    Index,
    cluster::{Operated, Operation},
};

/// Most that is waited for anything.
const LIMIT: Duration = Duration::from_secs(60);
const SECRET: &str = "the secret of these tests";
const OWN: ClusterId = ClusterId(Uuid::from_u128(1));

/// A request with so many bytes in it.
fn weighing(backup: Vec<u8>) -> Request {
    Request::Operate(Operation::Restore { backup, floor: None })
}

/// Answers with what a test needs to see.
#[derive(Debug)]
struct Echo {
    closed: mpsc::UnboundedSender<NodeId>,
}

#[async_trait]
impl Serve for Echo {
    fn admit(&self, cluster: Option<ClusterId>, _: Option<NodeId>) -> Result<(), Refusal> {
        match cluster {
            Some(other) if other != OWN => Err(Refusal::OtherCluster { cluster: Some(OWN) }),
            _ => Ok(()),
        }
    }

    async fn serve(&self, call: Call) -> Response {
        if call.to.is_some_and(|to| to != 7) {
            return Response::Refused(Refusal::OtherNode { node: 7 });
        }
        match call.request {
            Request::ReadIndex => Response::Index(Index(1)),
            Request::Operate(Operation::Restore { backup, .. }) => {
                Response::Operated(Ok(Operated::Backup(backup)))
            }
            Request::Follow { .. } => std::future::pending().await,
            _ => Response::Done,
        }
    }

    fn closed(&self, peer: NodeId) {
        let _ = self.closed.send(peer);
    }
}

/// A listening end.
struct Far {
    network: Network,
    server: Option<Server>,
    peer: Peer,
    closed: mpsc::UnboundedReceiver<NodeId>,
    _serve: Arc<dyn Serve>,
}

fn security(secret: Option<&str>) -> Security {
    Security { secret: secret.map(|secret| Secret::new(secret.as_bytes()).unwrap()), tls: None }
}

async fn far_with(security: Security, limits: Limits) -> Far {
    let network = Network::within("c".into(), "far".into(), security, limits).await.unwrap();
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let (tell, closed) = mpsc::unbounded_channel();
    let serve: Arc<dyn Serve> = Arc::new(Echo { closed: tell });
    let server = network.serve(listener, 7, &serve).unwrap();
    let address = format!("localhost:{}", server.address().port());
    let peer = Peer { name: "far".into(), address };
    Far { network, server: Some(server), peer, closed, _serve: serve }
}

async fn far() -> Far {
    far_with(security(Some(SECRET)), Limits::default()).await
}

async fn near(cluster: &str, security: Security) -> Network {
    Network::new(cluster.into(), "near".into(), security).await.unwrap()
}

fn call(request: Request) -> Call {
    Call { cluster: None, from: Some(3), to: None, request }
}

async fn ask(network: &Network, peer: &Peer, request: Request) -> Result<Response, LinkError> {
    timeout(LIMIT, network.call(peer, call(request), LIMIT)).await.unwrap()
}

/// Asks until there is an answer: after a failure there is a pause in which nothing is tried.
async fn answered(network: &Network, peer: &Peer) {
    timeout(LIMIT, async {
        while !matches!(ask(network, peer, Request::ReadIndex).await, Ok(Response::Index(_))) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
}

/// Waits until the counters are as wanted.
async fn counted(network: &Network, wanted: impl Fn(&Counts) -> bool) {
    timeout(LIMIT, async {
        while !wanted(&network.counts()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{:?}", network.counts()));
}

/// Writes an authority, and a certificate of it for this machine.
fn certificates(folder: &Path, authority: &rcgen::Issuer<'_, rcgen::KeyPair>, pem: &str) -> TlsFiles {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, authority).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    TlsFiles {
        authority: write("ca.pem", pem.to_owned()),
        certificate: write("cert.pem", certificate.pem()),
        key: write("key.pem", key.serialize_pem()),
    }
}

fn authority() -> (rcgen::Issuer<'static, rcgen::KeyPair>, String) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (rcgen::Issuer::new(params, key), pem)
}
