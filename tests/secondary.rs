//! Secondary zones in a world: what their masters give is what name servers show, whatever fails on the way.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::Method;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use ordain::config::NotificationDriver;
use ordain::deployment::ServiceKind;
use ordain::domain::ids::ZoneId;
use ordain::domain::name::Name;
use ordain::domain::serial::Serial;
use ordain::store::StoreError;
use ordain::store::repo::refreshes::{self, Refresh};
use ordain::store::repo::{outbox, zones};
use ordain::testing::{Failure, Manner, Spec, World, run};
use serde_json::{Value, json};

const MASTER: &str = "192.0.2.10";
const OTHER: &str = "192.0.2.20:5300";
const ORIGIN: &str = "example.org.";

/// A zone that is refreshed every minute, tried again after ten seconds, and expires after five minutes.
fn zone(serial: u32, more: &str) -> String {
    format!(
        "$TTL 300\n@ 600 IN SOA ns.example.net. host\\.master.example.org. {serial} 60 10 300 60\n@ NS ns.example.net.\n{more}"
    )
}

fn spec() -> Spec {
    Spec::all_in_one().nameservers(2)
}

async fn send(
    world: &World,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<(u16, Value), Failure> {
    let reply = world.api().send(method, path, body.as_ref()).await?;
    let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    Ok((reply.status.as_u16(), body))
}

async fn create(world: &World, masters: &[&str]) -> Result<String, Failure> {
    let body = json!({"name": ORIGIN, "type": "SECONDARY", "masters": masters});
    let (status, body) = send(world, Method::POST, "/v2/zones", Some(body)).await?;
    assert_eq!(
        (status, &body["status"], &body["action"]),
        (202, &json!("PENDING"), &json!("CREATE")),
        "{body}"
    );
    Ok(body["id"].as_str().unwrap().to_owned())
}

async fn show(world: &World, id: &str) -> Result<Value, Failure> {
    Ok(send(world, Method::GET, &format!("/v2/zones/{id}"), None).await?.1)
}

async fn refresh(world: &World, id: &str) -> Refresh {
    let id: ZoneId = id.parse().unwrap();
    let read = world.store().read(|tx| Box::pin(async move { refreshes::get(tx, id).await }));
    read.await.map_err(|error: StoreError| error).unwrap().unwrap()
}

/// Waits until the zone shows this serial and every name server has it.
async fn shows(world: &World, id: &str, serial: u32) -> Result<(), Failure> {
    world
        .until(&format!("serial {serial}"), async || {
            let zone = show(world, id).await?;
            Ok(zone["serial"] == json!(serial) && zone["status"] == "ACTIVE")
        })
        .await
}

/// All recordsets as `name ttl type data`.
async fn recordsets(world: &World, id: &str) -> Result<Vec<String>, Failure> {
    let (_, body) = send(world, Method::GET, &format!("/v2/zones/{id}/recordsets?limit=100"), None).await?;
    let line = |set: &Value| {
        let data: Vec<_> = set["records"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
        format!(
            "{} {} {} {}",
            set["name"].as_str().unwrap(),
            set["ttl"],
            set["type"].as_str().unwrap(),
            data.join(" | ")
        )
    };
    let mut lines: Vec<_> = body["recordsets"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    Ok(lines)
}

#[test]
fn a_zone_arrives_from_its_master_and_is_served() {
    run(async {
        let world = World::start(spec()).await?;
        let master = world.master(MASTER)?;
        let more = "www A 192.0.2.1\nwww A 192.0.2.2\n\
                    odd TYPE65280 \\# 4 0a000001\nAlias 60 CNAME www\ntxt TXT \"a b\" c\nsub NS ns.sub\n";
        master.serve(ORIGIN, &zone(3_000_000_000, more))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 3_000_000_000).await?;
        let shown = show(&world, &id).await?;
        assert_eq!(
            (&shown["email"], &shown["ttl"], &shown["masters"], &shown["action"]),
            (&json!("host.master@example.org"), &json!(600), &json!([MASTER]), &json!("NONE"))
        );
        assert!(shown["transferred_at"].is_string());
        assert_eq!(
            recordsets(&world, &id).await?,
            [
                "Alias.example.org. 60 CNAME www.example.org.",
                "example.org. 300 NS ns.example.net.",
                "example.org. null SOA ns.example.net. host\\.master.example.org. 3000000000 60 10 300 60",
                "odd.example.org. 300 TYPE65280 \\# 4 0a000001",
                "sub.example.org. 300 NS ns.sub.example.org.",
                "txt.example.org. 300 TXT \"a b\" \"c\"",
                "www.example.org. 300 A 192.0.2.1 | 192.0.2.2",
            ]
        );
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(world.resolve("odd.example.org.", RecordType::Unknown(65280)).await?.len(), 1);
        for server in 1..=2 {
            let serial = world.nameserver(server).serial(&Name::parse(ORIGIN)?);
            assert_eq!(serial, Some(Serial::new(3_000_000_000)));
        }
        assert_eq!((master.transfers(), refresh(&world, &id).await.attempts), (1, 0));
        Ok(())
    });
}

#[test]
fn nothing_is_shown_before_the_first_transfer_and_masters_are_tried_one_after_the_other() {
    run(async {
        let world = World::start(spec()).await?;
        let (dead, refusing) = (world.master(MASTER)?, world.master(OTHER)?);
        dead.behave(Manner::Silent);
        refusing.behave(Manner::Refusing);
        let id = create(&world, &[MASTER, OTHER]).await?;
        world.advance(Duration::from_secs(120)).await;
        let shown = show(&world, &id).await?;
        assert_eq!(
            (&shown["status"], &shown["serial"], &shown["transferred_at"]),
            (&json!("PENDING"), &json!(1), &Value::Null)
        );
        assert_eq!(world.dig(ORIGIN, RecordType::SOA).await?.metadata.response_code, ResponseCode::Refused);
        assert!(refresh(&world, &id).await.attempts > 1);
        // One of them gives it at last; which is asked first is left to chance.
        refusing.serve(ORIGIN, &zone(1, ""))?;
        refusing.behave(Manner::Normal);
        shows(&world, &id, 1).await?;
        assert_eq!(world.resolve(ORIGIN, RecordType::NS).await?, ["ns.example.net."]);
        assert_eq!((dead.transfers(), refusing.transfers()), (0, 1));
        Ok(())
    });
}

#[test]
fn a_change_is_found_in_time_and_only_what_differs_is_written() {
    run(async {
        let world = World::start(spec().configured(|config| {
            config.notifications.driver = NotificationDriver::Log;
            config.notifications.interval = Duration::from_secs(100_000_000);
        }))
        .await?;
        let master = world.master(MASTER)?;
        master.serve(ORIGIN, &zone(5, "stays A 192.0.2.1\ngoes A 192.0.2.2\nchanges A 192.0.2.3\n"))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 5).await?;
        let version = async |name: &'static str| {
            let path = format!("/v2/zones/{id}/recordsets?name={name}.example.org.");
            let (_, body) = send(&world, Method::GET, &path, None).await.unwrap();
            let set = body["recordsets"][0].clone();
            (set["id"].clone(), set["version"].clone())
        };
        let (stays, changes) = (version("stays").await, version("changes").await);
        master.serve(ORIGIN, &zone(6, "stays A 192.0.2.1\nchanges 60 A 192.0.2.4\nnew A 192.0.2.5\n"))?;
        world.advance(Duration::from_secs(50)).await;
        assert_eq!(show(&world, &id).await?["serial"], json!(5), "it is not time yet");
        shows(&world, &id, 6).await?;
        assert_eq!(version("stays").await, stays);
        assert_eq!(version("changes").await, (changes.0, json!(2)));
        assert_eq!(version("goes").await.0, Value::Null);
        assert_eq!(world.resolve("new.example.org.", RecordType::A).await?, ["192.0.2.5"]);
        assert_eq!(world.resolve("changes.example.org.", RecordType::A).await?, ["192.0.2.4"]);
        assert!(world.resolve("goes.example.org.", RecordType::A).await?.is_empty());

        // Nothing newer is nothing to transfer, and an older serial is none either (RFC 1982).
        let before = show(&world, &id).await?;
        for serial in [6, 5, 3_000_000_000] {
            master.serve(ORIGIN, &zone(serial, ""))?;
            world.advance(Duration::from_secs(70)).await;
            assert_eq!(show(&world, &id).await?, before);
        }
        assert_eq!((master.transfers(), master.asked() >= 4), (2, true));

        let read = world.store().read(|tx| Box::pin(async move { outbox::first(tx, 100).await }));
        let told: Vec<_> = read.await.map_err(|error: StoreError| error)?;
        let events: Vec<String> = told
            .iter()
            .map(|one| {
                serde_json::from_str::<Value>(&one.body).unwrap()["event_type"].as_str().unwrap().to_owned()
            })
            .collect();
        // What happened at the beginning may have been told already; nothing was told of what is no news.
        let twice = |word: &str| [format!("dns.zone.{word}"), format!("dns.domain.{word}")];
        let all = [twice("create"), twice("update"), twice("update")].concat();
        assert!(events.len() >= 2 && all.ends_with(&events), "{events:?}");
        Ok(())
    });
}

#[test]
fn a_word_from_a_master_leads_to_a_look_at_once() {
    run(async {
        let world = World::start(spec()).await?;
        let master = world.master(MASTER)?;
        master.serve(ORIGIN, &zone(5, ""))?;
        let from: IpAddr = MASTER.parse()?;
        assert_eq!(world.notify(ORIGIN, from, None).await?, ResponseCode::NotAuth, "there is no such zone");
        world.api().create_zone("primary.org.").await?;
        assert_eq!(world.notify("primary.org.", from, None).await?, ResponseCode::NotAuth);
        let id = create(&world, &[MASTER, "[2001:db8::1]:5354"]).await?;
        shows(&world, &id, 5).await?;

        let asked = master.asked();
        master.serve(ORIGIN, &zone(6, ""))?;
        for stranger in [OTHER.split(':').next().unwrap(), "2001:db8::2"] {
            assert_eq!(world.notify(ORIGIN, stranger.parse()?, Some(6)).await?, ResponseCode::Refused);
        }
        // Old news, and of a version that is here already.
        for serial in [4, 5] {
            assert_eq!(world.notify(ORIGIN, from, Some(serial)).await?, ResponseCode::NoError);
        }
        world.advance(Duration::from_secs(20)).await;
        assert_eq!(master.asked(), asked);

        let mapped: IpAddr = format!("::ffff:{MASTER}").parse()?;
        assert_eq!(world.notify(ORIGIN, mapped, Some(6)).await?, ResponseCode::NoError);
        shows(&world, &id, 6).await?;

        // A flood is one look at once and one more in the end.
        master.serve(ORIGIN, &zone(7, ""))?;
        let asked = master.asked();
        for _ in 0..100 {
            assert_eq!(world.notify(ORIGIN, from, None).await?, ResponseCode::NoError);
        }
        shows(&world, &id, 7).await?;
        world.advance(Duration::from_secs(20)).await;
        assert!((1..=3).contains(&(master.asked() - asked)), "{}", master.asked() - asked);
        assert_eq!(world.notify(ORIGIN, "2001:db8::1".parse()?, None).await?, ResponseCode::NoError);
        Ok(())
    });
}

#[test]
fn by_hand_and_with_other_masters() {
    run(async {
        let world = World::start(spec()).await?;
        let (master, other) = (world.master(MASTER)?, world.master(OTHER)?);
        master.serve(ORIGIN, &zone(5, "www A 192.0.2.1\n"))?;
        other.serve(ORIGIN, &zone(4, "www A 192.0.2.9\n"))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 5).await?;
        master.serve(ORIGIN, &zone(6, "www A 192.0.2.2\n"))?;
        let xfr = format!("/v2/zones/{id}/tasks/xfr");
        assert_eq!(send(&world, Method::POST, &xfr, None).await?, (202, json!("")));
        shows(&world, &id, 6).await?;
        // From other masters it is taken whatever its serial is.
        let path = format!("/v2/zones/{id}");
        send(&world, Method::PATCH, &path, Some(json!({"masters": [OTHER]}))).await?;
        shows(&world, &id, 4).await?;
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.9"]);
        assert!(!refresh(&world, &id).await.forced);

        send(&world, Method::DELETE, &path, None).await?;
        world.zone_vanishes(&id).await?;
        let asked = (master.asked(), other.asked());
        world.advance(Duration::from_secs(300)).await;
        assert_eq!((master.asked(), other.asked()), asked);
        Ok(())
    });
}

#[test]
fn masters_that_are_away_are_asked_again_and_a_zone_expires() {
    run(async {
        let world = World::start(spec()).await?;
        let master = world.master(MASTER)?;
        master.serve(ORIGIN, &zone(5, "www A 192.0.2.1\n"))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 5).await?;
        master.behave(Manner::Silent);
        world.advance(Duration::from_secs(120)).await;
        assert!((2..=5).contains(&refresh(&world, &id).await.attempts));
        assert_eq!(world.resolve("www.example.org.", RecordType::A).await?, ["192.0.2.1"]);
        master.serve(ORIGIN, &zone(6, "www A 192.0.2.2\n"))?;
        master.behave(Manner::Normal);
        shows(&world, &id, 6).await?;

        master.behave(Manner::Refusing);
        world.advance(Duration::from_secs(270)).await;
        assert_eq!(show(&world, &id).await?["status"], "ACTIVE");
        world.zone_becomes(&id, "ERROR").await?;
        assert_eq!(show(&world, &id).await?["action"], "NONE");
        assert!(refresh(&world, &id).await.expired);
        let refused = async || {
            Ok(world.dig(ORIGIN, RecordType::SOA).await?.metadata.response_code == ResponseCode::Refused)
        };
        world.until("the zone to be withdrawn", refused).await?;
        // The same version is good again once a master confirms it.
        master.behave(Manner::Normal);
        world.zone_becomes(&id, "ACTIVE").await?;
        let answers = async || Ok(!world.resolve("www.example.org.", RecordType::A).await?.is_empty());
        world.until("the zone to be served", answers).await?;
        assert_eq!((show(&world, &id).await?["serial"].clone(), master.transfers()), (json!(6), 2));
        Ok(())
    });
}

#[test]
fn what_was_begun_is_done_by_another_and_what_was_done_is_not_done_again() {
    run(async {
        let world = World::start(spec()).await?;
        let master = world.master(MASTER)?;
        master.serve(ORIGIN, &zone(5, ""))?;
        master.behave(Manner::Silent);
        let id = create(&world, &[MASTER]).await?;
        // In the middle of the transfer.
        world.advance(Duration::from_secs(2)).await;
        let world = world.crash().await?;
        master.behave(Manner::Normal);
        shows(&world, &id, 5).await?;
        assert_eq!(master.transfers(), 1);
        let zone_id: ZoneId = id.parse()?;
        let read = world.store().read(|tx| Box::pin(async move { zones::get_any(tx, zone_id).await }));
        let before = read.await.map_err(|error: StoreError| error)?.unwrap();
        let world = world.crash().await?;
        world.advance(Duration::from_secs(100)).await;
        let read = world.store().read(|tx| Box::pin(async move { zones::get_any(tx, zone_id).await }));
        let after = read.await.map_err(|error: StoreError| error)?.unwrap();
        assert_eq!((master.transfers(), after.progress, after.version), (1, before.progress, before.version));
        Ok(())
    });
}

#[test]
fn a_zone_too_large_does_not_come_and_quotas_do_not_count() {
    run(async {
        let world = World::start(spec().configured(|config| config.worker.xfr.max_records = 1000)).await?;
        let master = world.master(MASTER)?;
        let hosts = |count: usize| (0..count).map(|n| format!("h{n} A 192.0.2.1\n")).collect::<String>();
        // More than a project may create by itself.
        master.serve(ORIGIN, &zone(5, &hosts(900)))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 5).await?;
        master.serve(ORIGIN, &zone(6, &hosts(1000)))?;
        let xfr = format!("/v2/zones/{id}/tasks/xfr");
        send(&world, Method::POST, &xfr, None).await?;
        world.advance(Duration::from_secs(30)).await;
        assert_eq!(show(&world, &id).await?["serial"], json!(5));
        assert!(refresh(&world, &id).await.attempts > 0);
        Ok(())
    });
}

#[test]
fn without_a_producer_word_alone_is_enough_and_without_word_the_producer_is() {
    run(async {
        let services = [ServiceKind::Api, ServiceKind::Central, ServiceKind::Worker, ServiceKind::Mdns];
        let world = World::start(spec().services(&services)).await?;
        let master = world.master(MASTER)?;
        master.serve(ORIGIN, &zone(5, ""))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 5).await?;
        Ok(())
    });
    run(async {
        let world = World::start(spec()).await?;
        let master = world.master(MASTER)?;
        master.serve(ORIGIN, &zone(5, ""))?;
        let id = create(&world, &[MASTER]).await?;
        shows(&world, &id, 5).await?;
        master.serve(ORIGIN, &zone(6, ""))?;
        let (zone_id, now) = (id.parse::<ZoneId>()?, world.clock().now());
        let asked = world
            .store()
            .transact(|tx| Box::pin(async move { refreshes::ask(tx, zone_id, false, now).await }));
        asked.await.map_err(|error: StoreError| error)?;
        shows(&world, &id, 6).await?;
        Ok(())
    });
}
