//! Reads a configuration tree key by key, remembers every mistake and every key it was asked for.
//!
//! One declaration per key, `section.get("default_ttl", 3600, "…")`, yields the value, the check for unknown keys, the
//! sample file and what `config show` prints, so none of them can miss a key. A derived deserializer would stop at its
//! first mistake and know neither defaults nor meanings.
//!
//! Invariants: reading never fails, it falls back to the default and notes a [`Mistake`]; a key that no declaration
//! asked for is a mistake; an explicit null counts as absent.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::setting::{Setting, expected};

/// One thing wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where: the key with its sections, `producer.zone_purge.interval`; for a pool file `[0].targets[1].type`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// A line of the configuration as it was declared.
#[derive(Debug)]
pub(super) enum Line {
    Section { path: String, about: &'static str },
    Key { key: &'static str, about: &'static str, default: Fallback, value: Option<String> },
}

/// What holds when a key is absent, as TOML.
#[derive(Debug)]
pub(super) enum Fallback {
    Default(String),
    Nothing { example: String },
}

/// What reading has found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) lines: Vec<Line>,
}

/// One section (a TOML table) being read.
#[derive(Debug)]
pub(super) struct Section<'f> {
    path: String,
    unread: Map<String, Value>,
    known: Vec<&'static str>,
    findings: &'f mut Findings,
}

/// Reads the whole tree: `read` declares all sections.
pub(super) fn read_tree<T>(tree: Value, read: impl FnOnce(&mut Section<'_>) -> T) -> (T, Findings) {
    let mut findings = Findings::default();
    let result = read_section(String::new(), tree, &mut findings, read);
    (result, findings)
}

fn read_section<T>(
    path: String,
    tree: Value,
    findings: &mut Findings,
    read: impl FnOnce(&mut Section<'_>) -> T,
) -> T {
    let mut section = Section::open(path, tree, findings);
    let result = read(&mut section);
    section.close();
    result
}

/// Reads a tree that is a list of sections; items that `read` gives up are left out.
pub(super) fn read_list<T>(
    tree: Value,
    read: impl FnMut(&mut Section<'_>) -> Option<T>,
) -> (Vec<T>, Vec<Mistake>) {
    let mut findings = Findings::default();
    let items = read_items("", tree, &mut findings, read);
    (items, findings.mistakes)
}

fn read_items<T>(
    path: &str,
    tree: Value,
    findings: &mut Findings,
    mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
) -> Vec<T> {
    let items = match tree {
        Value::Array(items) => items,
        other => {
            let problem = expected("a list", &other);
            findings.mistakes.push(Mistake { path: path.to_owned(), problem });
            Vec::new()
        }
    };
    let read_one = |(index, item)| read_section(format!("{path}[{index}]"), item, findings, &mut read);
    items.into_iter().enumerate().filter_map(read_one).collect()
}

impl<'f> Section<'f> {
    fn open(path: String, value: Value, findings: &'f mut Findings) -> Self {
        let unread = match value {
            Value::Object(table) => table,
            other => {
                let problem = expected("a section with keys", &other);
                findings.mistakes.push(Mistake { path: path.clone(), problem });
                Map::new()
            }
        };
        Self { path, unread, known: Vec::new(), findings }
    }

    fn close(self) {
        for key in self.unread.keys() {
            let path = join(&self.path, key);
            let problem = format!("unknown key; known here: {}", self.known.join(", "));
            self.findings.mistakes.push(Mistake { path, problem });
        }
    }

    /// Reads a section inside this one; `about` says what it governs.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        about: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let value = self.take(key).unwrap_or_else(|| Value::Object(Map::new()));
        let path = join(&self.path, key);
        self.findings.lines.push(Line::Section { path: path.clone(), about });
        read_section(path, value, self.findings, read)
    }

    /// Reads a key that has a default.
    pub(super) fn get<T: Setting>(&mut self, key: &'static str, default: T, about: &'static str) -> T {
        let given = self.given(key);
        let fallback = Fallback::Default(default.print());
        let value = given.unwrap_or(default);
        self.findings.lines.push(Line::Key { key, about, default: fallback, value: Some(value.print()) });
        value
    }

    /// Reads a number that must lie in a range.
    pub(super) fn within<T>(
        &mut self,
        key: &'static str,
        default: T,
        range: RangeInclusive<T>,
        about: &'static str,
    ) -> T
    where
        T: Setting + PartialOrd,
    {
        let value = self.get(key, default, about);
        self.check(key, range.contains(&value), || {
            format!(
                "must be from {} to {}, not {}",
                range.start().print(),
                range.end().print(),
                value.print()
            )
        });
        value
    }

    /// Reads a key that may stay unset; the example shows in the sample file.
    pub(super) fn optional<T: Setting>(
        &mut self,
        key: &'static str,
        example: &T,
        about: &'static str,
    ) -> Option<T> {
        let given = self.given(key);
        let fallback = Fallback::Nothing { example: example.print() };
        self.findings.lines.push(Line::Key {
            key,
            about,
            default: fallback,
            value: given.as_ref().map(T::print),
        });
        given
    }

    /// Reads a key that may stay unset and has no example.
    pub(super) fn given<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        match T::read(&self.take(key)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.check(key, false, || problem);
                None
            }
        }
    }

    /// Reads a key that must be there; `None` is noted as a mistake already.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let there = self.unread.get(key).is_some_and(|value| !value.is_null());
        self.check(key, there, || String::from("is missing"));
        self.given(key)
    }

    /// Reads a list of sections, if it is there; items that `read` gives up are left out.
    pub(super) fn items<T>(
        &mut self,
        key: &'static str,
        read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.take(key)?;
        Some(read_items(&join(&self.path, key), list, self.findings, read))
    }

    /// Reads a section that may be absent altogether.
    pub(super) fn map<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let value = self.take(key)?;
        Some(read_section(join(&self.path, key), value, self.findings, read))
    }

    /// Reads a map of free keys to single values, as text, if it is there.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<BTreeMap<String, String>> {
        let mut texts = BTreeMap::new();
        let Value::Object(map) = self.take(key)? else {
            self.check(key, false, || String::from("expected a map of keys and values"));
            return Some(texts);
        };
        for (name, value) in map {
            let text = match value {
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                other => {
                    self.check(&join(key, &name), false, || expected("a single value", &other));
                    continue;
                }
            };
            texts.insert(name, text);
        }
        Some(texts)
    }

    /// Notes a mistake of a key unless the condition holds.
    pub(super) fn check(&mut self, key: &str, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.findings.mistakes.push(Mistake { path: join(&self.path, key), problem: problem() });
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.unread.remove(key).filter(|value| !value.is_null())
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(tree: Value) -> ((u32, Option<bool>), Vec<String>) {
        let (value, findings) = read_tree(tree, |root| {
            root.section("a", "about a", |a| {
                (a.within("n", 5u32, 1..=9, "a number"), a.optional("flag", &true, "?"))
            })
        });
        (value, findings.mistakes.iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn absent_keys_take_their_defaults() {
        assert_eq!(read(json!({})), ((5, None), vec![]));
        assert_eq!(read(json!({"a": {"n": 2, "flag": "false"}})), ((2, Some(false)), vec![]));
    }

    #[test]
    fn every_mistake_is_noted_with_its_path() {
        let (value, mistakes) = read(json!({"a": {"n": "x", "m": 1, "flag": 3}, "b": {}}));
        assert_eq!(value, (5, None));
        assert_eq!(
            mistakes,
            [
                "a.n: expected a whole number from 0 to 4294967295, found \"x\"",
                "a.flag: expected true or false, found 3",
                "a.m: unknown key; known here: n, flag",
                "b: unknown key; known here: a",
            ]
        );
        assert_eq!(read(json!({"a": {"n": 10}})).1, ["a.n: must be from 1 to 9, not 10"]);
        assert_eq!(read(json!({"a": 1})).1, ["a: expected a section with keys, found 1"]);
    }
}
