//! The command line where what it writes to is full, closed or not what it expects.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt as _;
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

#[test]
fn the_files_that_a_configuration_names_are_checked_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let check = |policy: &str, pools: &str| {
        let config = folder.path().join("ordain.toml");
        std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
        std::fs::write(folder.path().join("pools.yaml"), pools).unwrap();
        let place = folder.path().display();
        let text = format!("[policy]\nfile = '{place}/policy.yaml'\n[pools]\nfile = '{place}/pools.yaml'\n");
        std::fs::write(&config, text).unwrap();
        run(&["config", "check", "--config", config.to_str().unwrap()], Stdio::null())
    };
    assert_eq!(check("create_zone: role:admin", "[{ name: default }]").0, Some(0));
    let (code, told) = check("create_zone: rule:nobody_defines_this", "[{ name: default }]");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("nobody_defines_this"), "{told}");
    let (code, told) = check("create_zone: role:admin", "[{ name: default, colour: red }]");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("colour"), "{told}");
}

#[test]
fn a_generated_pool_file_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pools.yaml");
    let status = Command::new(env!("CARGO_BIN_EXE_ordain"))
        .args(["pool", "generate", "--file"])
        .arg(&file)
        .env_remove("ORDAIN_CONFIG")
        .env("ORDAIN__DATABASE__URL", format!("sqlite:{}", folder.path().join("ordain.db").display()))
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "it holds secrets");
}

#[test]
fn the_example_of_a_split_deployment_is_one_that_can_be_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/split");
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|kind| kind == "toml") {
            let shown = run(&["config", "show", "--config", &file.to_string_lossy()], Stdio::null());
            assert_eq!(shown, (Some(0), String::new()), "{}", file.display());
            read += 1;
        }
    }
    assert_eq!(read, 4);
}
