//! A policy file: a YAML map from rules to texts in the language of `oslo.policy`.
//!
//! Invariants: whatever is wrong is told with its line; a rule stands in a file once.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_yaml_ng::Value;

/// One rule of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLine {
    /// The rule.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where it stands, from 1.
    pub line: usize,
}

/// A file that is none of rules and texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PolicyFileError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads a file; an empty one has no rules.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str) -> Result<Vec<RuleLine>, PolicyFileError> {
    let parsed: Option<Pairs> = serde_yaml_ng::from_str(text).map_err(|error| PolicyFileError {
        line: error.location().map_or(1, |location| location.line()),
        problem: error.to_string(),
    })?;
    let mut rules: Vec<RuleLine> = Vec::new();
    let mut from = 0;
    for (name, value) in parsed.map_or_else(Vec::new, |Pairs(pairs)| pairs) {
        from = place(text, &name, from);
        let line = from + 1;
        let problem = match value {
            Value::String(_) if rules.iter().any(|rule| rule.name == name) => {
                format!("the rule {name} is there twice")
            }
            Value::String(text) => {
                rules.push(RuleLine { name, text, line });
                from += 1;
                continue;
            }
            _ => format!("the rule {name} must have a text, in quotes"),
        };
        return Err(PolicyFileError { line, problem });
    }
    Ok(rules)
}

/// The place of a key, counted from 0, at or after a line; that line if it is written in some other way.
fn place(text: &str, key: &str, from: usize) -> usize {
    let is_here = |line: &str| {
        let line = line.trim_start();
        let rest = ["\"", "'", ""]
            .iter()
            .find_map(|quote| line.strip_prefix(quote)?.strip_prefix(key)?.strip_prefix(quote));
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    let found = text.lines().enumerate().skip(from).find(|(_, line)| is_here(line));
    found.map_or(from, |(at, _)| at)
}

/// The pairs of a map in their order, repeated keys included.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rules;
        impl<'de> Visitor<'de> for Rules {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from rules to their texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, usize)> {
        parse(text).unwrap().into_iter().map(|rule| (rule.name, rule.text, rule.line)).collect()
    }

    fn line_of_mistake(text: &str) -> usize {
        parse(text).unwrap_err().line
    }

    #[test]
    fn rules_are_read_with_their_lines() {
        let text = "# ours\n---\n\n\"get_zone\": \"role:reader\"\n\nhelper : '@'\n'owner': >\n  role:a\n  or role:b\nget_tld: ''\n";
        let at = |name: &str, text: &str, line| (name.to_owned(), text.to_owned(), line);
        assert_eq!(
            read(text),
            [
                at("get_zone", "role:reader", 4),
                at("helper", "@", 6),
                at("owner", "role:a or role:b\n", 7),
                at("get_tld", "", 10)
            ]
        );
        assert_eq!(read("# nothing\n"), []);
        assert_eq!(read(""), []);
        assert_eq!(read("{\"a\": \"@\"}"), [at("a", "@", 1)]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert_eq!(line_of_mistake("a: '@'\nb: [\n"), 3);
        assert_eq!(line_of_mistake("a: '@'\n\nb: !\n"), 3);
        assert_eq!(line_of_mistake("a: '@'\nb:\n"), 2);
        assert_eq!(line_of_mistake("a: '@'\nb: [['role:admin']]\n"), 2);
        assert_eq!(line_of_mistake("a: '@'\nc: '@'\na: '!'\n"), 3);
        assert_eq!(line_of_mistake("- a\n"), 1);
    }
}
