//! `docs/validation.md` names a test for every rule; here each row is held to that, and each test to being there.
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

#[test]
fn a_flaw_is_found() {
    let document = "| short | tests in |\n|---|---|\n| `a` | `a.rs` |\n| `b` | `b.rs` |\n\n| rule | decided in | tests |\n\
        |---|---|---|\n| one | `x` | `a::there` |\n| two | `x` | `a::gone` `c::there` |\n| three | `x` |  |\n";
    let found = flaws(document, |path| (path == "a.rs").then(|| "fn there() {}".to_owned()));
    assert_eq!(found.len(), 4, "{found:?}");
}
