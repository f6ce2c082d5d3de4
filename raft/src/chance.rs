//! Where randomness comes from: ids, time-outs, nonces.
//!
//! **Invariant**: the system's generator, unless a simulation gave this thread a seed.
use rand08::{RngCore, rngs::ThreadRng};
use uuid::Uuid;

/// A generator for one use on this thread.
#[derive(Debug)]
pub struct Chance(Source);

#[derive(Debug)]
enum Source {
    Thread(ThreadRng),
    #[cfg(feature = "testing")]
    Seeded,
}

impl Chance {
    /// The generator of this thread.
    #[must_use]
    pub fn here() -> Self {
        #[cfg(feature = "testing")]
        if seeded::is_set() {
            return Self(Source::Seeded);
        }
        Self(Source::Thread(rand08::thread_rng()))
    }
}

/// A random id.
pub(crate) fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bytes()).into_uuid()
}

/// A random number, for a turn among few.
pub(crate) fn number() -> usize {
    usize::from(u16::from_le_bytes(bytes()))
}

/// Random bytes that nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    Chance::here().fill_bytes(&mut bytes);
    bytes
}

/// A random part of one, one excluded.
pub(crate) fn part() -> f64 {
    f64::from(Chance::here().next_u32()) / (f64::from(u32::MAX) + 1.0)
}

impl RngCore for Chance {
    fn next_u32(&mut self) -> u32 {
        match &mut self.0 {
            Source::Thread(rng) => rng.next_u32(),
            #[cfg(feature = "testing")]
            Source::Seeded => seeded::with(RngCore::next_u32),
        }
    }

    fn next_u64(&mut self) -> u64 {
        match &mut self.0 {
            Source::Thread(rng) => rng.next_u64(),
            #[cfg(feature = "testing")]
            Source::Seeded => seeded::with(RngCore::next_u64),
        }
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        match &mut self.0 {
            Source::Thread(rng) => rng.fill_bytes(bytes),
            #[cfg(feature = "testing")]
            Source::Seeded => seeded::with(|rng| rng.fill_bytes(bytes)),
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand08::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// The seed of a simulation, which runs on one thread.
#[cfg(feature = "testing")]
pub(crate) mod seeded {
    use std::cell::RefCell;

    use rand08::{SeedableRng as _, rngs::StdRng};

    thread_local! {
        static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
    }

    pub(super) fn is_set() -> bool {
        SEEDED.with_borrow(Option::is_some)
    }

    pub(super) fn with<T>(draw: impl FnOnce(&mut StdRng) -> T) -> T {
        SEEDED.with_borrow_mut(|rng| draw(rng.get_or_insert_with(|| StdRng::seed_from_u64(0))))
    }

    /// Fixes everything that is random on this thread from now on; without a seed it is random again.
    pub fn seed(seed: Option<u64>) {
        SEEDED.set(seed.map(StdRng::seed_from_u64));
    }
}
