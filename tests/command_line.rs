//! The command line where what it writes to is full, closed or not what it expects.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

/// What the command left: exit code and standard error.
fn run(arguments: &[&str], stdout: Stdio) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ordain"))
        .args(arguments)
        .env_remove("ORDAIN_CONFIG")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_no_panic() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (code, told) = run(&["config", "sample"], full.into());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.starts_with("ordain: cannot write to standard output: "), "{told}");
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(run(&["config", "sample"], writer.into()), (Some(0), String::new()));
}

#[test]
fn mistakes_in_the_configuration_end_with_2_and_are_told_once() {
    let (code, told) = run(&["config", "check", "--config", "/nonexistent/ordain.toml"], Stdio::null());
    assert_eq!(code, Some(2));
    assert_eq!(told.matches("No such file").count(), 1, "{told}");
}
