//! Frames on a stream: a length, a payload and, between peers that share a secret, a code that only they can compute.
//!
//! ```text
//! u32 little-endian: length of what follows | payload | 16 bytes HMAC-SHA256(key of the direction, number, payload)
//! ```
//!
//! **Invariants**: a frame longer than the limit is refused by its length alone, and memory grows with what has arrived,
//! not with what was announced. Frames of a direction are numbered, so that none can be left out, repeated or moved.
//! [`FrameReader::next`] may be dropped at any point without losing a byte.
use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::secret::Keyed;

/// Bytes of the length.
const LENGTH: usize = 4;
/// Bytes of the code.
const CODE: usize = 16;
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// Room kept for the next frame; what a large one took is given back.
const KEPT: usize = 256 * 1024;

/// A stream that cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the connection was closed")]
    Closed,
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("a frame of {length} bytes, at most {limit} are taken")]
    TooLong { length: usize, limit: usize },
    #[error("a frame with a wrong code")]
    Forged,
}

impl FrameError {
    /// Whether the peer did what no peer does.
    pub(crate) const fn is_misconduct(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::Forged)
    }
}

/// Numbers and signs the frames of one direction.
pub(crate) struct Seal {
    key: Option<Keyed>,
    next: u64,
}

impl Seal {
    /// Without a key frames carry no code: before the handshake and within TLS.
    pub(crate) const fn new(key: Option<Keyed>) -> Self {
        Self { key, next: 0 }
    }

    const fn overhead(&self) -> usize {
        if self.key.is_some() { CODE } else { 0 }
    }

    fn number(&mut self) -> [u8; 8] {
        let number = self.next;
        self.next += 1;
        number.to_le_bytes()
    }

    /// Appends the frame of a payload. Its length must have been checked.
    pub(crate) fn write(&mut self, payload: &[u8], out: &mut BytesMut) {
        let length = payload.len() + self.overhead();
        out.reserve(LENGTH + length);
        out.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
        out.put_slice(payload);
        let number = self.number();
        if let Some(key) = &self.key {
            let code = key.sign(&[&number, payload]);
            out.put_slice(code.get(..CODE).unwrap_or(&code));
        }
    }

    /// The payload of what followed a length.
    fn open(&mut self, mut frame: Bytes) -> Result<Bytes, FrameError> {
        let number = self.number();
        let Some(key) = &self.key else { return Ok(frame) };
        let Some(at) = frame.len().checked_sub(CODE) else { return Err(FrameError::Forged) };
        let code = frame.split_off(at);
        if key.verify(&[&number, &frame], &code) { Ok(frame) } else { Err(FrameError::Forged) }
    }
}

/// Reads frames off a stream.
pub(crate) struct FrameReader<S> {
    stream: S,
    buffer: BytesMut,
    seal: Seal,
    limit: usize,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    pub(crate) fn new(stream: S, seal: Seal, limit: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), seal, limit }
    }

    /// Goes on under another seal and limit, after the handshake.
    pub(crate) fn upgrade(&mut self, seal: Seal, limit: usize) {
        self.seal = seal;
        self.limit = limit;
    }

    /// The next payload.
    pub(crate) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            if let Some(length) = self.announced()? {
                if let Some(frame) = self.take(length) {
                    return self.seal.open(frame);
                }
                let missing = (LENGTH + length).saturating_sub(self.buffer.len());
                self.buffer.reserve(missing.min(CHUNK));
            } else {
                self.buffer.reserve(CHUNK);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(FrameError::Closed);
            }
        }
    }

    fn announced(&self) -> Result<Option<usize>, FrameError> {
        let Some(length) = self.buffer.first_chunk::<LENGTH>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let limit = self.limit + self.seal.overhead();
        if length > limit { Err(FrameError::TooLong { length, limit }) } else { Ok(Some(length)) }
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        if self.buffer.len() < LENGTH + length {
            return None;
        }
        self.buffer.advance(LENGTH);
        let frame = self.buffer.split_to(length).freeze();
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = BytesMut::new();
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn sealed(key: Option<&[u8]>) -> Seal {
        Seal::new(key.map(Keyed::new))
    }

    async fn read(key: Option<&[u8]>, bytes: &[u8], limit: usize) -> Vec<Result<Bytes, FrameError>> {
        let mut reader = FrameReader::new(bytes, sealed(key), limit);
        let mut frames = Vec::new();
        loop {
            frames.push(reader.next().await);
            if frames.last().is_some_and(Result::is_err) {
                return frames;
            }
        }
    }

    fn written(key: Option<&[u8]>, payloads: &[&[u8]]) -> BytesMut {
        let (mut seal, mut out) = (sealed(key), BytesMut::new());
        payloads.iter().for_each(|payload| seal.write(payload, &mut out));
        out
    }

    #[tokio::test]
    async fn what_was_written_is_read_and_nothing_else() {
        for key in [None, Some(b"key".as_slice())] {
            let bytes = written(key, &[b"one", b"", b"three"]);
            let frames = read(key, &bytes, 5).await;
            let [Ok(one), Ok(two), Ok(three), Err(FrameError::Closed)] = frames.as_slice() else {
                panic!("{frames:?}")
            };
            assert_eq!((&one[..], &two[..], &three[..]), (&b"one"[..], &b""[..], &b"three"[..]));
            assert!(matches!(read(key, &bytes, 4).await.last(), Some(Err(FrameError::TooLong { .. }))));
        }
    }

    #[tokio::test]
    async fn a_frame_that_was_changed_repeated_moved_or_left_out_is_noticed() {
        let key = Some(b"key".as_slice());
        let good = written(key, &[b"first", b"other"]);
        let half = good.len() / 2;
        for at in (LENGTH..half).chain(half + LENGTH..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(matches!(read(key, &bad, 100).await.last(), Some(Err(FrameError::Forged))), "at {at}");
        }
        let (first, second) = good.split_at(half);
        for moved in [[second, first].concat(), [first, first].concat(), second.to_vec()] {
            assert!(matches!(read(key, &moved, 100).await.last(), Some(Err(FrameError::Forged))));
        }
        assert!(matches!(read(key, &[3, 0, 0, 0, 1, 2, 3], 100).await.last(), Some(Err(FrameError::Forged))));
    }

    #[tokio::test]
    async fn memory_follows_what_arrived() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut reader = FrameReader::new(near, sealed(None), 1 << 30);
        far.write_u32_le(1 << 30).await.unwrap();
        far.write_all(b"little").await.unwrap();
        drop(far);
        assert!(matches!(reader.next().await, Err(FrameError::Closed)));
        assert!(reader.buffer.capacity() <= 4 * CHUNK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_was_dropped_goes_on_where_it_was() {
        let bytes = written(None, &[b"whole"]);
        let (mut far, near) = tokio::io::duplex(64);
        let mut reader = FrameReader::new(near, sealed(None), 10);
        for byte in bytes {
            far.write_u8(byte).await.unwrap();
            let _dropped =
                tokio::time::timeout(std::time::Duration::ZERO, std::future::pending::<()>()).await;
            if let Ok(frame) = tokio::time::timeout(std::time::Duration::from_millis(1), reader.next()).await
            {
                assert_eq!(&frame.unwrap()[..], b"whole");
                return;
            }
        }
        panic!("never whole");
    }
}
