//! Durations as configuration writes them: a whole number and one unit, `ms`, `s`, `m`, `h` or `d`.
//!
//! Invariants: [`print`] uses the largest unit that loses nothing, down to milliseconds, which is the resolution.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads `100ms`, `5s`, `2m`, `1h`, `7d`; anything else, and what does not fit, is `None`.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor).map(Duration::from_millis)
}

/// Writes the duration so that [`parse`] reads it.
pub(super) fn print(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let exact = UNITS.iter().find(|(_, factor)| millis != 0 && millis.is_multiple_of(*factor));
    exact.map_or_else(|| String::from("0s"), |(unit, factor)| format!("{}{unit}", millis / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_printed() {
        for (text, millis) in
            [("100ms", 100), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)));
            assert_eq!(print(Duration::from_millis(millis)), text);
        }
        assert_eq!(print(Duration::from_millis(1500)), "1500ms");
        assert_eq!(print(Duration::ZERO), "0s");
        assert_eq!(parse("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1.5s",
            "5S",
            "1h30m",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
