//! The house rules that a compiler does not check: imports go downward only, every source file says what it is for and
//! stays short, migrations of all engines keep step.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod paths;
mod rules;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Lines a source file may have.
const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below the folders that exist, as paths from the project's root.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> =
        folders.iter().map(|folder| root().join(folder)).filter(|p| p.exists()).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension() == Some(OsStr::new("rs")) {
                files.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// `src/actors/central/mod.rs` is the module `actors::central`.
fn module_of(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").unwrap().with_extension("");
    let mut module: Vec<String> = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

fn is_test(module: &[String]) -> bool {
    module.iter().any(|part| part == "tests" || part.ends_with("_tests"))
}

fn text_of(file: &Path) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

#[test]
fn imports_go_downward_only() {
    let mut breaches = Vec::new();
    for file in sources(&["src"]) {
        let module = module_of(&file);
        if is_test(&module) {
            continue;
        }
        for path in paths::find(&text_of(&file), &module) {
            if let Some(why) = rules::breach(&module, &path) {
                breaches.push(format!("{} names {}: {why}", file.display(), path.join("::")));
            }
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_file_opens_with_its_purpose_and_stays_short() {
    let mut breaches = Vec::new();
    for file in sources(&["src", "raft", "tests", "examples"]) {
        let text = text_of(&file);
        breaches.extend(shape(&text).into_iter().map(|why| format!("{}: {why}", file.display())));
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

fn shape(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !text.starts_with("//! ") {
        wrong.push("does not open with //! and its purpose".into());
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        wrong.push(format!("has {lines} lines, {LONGEST} is the most: split it along its nouns"));
    }
    wrong
}

#[test]
fn a_file_without_purpose_or_too_long_is_found() {
    assert_eq!(shape("//! Purpose.\nfn f() {}\n"), Vec::<String>::new());
    assert_eq!(shape("fn f() {}\n").len(), 1);
    assert_eq!(shape(&"\n".repeat(LONGEST + 1)).len(), 2);
}

#[test]
fn files_become_modules() {
    for (file, module) in
        [("src/actors/central/mod.rs", "actors::central"), ("src/lib.rs", ""), ("src/clock.rs", "clock")]
    {
        assert_eq!(module_of(Path::new(file)).join("::"), module);
    }
}

#[test]
fn migrations_of_all_engines_keep_step() {
    let names = |engine: &str| -> Option<BTreeSet<_>> {
        let entries = std::fs::read_dir(root().join("migrations").join(engine)).ok()?;
        Some(entries.map(|entry| entry.unwrap().file_name()).collect())
    };
    if let (Some(sqlite), Some(postgres)) = (names("sqlite"), names("postgres")) {
        assert_eq!(sqlite, postgres);
    }
}
