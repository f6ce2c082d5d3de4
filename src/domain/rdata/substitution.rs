//! The substitution expression of a NAPTR record (RFC 3402 section 3.2): delimiter, pattern, delimiter, replacement,
//! delimiter, and maybe `i`.
//!
//! The pattern is a POSIX extended regular expression (IEEE 1003.2 section 2.8) without what that standard leaves
//! undefined, and the replacement refers to groups that are there: a name server like BIND checks both and refuses a
//! whole zone for one record that fails.
//!
//! Invariants: time linear in the length, which is at most 255 octets; groups nest without recursion.

/// The most repetitions that an interval may ask for (`RE_DUP_MAX` of POSIX).
const MOST_REPETITIONS: u16 = 255;

const CLASSES: [&[u8]; 12] = [
    b"alnum", b"alpha", b"blank", b"cntrl", b"digit", b"graph", b"lower", b"print", b"punct", b"space",
    b"upper", b"xdigit",
];

/// True for nothing at all, or a well-formed substitution.
pub(super) fn is_substitution(octets: &[u8]) -> bool {
    let Some((delimiter, rest)) = octets.split_first() else { return true };
    if delimiter.is_ascii_digit() || matches!(delimiter, b'i' | b'\\' | 0) {
        return false;
    }
    let mut escaped = false;
    let mut parts = rest.split(|octet| {
        let ends = octet == delimiter && !escaped;
        escaped = *octet == b'\\' && !escaped;
        ends
    });
    let (Some(pattern), Some(replacement), Some(b"" | b"i"), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    Pattern { rest: pattern }.groups().is_some_and(|groups| refers_within(replacement, groups))
}

/// True if every `\N` of the replacement is one of so many groups.
fn refers_within(replacement: &[u8], groups: usize) -> bool {
    let mut octets = replacement.iter();
    while let Some(octet) = octets.next() {
        if *octet == b'\\'
            && let Some(digit) = octets.next().filter(|next| next.is_ascii_digit())
            && !(1..=groups).contains(&usize::from(digit - b'0'))
        {
            return false;
        }
    }
    true
}

/// What may follow in a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing of this branch yet: it needs an atom or an anchor.
    Start,
    /// An atom, which may be repeated.
    Atom,
    /// An anchor or a repetition, which may not.
    Fixed,
}

/// What is left of a pattern.
struct Pattern<'a> {
    rest: &'a [u8],
}

impl Pattern<'_> {
    /// How many groups the pattern has; `None` if it is malformed.
    fn groups(mut self) -> Option<usize> {
        let (mut groups, mut open, mut before) = (0, 0_usize, Before::Start);
        while let Some(octet) = self.next() {
            before = match octet {
                b'(' => {
                    groups += 1;
                    open += 1;
                    Before::Start
                }
                b')' if before != Before::Start => {
                    open = open.checked_sub(1)?;
                    Before::Atom
                }
                b'|' if before != Before::Start => Before::Start,
                b'*' | b'+' | b'?' if before == Before::Atom => Before::Fixed,
                b'{' if before == Before::Atom => {
                    self.interval()?;
                    Before::Fixed
                }
                b')' | b'|' | b'*' | b'+' | b'?' | b'{' | 0 => return None,
                b'^' | b'$' => Before::Fixed,
                b'[' => {
                    self.bracket()?;
                    Before::Atom
                }
                b'\\' => {
                    self.next().filter(|next| !next.is_ascii_digit())?;
                    Before::Atom
                }
                _ => Before::Atom,
            };
        }
        (open == 0 && before != Before::Start).then_some(groups)
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// Takes the text up to `end`, and `end`.
    fn up_to(&mut self, end: &[u8]) -> Option<&[u8]> {
        let at = self.rest.windows(end.len()).position(|window| window == end)?;
        let (inside, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest.get(end.len()..)?;
        Some(inside)
    }

    /// `m}`, `m,}` or `m,n}`.
    fn interval(&mut self) -> Option<()> {
        let text = str::from_utf8(self.up_to(b"}")?).ok()?;
        let count = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|count| plain && *count <= MOST_REPETITIONS)
        };
        let (least, most) = text.split_once(',').unwrap_or((text, text));
        let least = count(least)?;
        (most.is_empty() || count(most)? >= least).then_some(())
    }

    /// The rest of a bracket expression: characters, ranges and classes.
    fn bracket(&mut self) -> Option<()> {
        if self.rest.first() == Some(&b'^') {
            self.next();
        }
        let mut first = true;
        loop {
            match self.next()? {
                b']' if !first => return Some(()),
                b'[' if self.rest.first() == Some(&b':') => {
                    self.next();
                    CLASSES.contains(&self.up_to(b":]")?).then_some(())?;
                }
                b'[' if matches!(self.rest.first(), Some(b'.' | b'=')) => return None,
                0 => return None,
                start => self.range(start)?,
            }
            first = false;
        }
    }

    /// What follows the first character of what may be a range.
    fn range(&mut self, start: u8) -> Option<()> {
        match self.rest {
            [b'-', b'[', ..] => None,
            [b'-', end, rest @ ..] if *end != b']' => {
                self.rest = rest;
                // What one range ends with cannot start another.
                let chained = matches!(rest, [b'-', next, ..] if *next != b']');
                (start <= *end && !chained).then_some(())
            }
            _ => Some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_expressions() {
        for text in [
            "",
            "!^.*$!sip:info@example.com!",
            "!^(.*)$!\\1!",
            "!^\\+44(.{3,5})$!\\1!i",
            "/a/b/",
            "(a(b(",
            "!a!!",
            "![[:alpha:]-]!x!",
            "![]a-z0-9]!x!",
            "![^]^-]!x!",
            "!a{0}b{1,}c{2,255}!x!",
            "!(a|(b))+!\\2!",
            "!^^!x!",
            "!\\(!x!",
            "!a\\!b!c\\!d!",
            "![a\\]!x!",
            "!a!\\a!",
            "![(]!x!",
        ] {
            assert!(is_substitution(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn malformed_expressions() {
        for text in [
            "!",
            "!a",
            "!a!",
            "!a!b",
            "!a!b!x",
            "!a!b!ii",
            "!a!b!i!",
            "1a1b1",
            "iaibi",
            "\\a\\b\\",
            "!!x!",
            "!!!",
            "!(!x!",
            "!)!x!",
            "!a)!x!",
            "!(a!x!",
            "!*!x!",
            "!+!x!",
            "!?a!x!",
            "!{1}!x!",
            "!a**!x!",
            "!a+{2}!x!",
            "!^*!x!",
            "!(*a)!x!",
            "!|!x!",
            "!a|!x!",
            "!|a!x!",
            "!a||b!x!",
            "!(a|)!x!",
            "!()!x!",
            "!a{!x!",
            "!a{1!x!",
            "!a{,2}!x!",
            "!a{2,1}!x!",
            "!a{256}!x!",
            "!a{+1}!x!",
            "![!x!",
            "![]!x!",
            "![^]!x!",
            "![[:foo:]]!x!",
            "![[:alpha:]!x!",
            "![b-a]!x!",
            "![a-[]!x!",
            "![a-b-c]!x!",
            "![[.a.]]!x!",
            "![[=a=]]!x!",
            "!a\\1!x!",
            "!a!\\1!",
            "!a!\\0!",
            "!(a)!\\2!",
            "!a\\!x!",
            "!a!b\\!",
            "!a\0b!c!",
            "\0a\0b\0",
        ] {
            assert!(!is_substitution(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn deep_and_long_patterns_are_no_trouble() {
        let nested = format!("!{}a{}!x!", "(".repeat(120), ")".repeat(120));
        assert!(is_substitution(nested.as_bytes()));
        assert!(!is_substitution(format!("!{}!x!", "[".repeat(250)).as_bytes()));
    }
}
