//! How two processes convince each other that they belong to one cluster.
//!
//! ```text
//! caller -> Hello      who I am, versions, nonce
//! server -> Challenge  who I am, version, nonce                (or Refused)
//! caller -> Proof      HMAC(secret, "caller", Hello, Challenge)
//! server -> Welcome    HMAC(secret, "server", Hello, Challenge) (or Refused)
//! ```
//!
//! Frames then carry codes under keys derived from the secret and both messages, one for each direction. Within TLS they
//! do not need to. Without TLS frames are authentic but not encrypted: nothing in them is secret.
//!
//! **Invariants**: the caller proves itself first, so that a stranger gets nothing to try secrets on. A proof is bound to
//! both nonces, both parties and its direction. A cluster id that differs is refused before anything is proved.
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use uuid::Uuid;

use super::{
    counters::Refused,
    frame::{FrameError, FrameReader, Seal},
    secret::{Keyed, Secret},
};
use crate::chance;

/// First bytes of everything that is said.
const MAGIC: [u8; 8] = *b"coordn\r\n";
/// Oldest and newest version that is spoken.
pub(crate) const VERSIONS: (u16, u16) = (1, 1);
/// Longest frame before somebody is let in, in bytes.
const LIMIT: usize = 2048;

type Nonce = [u8; 32];

/// Who a process is within its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    /// Name of the cluster it is configured for.
    pub(crate) cluster: String,
    /// The cluster that its disk is of; none before it is of any, and for a client.
    pub(crate) of: Option<Uuid>,
    /// Its number if it keeps a log; none for a client.
    pub(crate) node: Option<u64>,
    /// Its name, for humans.
    pub(crate) name: String,
}

impl Party {
    /// Whether both may be of one cluster.
    fn may_know(&self, other: &Self) -> bool {
        let differ = matches!((self.of, other.of), (Some(one), Some(another)) if one != another);
        self.cluster == other.cluster && !differ
    }
}

/// What is needed for a handshake, on either side.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) me: Party,
    pub(crate) secret: Option<Secret>,
    /// Whether frames go without a code, since TLS protects them.
    pub(crate) within_tls: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    magic: [u8; 8],
    versions: (u16, u16),
    me: Party,
    keyed: bool,
    nonce: Nonce,
}

#[derive(Debug, Serialize, Deserialize)]
enum Challenge {
    Go { version: u16, me: Party, nonce: Nonce },
    Refused(Refused),
}

#[derive(Debug, Serialize, Deserialize)]
struct Proof([u8; 32]);

#[derive(Debug, Serialize, Deserialize)]
enum Verdict {
    Welcome([u8; 32]),
    Refused(Refused),
}

/// A handshake that came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// We refuse the other one.
    #[error("refused: {0}")]
    WeRefuse(Refused),
    /// The other one refuses us.
    #[error("it refuses us: {0}")]
    TheyRefuse(Refused),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A stream on which both sides know each other.
pub(crate) struct Secured<S> {
    pub(crate) peer: Party,
    pub(crate) reader: FrameReader<ReadHalf<S>>,
    pub(crate) writer: WriteHalf<S>,
    pub(crate) seal: Seal,
}

struct Talk<S> {
    reader: FrameReader<ReadHalf<S>>,
    writer: WriteHalf<S>,
    seal: Seal,
}

impl<S: AsyncRead + AsyncWrite> Talk<S> {
    fn over(stream: S) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: FrameReader::new(reader, Seal::new(None), LIMIT), writer, seal: Seal::new(None) }
    }

    async fn say<T: Serialize + Sync>(&mut self, what: &T) -> Result<Bytes, HandshakeError> {
        let said = encode(what)?;
        let mut out = BytesMut::new();
        self.seal.write(&said, &mut out);
        self.writer.write_all(&out).await.map_err(FrameError::Io)?;
        self.writer.flush().await.map_err(FrameError::Io)?;
        Ok(said)
    }

    async fn hear<T: DeserializeOwned>(&mut self) -> Result<(T, Bytes), HandshakeError> {
        let heard = self.reader.next().await.map_err(|error| match error {
            misconduct if misconduct.is_misconduct() => HandshakeError::WeRefuse(Refused::Malformed),
            other => other.into(),
        })?;
        Ok((decode(&heard)?, heard))
    }

    fn secured(mut self, peer: Party, keys: Keys, limit: usize) -> Secured<S> {
        self.reader.upgrade(Seal::new(keys.inward), limit);
        Secured { peer, reader: self.reader, writer: self.writer, seal: Seal::new(keys.outward) }
    }
}

struct Keys {
    inward: Option<Keyed>,
    outward: Option<Keyed>,
}

/// All that follows from the secret and what both have said.
struct Derived {
    key: Keyed,
    hello: Bytes,
    challenge: Bytes,
}

impl Derived {
    fn new(secret: Option<&Secret>, hello: Bytes, challenge: Bytes) -> Self {
        Self { key: Keyed::new(secret.map_or(&[], Secret::bytes)), hello, challenge }
    }

    fn parts<'a>(&'a self, purpose: &'a [u8]) -> [&'a [u8]; 3] {
        [purpose, &self.hello, &self.challenge]
    }

    fn proof(&self, of: &[u8]) -> [u8; 32] {
        self.key.sign(&self.parts(of))
    }

    fn is_proved(&self, of: &[u8], proof: &[u8; 32]) -> bool {
        self.key.verify(&self.parts(of), proof)
    }

    fn keys(&self, own: &Credentials, inward: &[u8], outward: &[u8]) -> Keys {
        let key = |purpose| {
            let keyed = own.secret.is_some() && !own.within_tls;
            keyed.then(|| Keyed::new(&self.key.sign(&self.parts(purpose))))
        };
        Keys { inward: key(inward), outward: key(outward) }
    }
}

const CALLER: &[u8] = b"caller";
const SERVER: &[u8] = b"server";
const FROM_CALLER: &[u8] = b"frames of the caller";
const FROM_SERVER: &[u8] = b"frames of the server";

/// The caller's side.
pub(crate) async fn call<S: AsyncRead + AsyncWrite>(
    stream: S,
    own: &Credentials,
    limit: usize,
) -> Result<Secured<S>, HandshakeError> {
    let mut talk = Talk::over(stream);
    let hello = Hello {
        magic: MAGIC,
        versions: VERSIONS,
        me: own.me.clone(),
        keyed: own.secret.is_some(),
        nonce: chance::bytes(),
    };
    let hello = talk.say(&hello).await?;
    let (challenge, heard) = talk.hear().await?;
    let peer = match challenge {
        Challenge::Go { me, version, .. } => {
            if !me.may_know(&own.me) {
                return Err(HandshakeError::WeRefuse(Refused::Cluster));
            }
            if !(VERSIONS.0..=VERSIONS.1).contains(&version) {
                return Err(HandshakeError::WeRefuse(Refused::Version));
            }
            me
        }
        Challenge::Refused(why) => return Err(HandshakeError::TheyRefuse(why)),
    };
    let derived = Derived::new(own.secret.as_ref(), hello, heard);
    talk.say(&Proof(derived.proof(CALLER))).await?;
    match talk.hear().await?.0 {
        Verdict::Welcome(proof) if derived.is_proved(SERVER, &proof) => {}
        Verdict::Welcome(_) => return Err(HandshakeError::WeRefuse(Refused::Secret)),
        Verdict::Refused(why) => return Err(HandshakeError::TheyRefuse(why)),
    }
    let keys = derived.keys(own, FROM_SERVER, FROM_CALLER);
    Ok(talk.secured(peer, keys, limit))
}

/// The side that was called; `admit` may refuse whoever says who it is.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite>(
    stream: S,
    own: &Credentials,
    limit: usize,
    admit: impl FnOnce(&Party) -> Result<(), Refused>,
) -> Result<Secured<S>, HandshakeError> {
    let mut talk = Talk::over(stream);
    let (hello, heard) = talk.hear::<Hello>().await?;
    let judged = judge(&hello, own).and_then(|version| admit(&hello.me).map(|()| version));
    let version = match judged {
        Ok(version) => version,
        Err(why) => {
            talk.say(&Challenge::Refused(why)).await?;
            return Err(HandshakeError::WeRefuse(why));
        }
    };
    let challenge = Challenge::Go { version, me: own.me.clone(), nonce: chance::bytes() };
    let challenge = talk.say(&challenge).await?;
    let derived = Derived::new(own.secret.as_ref(), heard, challenge);
    let (Proof(proof), _) = talk.hear().await?;
    if !derived.is_proved(CALLER, &proof) {
        talk.say(&Verdict::Refused(Refused::Secret)).await?;
        return Err(HandshakeError::WeRefuse(Refused::Secret));
    }
    talk.say(&Verdict::Welcome(derived.proof(SERVER))).await?;
    let keys = derived.keys(own, FROM_CALLER, FROM_SERVER);
    Ok(talk.secured(hello.me, keys, limit))
}

/// The version to speak with whoever said this.
fn judge(hello: &Hello, own: &Credentials) -> Result<u16, Refused> {
    if hello.magic != MAGIC {
        return Err(Refused::Malformed);
    }
    if !hello.me.may_know(&own.me) {
        return Err(Refused::Cluster);
    }
    if hello.me.node.is_some() && hello.me.node == own.me.node {
        return Err(Refused::Node);
    }
    if hello.keyed != own.secret.is_some() {
        return Err(Refused::Secret);
    }
    let newest = hello.versions.1.min(VERSIONS.1);
    if newest < hello.versions.0.max(VERSIONS.0) { Err(Refused::Version) } else { Ok(newest) }
}

/// How long a whole handshake may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

fn encode<T: Serialize>(what: &T) -> Result<Bytes, HandshakeError> {
    bincode::serde::encode_to_vec(what, bincode::config::standard())
        .map(Bytes::from)
        .map_err(|_| HandshakeError::WeRefuse(Refused::Malformed))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, HandshakeError> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    match bincode::serde::decode_from_slice(bytes, config) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        _ => Err(HandshakeError::WeRefuse(Refused::Malformed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(cluster: &str, node: Option<u64>, secret: Option<&str>) -> Credentials {
        Credentials {
            me: Party { cluster: cluster.into(), of: None, node, name: "n".into() },
            secret: secret.map(|secret| Secret::new(secret.as_bytes()).unwrap()),
            within_tls: false,
        }
    }

    const SECRET: Option<&str> = Some("a secret of this cluster");

    fn anybody(_: &Party) -> Result<(), Refused> {
        Ok(())
    }

    async fn meet(
        caller: &Credentials,
        server: &Credentials,
    ) -> (Result<Party, HandshakeError>, Result<Party, HandshakeError>) {
        let (near, far) = tokio::io::duplex(64);
        let (called, answered) = tokio::join!(call(near, caller, 100), answer(far, server, 100, anybody));
        (called.map(|secured| secured.peer), answered.map(|secured| secured.peer))
    }

    #[tokio::test]
    async fn those_of_one_cluster_know_each_other_and_their_frames() {
        let (one, two) = (own("c", Some(1), SECRET), own("c", Some(2), SECRET));
        let (near, far) = tokio::io::duplex(1024);
        let (called, answered) = tokio::join!(call(near, &one, 100), answer(far, &two, 100, anybody));
        let (mut called, mut answered) = (called.unwrap(), answered.unwrap());
        assert_eq!((called.peer.node, answered.peer.node), (Some(2), Some(1)));
        for text in [b"a", b"b"] {
            let mut out = BytesMut::new();
            called.seal.write(text, &mut out);
            assert_eq!(out.len(), 4 + 1 + 16, "a code comes with it");
            called.writer.write_all(&out).await.unwrap();
            assert_eq!(&answered.reader.next().await.unwrap()[..], text);
        }
        // A frame of the other direction does not pass for one of this.
        let mut out = BytesMut::new();
        answered.seal.write(b"x", &mut out);
        called.writer.write_all(&out).await.unwrap();
        assert!(matches!(answered.reader.next().await, Err(FrameError::Forged)));
    }

    #[tokio::test]
    async fn whoever_does_not_belong_is_refused_on_both_sides() {
        let server = own("c", Some(2), SECRET);
        let cases = [
            (own("d", Some(1), SECRET), Refused::Cluster),
            (own("c", Some(1), Some("some other secret")), Refused::Secret),
            (own("c", Some(1), None), Refused::Secret),
            (own("c", Some(2), SECRET), Refused::Node),
        ];
        for (caller, why) in cases {
            let (called, answered) = meet(&caller, &server).await;
            assert!(matches!(answered, Err(HandshakeError::WeRefuse(reason)) if reason == why), "{why:?}");
            assert!(matches!(called, Err(HandshakeError::TheyRefuse(reason)) if reason == why), "{why:?}");
        }
        assert!(meet(&own("c", None, SECRET), &server).await.1.is_ok(), "a client needs no number");
    }

    #[tokio::test]
    async fn disks_of_two_clusters_of_one_name_keep_apart() {
        let mut one = own("c", Some(1), SECRET);
        let mut two = own("c", Some(2), SECRET);
        one.me.of = Some(Uuid::from_u128(1));
        assert!(meet(&one, &two).await.0.is_ok(), "a new disk may join");
        two.me.of = Some(Uuid::from_u128(2));
        assert!(matches!(meet(&one, &two).await.0, Err(HandshakeError::TheyRefuse(Refused::Cluster))));
    }

    #[tokio::test]
    async fn a_server_that_cannot_prove_itself_is_not_believed() {
        let (near, far) = tokio::io::duplex(4096);
        let caller = own("c", Some(1), SECRET);
        let liar = async {
            let mut talk = Talk::over(far);
            talk.hear::<Hello>().await.unwrap();
            let me = Party { cluster: "c".into(), of: None, node: Some(2), name: "liar".into() };
            talk.say(&Challenge::Go { version: 1, me, nonce: [0; 32] }).await.unwrap();
            let (Proof(proof), _) = talk.hear().await.unwrap();
            // All that it knows is the caller's own proof.
            talk.say(&Verdict::Welcome(proof)).await.unwrap();
        };
        let (called, ()) = tokio::join!(call(near, &caller, 100), liar);
        assert!(matches!(called, Err(HandshakeError::WeRefuse(Refused::Secret))));
    }

    #[tokio::test]
    async fn a_proof_is_good_for_one_handshake() {
        let server = own("c", Some(2), SECRET);
        // What an honest caller said once is said again.
        let (near, far) = tokio::io::duplex(4096);
        let caller = own("c", Some(1), SECRET);
        let mut said = Vec::new();
        let record = async {
            let mut talk = Talk::over(far);
            let (_, hello) = talk.hear::<Hello>().await.unwrap();
            let me = server.me.clone();
            talk.say(&Challenge::Go { version: 1, me, nonce: [7; 32] }).await.unwrap();
            let (_, proof) = talk.hear::<Proof>().await.unwrap();
            said.extend([hello, proof]);
        };
        let (_, ()) = tokio::join!(call(near, &caller, 100), record);

        let (near, far) = tokio::io::duplex(4096);
        let replay = async {
            let mut talk = Talk::over(near);
            for said in said {
                let mut out = BytesMut::new();
                talk.seal.write(&said, &mut out);
                talk.writer.write_all(&out).await.unwrap();
            }
            let _ = talk.hear::<Challenge>().await;
            talk.hear::<Verdict>().await.map(|heard| heard.0)
        };
        let (answered, verdict) = tokio::join!(answer(far, &server, 100, anybody), replay);
        assert!(matches!(answered, Err(HandshakeError::WeRefuse(Refused::Secret))));
        assert!(matches!(verdict, Ok(Verdict::Refused(Refused::Secret))));
    }
}
