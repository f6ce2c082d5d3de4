//! Measures a whole deployment and prints the figures as a Markdown table.
//!
//! `cargo bench --profile ci --bench measure` runs everything; parts can be named after `--`: `changes`, `bind`,
//! `writes`, `dns`, `start`.
//!
//! Invariants: the program runs as a process of its own, with its data in a temporary folder and durable commits, on
//! free ports of 127.0.0.1; what is started is stopped by its pid; every part is bounded in time; a wrong answer ends
//! the run, so no figure stands for work that was not done. `bind` and `dns` need BIND 9 (`scripts/lib/install.sh`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement fails loudly")]

mod changes;
mod dns;
mod http;
mod seed;
mod start;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
mod writes;

use table::Table;

#[tokio::main]
async fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| !part.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|named| named == part);
    let mut table = Table::default();
    if wanted("changes") {
        changes::built_in(&mut table).await;
    }
    if wanted("bind") {
        changes::two_binds(&mut table).await;
    }
    if wanted("writes") {
        writes::measure(&mut table).await;
    }
    if wanted("dns") {
        dns::measure(&mut table).await;
    }
    if wanted("start") {
        start::measure(&mut table).await;
    }
    table.print();
}
