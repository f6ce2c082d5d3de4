//! The driver against a control channel that answers as told.

use super::super::rndc::fake_channel::{FakeChannel, SECRET};
use super::super::target;
use super::*;

fn zone(name: &str) -> ZoneSpec {
    ZoneSpec { id: "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3".parse().unwrap(), name: Name::parse(name).unwrap() }
}

fn done(text: &str) -> Reply {
    Reply { result: 0, error: None, text: (!text.is_empty()).then(|| text.to_owned()) }
}

fn failed(error: &str, text: &str) -> Reply {
    Reply { result: 25, error: Some(error.to_owned()), text: Some(text.to_owned()) }
}

async fn channel(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> FakeChannel {
    FakeChannel::start(answer).await
}

fn driver(channel: &FakeChannel, options: &[(&str, &str)]) -> Bind9 {
    let port = channel.port().to_string();
    let mut all = vec![("rndc_port", port.as_str()), ("rndc_key_secret", SECRET)];
    all.extend_from_slice(options);
    Bind9::new(&target("bind9", &all), Clock::system()).unwrap()
}

const MASTERS: &str = "192.0.2.1 port 5354; 2001:db8::1 port 53;";

#[tokio::test]
async fn a_missing_zone_is_added_with_all_masters() {
    let channel = channel(|command| match command.split(' ').next() {
        Some("showzone") => failed("not found", "no matching zone 'example.org' in any view"),
        _ => done(""),
    })
    .await;
    let effect = driver(&channel, &[]).ensure_zone(&zone("example.org.")).await;
    assert_eq!(effect, Ok(Effect::Changed));
    let commands = channel.commands();
    assert_eq!(commands[0], "showzone example.org ");
    let file = r#"file "slave.example.org.a86dba58-0043-4cc6-a1bb-69d5e86f3ca3"; };"#;
    let orders = [MASTERS, "2001:db8::1 port 53; 192.0.2.1 port 5354;"]
        .map(|masters| format!("addzone example.org  {{ type slave; masters {{ {masters}}}; {file}"));
    assert!(orders.contains(&commands[1]), "{}", commands[1]);
    assert_eq!(commands.len(), 2);
}

#[tokio::test]
async fn a_zone_with_the_right_masters_is_left_alone() {
    for shown in [
        "zone \"example.org\" { type slave; file \"f\"; masters { 192.0.2.1 port 5354; 2001:db8::1; }; };",
        "zone \"example.org\" in \"inner\" { type secondary; primaries port 5354 { 2001:db8::1 port 53; 192.0.2.1 key \"k\"; }; };",
    ] {
        let channel = channel(move |_| done(shown)).await;
        let driver = driver(&channel, &[("view", "inner")]);
        assert_eq!(driver.ensure_zone(&zone("example.org.")).await, Ok(Effect::Unchanged));
        assert_eq!(channel.commands(), ["showzone example.org in inner"]);
    }
}

#[tokio::test]
async fn other_masters_are_repaired_in_place() {
    let channel = channel(|_| {
        done("zone \"example.org\" { type slave; file \"f\"; masters { 192.0.2.1 port 5354; }; };")
    })
    .await;
    assert_eq!(driver(&channel, &[]).ensure_zone(&zone("example.org.")).await, Ok(Effect::Changed));
    let commands = channel.commands();
    assert!(commands[1].starts_with("modzone example.org  { type slave; masters { "), "{}", commands[1]);
    assert_eq!(commands.len(), 2);
}

#[tokio::test]
async fn the_first_master_becomes_the_last_when_it_is_turned_from() {
    let shown =
        r#"zone "example.org" { type slave; file "f"; masters { 192.0.2.1 port 5354; 2001:db8::1; }; };"#;
    let channel =
        channel(move |command| if command.starts_with("showzone") { done(shown) } else { done("") }).await;
    let turned = driver(&channel, &[]).turn_to_another_master(&zone("example.org.")).await;
    assert_eq!(turned, Ok(Effect::Changed));
    let file = r#"file "slave.example.org.a86dba58-0043-4cc6-a1bb-69d5e86f3ca3"; };"#;
    let order = "2001:db8::1 port 53; 192.0.2.1 port 5354;";
    let modified = format!("modzone example.org  {{ type slave; masters {{ {order}}}; {file}");
    assert_eq!(channel.commands(), ["showzone example.org ", &*modified]);
}

#[tokio::test]
async fn what_is_not_as_it_should_be_is_not_turned() {
    for shown in [
        r#"zone "example.org" { type slave; masters { 192.0.2.1; }; };"#,
        r#"zone "example.org" { type master; file "f"; };"#,
    ] {
        let channel = channel(move |_| done(shown)).await;
        let turned = driver(&channel, &[]).turn_to_another_master(&zone("example.org.")).await;
        assert_eq!((turned, channel.commands().len()), (Ok(Effect::Unchanged), 1));
    }
    let channel = channel(|_| failed("not found", "no matching zone 'example.org' in any view")).await;
    let turned = driver(&channel, &[]).turn_to_another_master(&zone("example.org.")).await;
    assert_eq!((turned, channel.commands().len()), (Ok(Effect::Unchanged), 1));
}

#[tokio::test]
async fn a_zone_of_another_type_is_not_touched() {
    let channel = channel(|_| done("zone \"example.org\" { type primary; file \"f\"; };")).await;
    let error = driver(&channel, &[]).ensure_zone(&zone("example.org.")).await.unwrap_err();
    assert!(matches!(error, BackendError::Conflict { .. }) && !error.is_retryable());
    assert_eq!(channel.commands().len(), 1);
}

#[tokio::test]
async fn a_zone_that_appears_meanwhile_counts_as_added() {
    let channel = channel(|command| match command.split(' ').next() {
        Some("showzone") => failed("not found", ""),
        _ => failed("already exists", ""),
    })
    .await;
    assert_eq!(driver(&channel, &[]).ensure_zone(&zone("example.org.")).await, Ok(Effect::Changed));
}

#[tokio::test]
async fn deleting_is_done_once_the_zone_is_gone() {
    let channel = channel(|command| match command {
        "delzone -clean gone.example " => failed("not found", "no matching zone 'gone.example' in any view"),
        _ => done("zone will be deleted."),
    })
    .await;
    let plain = driver(&channel, &[]);
    assert_eq!(plain.ensure_absent(&zone("example.org."), false).await, Ok(Effect::Changed));
    assert_eq!(plain.ensure_absent(&zone("gone.example."), true).await, Ok(Effect::Unchanged));
    let cleaning = driver(&channel, &[("clean_zonefile", "True")]);
    assert_eq!(cleaning.ensure_absent(&zone("example.org."), false).await, Ok(Effect::Changed));
    let expected = ["delzone example.org ", "delzone -clean gone.example ", "delzone -clean example.org "];
    assert_eq!(channel.commands(), expected);
}

#[tokio::test]
async fn what_the_server_says_is_passed_on() {
    let refusing = channel(|command| match command.split(' ').next() {
        Some("showzone") => failed("not found", ""),
        _ => failed("permission denied", "allow-new-zones is off"),
    })
    .await;
    let error = driver(&refusing, &[]).ensure_zone(&zone("example.org.")).await.unwrap_err();
    assert_eq!(error.to_string(), "target refused: permission denied: allow-new-zones is off");
    assert!(error.is_retryable());

    let viewless = channel(|_| failed("not found", "no matching view found for 'v'")).await;
    let driver = driver(&viewless, &[("view", "v")]);
    for error in [
        driver.ensure_zone(&zone("example.org.")).await.unwrap_err(),
        driver.ensure_absent(&zone("example.org."), false).await.unwrap_err(),
    ] {
        assert!(matches!(error, BackendError::Misconfigured { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_later() {
    let channel = channel(|_| done("")).await;
    let other = driver(&channel, &[("rndc_key_secret", "b3RoZXI=")]);
    let error = other.ensure_absent(&zone("example.org."), false).await.unwrap_err();
    assert!(matches!(error, BackendError::Unreachable { .. }) && error.is_retryable(), "{error}");
}

#[tokio::test]
async fn names_cannot_break_out_of_the_command() {
    assert_eq!(
        quoted(&zone("0/25.2.0.192.in-addr.arpa.").name),
        Ok("\"0/25.2.0.192.in-addr.arpa\"".to_owned())
    );
    assert!(body(&zone("0/25.example."), &[]).unwrap().contains("\"slave.0_25.example."));
    let long = format!("{0}.{0}.{0}.{0}.", "a".repeat(62));
    assert!(body(&zone(&long), &[]).unwrap().contains("\"slave.a86dba58-0043-4cc6-a1bb-69d5e86f3ca3\""));
    for name in ["a;b.example.", "a\\\"b.example.", "a{b.example.", "a\\032b.example.", "a\\.b.example."] {
        assert!(matches!(quoted(&zone(name).name), Err(BackendError::Misconfigured { .. })), "{name}");
    }
}

#[test]
fn wrong_options_are_named() {
    for (option, value) in
        [("rndc_port", "x"), ("rndc_timeout", "-1"), ("view", "a b"), ("rndc_key_secret", "?")]
    {
        let error = Bind9::new(&target("bind9", &[(option, value)]), Clock::system()).unwrap_err();
        assert!(matches!(error, BackendError::Misconfigured { .. }), "{option}: {error}");
    }
    let mut without = target("bind9", &[]);
    without.masters.clear();
    assert!(Bind9::new(&without, Clock::system()).is_err());
}
