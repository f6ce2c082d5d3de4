//! Frames, envelopes and requests between nodes without a network, for `fuzz/`.
//!
//! **Invariant**: nothing here waits: what a peer sends is there already.
use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;

use super::{
    codec,
    envelope::{self, Envelope},
    frame::{FrameReader, Seal},
    secret::Keyed,
};
use crate::cluster::{Call, Response};

/// Most bytes of a payload.
const LIMIT: usize = 1 << 16;

/// The payloads that are read off these bytes, with or without a secret, until the first that is none.
#[must_use]
pub fn payloads(bytes: &[u8], secret: Option<&[u8]>) -> Vec<Bytes> {
    let mut reader = FrameReader::new(bytes, Seal::new(secret.map(Keyed::new)), LIMIT);
    let mut payloads = Vec::new();
    while let Some(Ok(payload)) = reader.next().now_or_never() {
        payloads.push(payload);
    }
    payloads
}

/// These payloads as frames.
#[must_use]
pub fn frames(payloads: &[Bytes], secret: Option<&[u8]>) -> BytesMut {
    let (mut seal, mut out) = (Seal::new(secret.map(Keyed::new)), BytesMut::new());
    payloads.iter().for_each(|payload| seal.write(payload, &mut out));
    out
}

/// Reads a payload and what is in it; false if what is written of it reads otherwise.
#[must_use]
pub fn is_stable(payload: Bytes) -> bool {
    let Some(read) = envelope::read(payload) else { return true };
    let written = match &read {
        Envelope::Request(request) => {
            let body = reencoded::<Call>(&request.body);
            let same = body.is_none_or(|(first, second)| first == second);
            let Some(lane) = request.lane else { return same };
            if !same {
                return false;
            }
            envelope::request(request.id, lane, request.schema, request.left, &request.body)
        }
        Envelope::Answer(id, body) => {
            if reencoded::<Response>(body).is_some_and(|(first, second)| first != second) {
                return false;
            }
            envelope::answer(*id, Ok(body.clone()))
        }
        Envelope::Fault(id, fault) => envelope::answer(*id, Err(*fault)),
        Envelope::Ping => envelope::ping(),
        Envelope::Pong => envelope::pong(),
    };
    envelope::read(written) == Some(read)
}

/// A value written once, and once more after it was read again; none if the bytes are no such value.
fn reencoded<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<(Bytes, Bytes)> {
    let first = codec::encode(&codec::decode::<T>(bytes)?)?;
    let second = codec::decode::<T>(&first).and_then(|value| codec::encode(&value)).unwrap_or_default();
    Some((first, second))
}

/// A request like those that nodes send.
#[must_use]
pub fn sample() -> Bytes {
    let call = Call { cluster: None, from: Some(1), to: None, request: crate::cluster::Request::ReadIndex };
    let body = codec::encode(&call).unwrap_or_default();
    envelope::request(7, envelope::Lane::Vital, 1, std::time::Duration::from_secs(1), &body)
}
