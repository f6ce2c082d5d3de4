//! Do enough name servers show a zone's serial?
//!
//! Invariants: serials compare by RFC 1982; a server that failed to answer is neither for nor against; with no server
//! at all nothing is ever reached.

use serde::{Deserialize, Serialize};

use super::serial::Serial;

/// What one name server said about a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is authoritative and shows this serial.
    Serial(Serial),
    /// It does not serve the zone.
    NoZone,
    /// It did not answer, or could not.
    Unknown,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// This serial or a later one.
    Serial(Serial),
    /// The zone's absence.
    Absence,
}

/// What the answers amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consensus {
    /// Enough servers comply.
    Reached,
    /// Too many servers do not have the zone for the threshold ever to be met without creating it.
    ZoneMissing,
    /// Not yet.
    Open,
}

/// Weighs `answers` (one per name server) against `threshold` percent, 0 to 100.
#[must_use]
pub fn weigh(wanted: Wanted, answers: &[Answer], threshold: u8) -> Consensus {
    let complies = |answer: &&Answer| match (wanted, answer) {
        (Wanted::Serial(want), Answer::Serial(have)) => have.is_at_least(want),
        (Wanted::Absence, Answer::NoZone) => true,
        _ => false,
    };
    let total = answers.len() * 100;
    let share = |count: usize| count * 100 * 100;
    let good = answers.iter().filter(complies).count();
    if total > 0 && share(good) >= usize::from(threshold) * total {
        return Consensus::Reached;
    }
    let missing = answers.iter().filter(|a| **a == Answer::NoZone).count();
    if wanted != Wanted::Absence && share(missing) > usize::from(100 - threshold.min(100)) * total {
        return Consensus::ZoneMissing;
    }
    Consensus::Open
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Answer = Answer::Serial(Serial::new(4));
    const NEW: Answer = Answer::Serial(Serial::new(5));
    const WANT: Wanted = Wanted::Serial(Serial::new(5));

    #[test]
    fn all_must_comply_at_one_hundred_percent() {
        assert_eq!(weigh(WANT, &[NEW, NEW], 100), Consensus::Reached);
        assert_eq!(weigh(WANT, &[NEW, OLD], 100), Consensus::Open);
        assert_eq!(weigh(WANT, &[NEW, Answer::Unknown], 100), Consensus::Open);
        assert_eq!(weigh(WANT, &[NEW, Answer::NoZone], 100), Consensus::ZoneMissing);
    }

    #[test]
    fn a_lower_threshold_forgives_some() {
        assert_eq!(weigh(WANT, &[NEW, OLD], 50), Consensus::Reached);
        assert_eq!(weigh(WANT, &[NEW, Answer::NoZone, OLD], 60), Consensus::Open);
        assert_eq!(weigh(WANT, &[NEW, Answer::NoZone, Answer::NoZone], 60), Consensus::ZoneMissing);
    }

    #[test]
    fn serials_wrap() {
        let wanted = Wanted::Serial(Serial::new(u32::MAX));
        assert_eq!(weigh(wanted, &[Answer::Serial(Serial::new(3))], 100), Consensus::Reached);
    }

    #[test]
    fn absence_needs_the_servers_word() {
        assert_eq!(weigh(Wanted::Absence, &[Answer::NoZone], 100), Consensus::Reached);
        assert_eq!(weigh(Wanted::Absence, &[Answer::NoZone, Answer::Unknown], 100), Consensus::Open);
    }

    #[test]
    fn no_server_is_no_consensus() {
        assert_eq!(weigh(WANT, &[], 0), Consensus::Open);
    }
}
