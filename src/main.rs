//! The `ordain` command: reads its arguments, its configuration, and runs what was asked for.
//!
//! Exit codes: 0 fine, 1 failed, 2 wrong usage or configuration.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
