//! `docs/validation.md` names a test for every rule, `docs/designate-compatibility.md` one for every weakness of Designate that
//! concerns us; here each row is held to that, and each test to being there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::collections::BTreeMap;
use std::path::Path;

/// What stands in backticks, in order.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What is wrong with the table: rows without tests, short names nobody explains, tests that are not there.
fn flaws(document: &str, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = document.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let cells = rows.map(|row| row.trim_matches('|').split(" | ").collect::<Vec<_>>());
    let (legend, rules): (Vec<_>, Vec<_>) = cells.partition(|cells| cells.len() == 2);
    let mut files = BTreeMap::new();
    let mut flaws = Vec::new();
    for cells in legend.iter().skip(1) {
        let (short, path) = (quoted(cells[0])[0], quoted(cells[1])[0]);
        match source(path) {
            Some(text) => {
                files.insert(short, text);
            }
            None => flaws.push(format!("{path} is not there")),
        }
    }
    for cells in rules.iter().filter(|cells| cells[0].trim() != "rule") {
        let tests = quoted(cells.last().unwrap());
        if cells.len() != 3 || tests.is_empty() {
            flaws.push(format!("no test: {}", cells[0]));
        }
        for test in tests {
            let (short, function) = test.split_once("::").unwrap_or((test, ""));
            let found = files.get(short).is_some_and(|text| text.contains(&format!("fn {function}(")));
            if !found {
                flaws.push(format!("{test} is not there"));
            }
        }
    }
    flaws
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

#[test]
fn every_rule_has_a_test_that_is_there() {
    let document = read("docs/validation.md").unwrap();
    assert_eq!(flaws(&document, read), Vec::<String>::new());
    assert!(document.matches("::").count() > 100, "the table is not read");
}

/// What is wrong with the table of weaknesses: rows that are missing, or say nothing, or name a test that is not there.
fn unkept(document: &str, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let row = |number: usize| document.lines().find(|line| line.starts_with(&format!("| W{number} |")));
    let mut flaws = Vec::new();
    for number in 1..=57 {
        let Some(row) = row(number) else {
            flaws.push(format!("W{number} is missing"));
            continue;
        };
        let tests: Vec<_> = quoted(row).into_iter().filter_map(|text| text.split_once("::")).collect();
        if tests.is_empty() && !row.ends_with("| to come |") {
            flaws.push(format!("W{number} has neither test nor excuse"));
        }
        for (path, function) in tests {
            let text = source(&format!("{path}.rs"));
            if !text.is_some_and(|text| text.contains(&format!("fn {function}("))) {
                flaws.push(format!("W{number}: {path}::{function} is not there"));
            }
        }
    }
    flaws
}

#[test]
fn every_weakness_has_a_test_that_is_there_or_is_to_come() {
    let document = read("docs/designate-compatibility.md").unwrap();
    assert_eq!(unkept(&document, read), Vec::<String>::new());
}

#[test]
fn a_weakness_without_a_test_is_found() {
    let document = "| W1 | a | b | to come |\n| W2 | a | b | |\n| W3 | a | b | `a::there` |\n| W4 | a | b | `a::gone` |\n";
    let found = unkept(document, |path| (path == "a.rs").then(|| "fn there() {}".to_owned()));
    assert_eq!(found.len(), 53 + 2, "{found:?}");
}

#[test]
fn a_flaw_is_found() {
    let document = "| short | tests in |\n|---|---|\n| `a` | `a.rs` |\n| `b` | `b.rs` |\n\n| rule | decided in | tests |\n\
        |---|---|---|\n| one | `x` | `a::there` |\n| two | `x` | `a::gone` `c::there` |\n| three | `x` |  |\n";
    let found = flaws(document, |path| (path == "a.rs").then(|| "fn there() {}".to_owned()));
    assert_eq!(found.len(), 4, "{found:?}");
}
