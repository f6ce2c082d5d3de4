//! The lock files keep what `deny.toml` demands, also where `cargo deny` is not installed: no banned crate, no source
//! but the one registry.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

fn read(file: &str) -> Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap().parse().unwrap()
}

fn banned(deny: &Table) -> BTreeSet<&str> {
    let list = deny["bans"]["deny"].as_array().unwrap();
    list.iter().map(|ban| ban["crate"].as_str().unwrap()).collect()
}

/// The packages of the lock file that are banned or come from elsewhere.
fn breaches(lock: &Table, deny: &Table) -> Vec<String> {
    let (banned, registry) = (banned(deny), deny["sources"]["allow-registry"][0].as_str().unwrap());
    let bad = |package: &&Value| {
        let elsewhere = package.get("source").and_then(Value::as_str).is_some_and(|s| !s.ends_with(registry));
        elsewhere || banned.contains(package["name"].as_str().unwrap())
    };
    lock["package"].as_array().unwrap().iter().filter(bad).map(Value::to_string).collect()
}

#[test]
fn no_banned_crate_and_no_other_source_is_in_the_tree() {
    for lock in ["Cargo.lock", "raft/bench/Cargo.lock"] {
        assert_eq!(breaches(&read(lock), &read("deny.toml")), Vec::<String>::new(), "{lock}");
    }
}

#[test]
fn a_breach_is_found() {
    let lock: Table = r#"
        [[package]]
        name = "ring"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        [[package]]
        name = "aws-lc-sys"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        [[package]]
        name = "own"
        [[package]]
        name = "fork"
        source = "git+https://example.org/fork"
    "#
    .parse()
    .unwrap();
    assert_eq!(breaches(&lock, &read("deny.toml")).len(), 2);
}
