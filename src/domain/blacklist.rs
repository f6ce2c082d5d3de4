//! Names that nobody may create a zone with.
//!
//! Invariants: matching takes time linear in the name, whatever the pattern; a pattern is looked for anywhere in the
//! name, with its final dot, and case matters. A pattern that this engine cannot read forbids every name: whoever wrote
//! it meant to forbid something.

use regex::RegexBuilder;

use super::name::Name;

/// The largest compiled pattern, in bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// True if any pattern is found in `name`.
#[must_use]
pub fn matches(patterns: &[String], name: &Name) -> bool {
    patterns.iter().any(|pattern| {
        RegexBuilder::new(pattern)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_or(true, |regex| regex.is_match(name.as_str()))
    })
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

    #[test]
    fn no_pattern_takes_exponential_time() {
        assert!(!blocked("^(a+)+$", &format!("{}.", "a".repeat(60))));
    }

    #[test]
    fn an_unreadable_pattern_forbids() {
        assert!(blocked("(?=x)", "example.org."));
        assert!(!matches(&[], &Name::parse("example.org.").unwrap()));
    }
}
