//! Names that nobody may create a zone with.
//!
//! Patterns are written for Python's `re`. The engine here differs in a few spellings, which are rewritten.
//!
//! Invariants: matching takes time linear in the name, or a bounded number of steps where a pattern looks around or back;
//! one that needs more counts as found. A pattern is looked for anywhere in the name, with its final dot, and case
//! matters. A pattern that this engine cannot read forbids every name: whoever wrote it meant to forbid something.

use std::iter::Peekable;
use std::str::Chars;

use fancy_regex::{Regex, RegexBuilder};

use super::name::Name;

/// The largest compiled pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// Steps of looking around and back, a few milliseconds.
const STEP_LIMIT: usize = 100_000;

/// True if any pattern is found in `name`.
#[must_use]
pub fn matches(patterns: &[String], name: &Name) -> bool {
    patterns
        .iter()
        .any(|pattern| compile(pattern).is_none_or(|regex| regex.is_match(name.as_str()).unwrap_or(true)))
}

/// True for a pattern that can be read.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    compile(text).is_some()
}

fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&rewritten(pattern))
        .backtrack_limit(STEP_LIMIT)
        .delegate_size_limit(SIZE_LIMIT)
        .build()
        .ok()
}

/// The pattern in this engine's spelling: no sets within sets, no word boundaries that Python does not have, a missing
/// least number is 0.
fn rewritten(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out),
            '[' => set(&mut rest, &mut out),
            '{' if rest.peek() == Some(&',') => out.push_str("{0"),
            _ => out.push(c),
        }
    }
    out
}

/// What follows a backslash: a letter or digit means what it means in both, save the end of the text; all else is itself.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    match rest.next() {
        None => out.push('\\'),
        Some('Z') => out.push_str("\\z"),
        Some(c) if c.is_ascii_alphanumeric() || r"\.+*?()|[]{}^$#&-~".contains(c) => out.extend(['\\', c]),
        Some(c) => out.push(c),
    }
}

/// A set of characters, up to its bracket; what means more than itself here does not in Python.
fn set(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    out.extend(rest.next_if_eq(&'^'));
    if rest.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(c) = rest.next() {
        match c {
            ']' => {
                out.push(']');
                return;
            }
            '\\' => escape(rest, out),
            '[' | '&' | '~' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(pattern: &str, name: &str) -> bool {
        matches(&[pattern.to_owned()], &Name::parse(name).unwrap())
    }

    #[test]
    fn a_pattern_is_searched_anywhere_and_case_matters() {
        assert!(blocked("^www\\.", "www.example.org."));
        assert!(blocked("bank", "my-bank.example.org."));
        assert!(!blocked("^bank", "my-bank.example.org."));
        assert!(!blocked("BANK", "bank.example.org."));
        assert!(blocked("org\\.$", "example.org."));
    }

    /// Each pattern with a name that it is found in and one that it is not, as Python 3 says.
    #[test]
    fn patterns_are_those_of_python() {
        for (pattern, found, not_found) in [
            (r"^(?!www\.).*\.org\.$", "a.example.org.", "www.example.org."),
            (r"(?<!my-)bank\.", "bank.example.", "my-bank.example."),
            (r"(?<=a\.)b\.", "a.b.", "c.b."),
            (r"^(.+)\.\1\.$", "a.a.", "a.b."),
            (r"^(?P<label>\w+)\.(?P=label)\.", "a.a.b.", "a.b."),
            (r"(?i)BANK", "bank.example.", "shop.example."),
            (r"\Aa\.b\.\Z", "a.b.", "a.b.c."),
            (r"^a{,2}\.", "aa.b.", "aaa.b."),
            (r"^[[a]+\.", "a.b.", "b.b."),
            (r"^[]a-]\.", "a.b.", "b.b."),
            (r"^[^]a]\.", "b.b.", "a.b."),
            (r"^[a&&b]+\.c", "ab.c.", "d.c."),
            (r"^a\-b\_c\.", "a-b_c.d.", "ab.c."),
            (r"(?:^|\.)evil\.", "so.evil.org.", "medieval.org."),
            (r"^(a|b)(?(1)c)\.", "ac.b.", "a.b."),
            (r"\bx\b", "a-x.b.", "ax.b."),
        ] {
            assert!(blocked(pattern, found), "{pattern} {found}");
            assert!(!blocked(pattern, not_found), "{pattern} {not_found}");
            assert!(is_pattern(pattern), "{pattern}");
        }
        assert!(!blocked(r"\<a", "a.b."), "Python's backslash makes a punctuation mark of it");
    }

    #[test]
    fn no_pattern_takes_exponential_time() {
        let long = format!("{}.{}.{}.", "a".repeat(60), "a".repeat(60), "b".repeat(60));
        assert!(!blocked("^(a+)+$", &long));
        assert!(blocked(r"^((a+)+\2)+(?=c)$", &long), "counts as found once it takes too long");
    }

    #[test]
    fn an_unreadable_pattern_forbids() {
        for pattern in ["(", "[a", "*", r"\"] {
            assert!(blocked(pattern, "example.org.") && !is_pattern(pattern), "{pattern}");
        }
        assert!(!matches(&[], &Name::parse("example.org.").unwrap()));
    }
}
