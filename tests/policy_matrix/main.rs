//! Who may do what: every operation, by every kind of caller, on his own zone, one that is shared with him, and a foreign one,
//! against the table in `table.txt`.
//!
//! The table is the expectation, and was checked line by line: a change of it is a change of who may do what. After such a
//! change, `ORDAIN_BLESS=1 cargo test --test policy_matrix` writes it anew, for somebody to check again.
//!
//! Besides: whatever is refused has changed nothing, a foreign zone (and what else is only its owner's) is answered exactly like
//! one that does not exist, and no operation that is served lacks in the table.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

#[path = "../support/neutron.rs"]
#[expect(dead_code, reason = "a part of it is used here")]
mod neutron;
#[path = "../support/ports.rs"]
mod ports;
mod scene;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use ordain::testing::Failure;
use ordain::transport::run_threaded;
use scene::Scene;
use table::{Operation, Relation};

/// The kinds of callers: name, roles, and what he switches on.
const CALLERS: [(&str, &str, Switch); 9] = [
    ("none", "", Switch::Nothing),
    ("reader", "reader", Switch::Nothing),
    ("member", "member", Switch::Nothing),
    ("both", "member,reader", Switch::Nothing),
    ("admin", "admin", Switch::Nothing),
    ("all", "admin", Switch::AllProjects),
    ("sudo", "admin", Switch::Sudo),
    ("nothing", "admin", Switch::NoProject),
    ("system", "admin", Switch::System),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    Nothing,
    AllProjects,
    Sudo,
    /// His token is for no project.
    NoProject,
    /// His token is for the whole cloud.
    System,
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy_matrix/table.txt")
}

/// The codes of one operation, in the order of [`CALLERS`].
async fn codes(scene: &mut Scene, operation: &Operation, relation: Relation) -> Vec<String> {
    let mut codes = Vec::new();
    for (_, roles, switch) in CALLERS {
        codes.push(scene.play(operation, relation, roles, switch).await);
    }
    codes
}

#[test]
fn every_caller_may_do_what_the_table_says_and_nothing_else() {
    // In real time, since the network service is a process of its own.
    let played: Result<(), Failure> = run_threaded(async {
        let text = std::fs::read_to_string(path()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut scene = Scene::start(folder.path()).await;
        let mut found: BTreeMap<(usize, Relation), Vec<String>> = BTreeMap::new();
        let operations = table::parse(&text);
        let untold: Vec<String> = scene.served().difference(&table::kinds(&operations)).cloned().collect();
        assert!(untold.is_empty(), "operations that the table lacks:\n{}", untold.join("\n"));
        let mut wrong = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            for (&relation, expected) in &operation.expected {
                let got = codes(&mut scene, operation, relation).await;
                for ((caller, ..), (got, expected)) in CALLERS.iter().zip(got.iter().zip(expected.iter())) {
                    if got != expected {
                        wrong
                            .push(format!("{} {relation:?} {caller}: {got}, not {expected}", operation.line));
                    }
                }
                if got.len() != expected.len() {
                    wrong.push(format!("{} {relation:?}: {} codes are wanted", operation.line, got.len()));
                }
                found.insert((at, relation), got);
            }
        }
        if std::env::var_os("ORDAIN_BLESS").is_some() {
            std::fs::write(path(), table::print(&text, &operations, &found)).unwrap();
            return Ok(());
        }
        assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
        Ok(())
    });
    played.unwrap();
}
