//! The `bind9` driver, NOTIFY and SOA polls against real BIND 9 servers: one as primary, the others as targets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ordain::actors::worker::backends::{Backend, BackendError, Backends, Effect, ZoneSpec};
use ordain::clock::Clock;
use ordain::dns::client::{Notify, NotifyPolicy, PollAnswer, SocketExchange, notify, poll_serial};
use ordain::domain::host_port::HostPort;
use ordain::domain::ids::{TargetId, ZoneId};
use ordain::domain::pool::Target;
use support::bind::{Bind, KEY_NAME};
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(20);

fn at(server: &Bind) -> HostPort {
    HostPort::new("127.0.0.1", server.dns().port())
}

/// A driver for a target that transfers from `primary`; a test's own `options` override the right ones.
fn driver(server: &Bind, primary: &Bind, options: &[(&str, String)]) -> Arc<dyn Backend> {
    let mut all = BTreeMap::from([
        (String::from("rndc_port"), server.rndc().port().to_string()),
        (String::from("rndc_key_file"), server.key_file().to_string_lossy().into_owned()),
    ]);
    all.extend(options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let target = Target {
        id: TargetId::random(),
        driver: String::from("bind9"),
        description: None,
        masters: vec![at(primary)],
        options: all,
        tsigkey_id: None,
    };
    Backends::standard(Clock::system()).build(&target).unwrap()
}

fn zone(name: &str) -> ZoneSpec {
    ZoneSpec { id: ZoneId::random(), name: name.parse().unwrap() }
}

/// Makes the primary serve the zone with this serial.
fn publish(primary: &Bind, zone: &ZoneSpec, serial: u32) {
    let (name, file) = (zone.name.as_str(), format!("{}.zone", zone.id));
    let text = format!(
        "{name} 60 IN SOA ns.{name} admin.{name} {serial} 3600 600 86400 60\n{name} 60 IN NS ns.{name}\nns.{name} 60 IN A 192.0.2.1\n"
    );
    std::fs::write(primary.folder().join(&file), text).unwrap();
    if primary.control(&["reload", name]).is_err() {
        primary.control(&["addzone", name, &format!("{{ type primary; file \"{file}\"; }};")]).unwrap();
    }
}

/// Polls until the server says what is wanted, asking again as soon as it has answered.
async fn until(server: &Bind, zone: &ZoneSpec, wanted: impl Fn(&PollAnswer) -> bool) {
    let exchange = SocketExchange::default();
    let polls = async {
        loop {
            let answer = poll_serial(&exchange, &at(server), &zone.name, false, Duration::from_secs(1)).await;
            if wanted(&answer) {
                return;
            }
        }
    };
    assert!(timeout(LIMIT, polls).await.is_ok(), "{}", server.log());
}

/// Sends NOTIFY until the server knows.
async fn tell(server: &Bind, zone: &ZoneSpec) {
    let word = Notify { zone: zone.name.clone(), soa: None };
    notify(&SocketExchange::default(), &at(server), &word, NotifyPolicy::default()).await.unwrap();
}

fn shows(serial: u32) -> impl Fn(&PollAnswer) -> bool {
    move |answer| matches!(answer, PollAnswer::Serial(shown) if shown.number() == serial)
}

#[tokio::test]
async fn a_zone_comes_changes_and_goes_on_every_target() {
    let Some(servers) = Bind::start_many(3) else { return };
    let [primary, targets @ ..] = servers.as_slice() else { panic!("no servers") };
    let zone = zone("change.example.");
    publish(primary, &zone, 1);

    for target in targets {
        let driver = driver(target, primary, &[]);
        assert_eq!(driver.ensure_zone(&zone).await.unwrap(), Effect::Changed);
        assert_eq!(driver.ensure_zone(&zone).await.unwrap(), Effect::Unchanged);
        until(target, &zone, shows(1)).await;
    }

    // A NOTIFY is enough for the new serial to arrive; the refresh interval is an hour.
    publish(primary, &zone, 2);
    until(primary, &zone, shows(2)).await;
    for target in targets {
        let notified = Instant::now();
        tell(target, &zone).await;
        until(target, &zone, shows(2)).await;
        println!("new serial after {:?}", notified.elapsed());
    }

    for target in targets {
        let driver = driver(target, primary, &[]);
        assert_eq!(driver.ensure_absent(&zone, true).await.unwrap(), Effect::Changed);
        assert_eq!(driver.ensure_absent(&zone, true).await.unwrap(), Effect::Unchanged);
        until(target, &zone, |answer| matches!(answer, PollAnswer::NoZone(_))).await;
    }
}

#[tokio::test]
async fn a_server_that_was_away_has_its_zones_again() {
    let Some(mut servers) = Bind::start_many(2) else { return };
    let (mut target, primary) = (servers.pop().unwrap(), servers.pop().unwrap());
    let zone = zone("away.example.");
    publish(&primary, &zone, 1);
    let driver = driver(&target, &primary, &[]);
    driver.ensure_zone(&zone).await.unwrap();
    until(&target, &zone, shows(1)).await;

    target.stop();
    assert!(matches!(driver.ensure_zone(&zone).await, Err(BackendError::Unreachable { .. })));

    publish(&primary, &zone, 2);
    target.start_again();
    assert_eq!(driver.ensure_zone(&zone).await.unwrap(), Effect::Unchanged);
    until(&target, &zone, shows(2)).await;
}

#[tokio::test]
async fn a_target_that_moved_to_another_primary_follows_it() {
    let Some(servers) = Bind::start_many(3) else { return };
    let [old, new, target] = servers.as_slice() else { panic!("no servers") };
    let zone = zone("moved.example.");
    publish(old, &zone, 1);
    publish(new, &zone, 5);
    driver(target, old, &[]).ensure_zone(&zone).await.unwrap();
    until(target, &zone, shows(1)).await;
    assert_eq!(driver(target, new, &[]).ensure_zone(&zone).await.unwrap(), Effect::Changed);
    tell(target, &zone).await;
    until(target, &zone, shows(5)).await;
}

#[tokio::test]
async fn only_the_right_key_commands() {
    let Some(servers) = Bind::start_many(2) else { return };
    let [primary, target] = servers.as_slice() else { panic!("no servers") };
    let zone = zone("key.example.");
    let given = |name: &str, secret: String| {
        let options = [
            ("rndc_key_file", String::new()),
            ("rndc_key_name", name.to_owned()),
            ("rndc_key_secret", secret),
            ("rndc_timeout", String::from("5")),
        ];
        driver(target, primary, &options)
    };
    let wrong = given(KEY_NAME, primary.secret()).ensure_zone(&zone).await;
    assert!(matches!(wrong, Err(BackendError::Unreachable { .. })), "{wrong:?}");
    assert_eq!(given(KEY_NAME, target.secret()).ensure_zone(&zone).await.unwrap(), Effect::Changed);
}
