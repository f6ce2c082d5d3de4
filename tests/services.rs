//! Services tell that they are there, and that they go; who falls silent is found out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::Method;
use ordain::actors::api::api::{Api, Describe, Readmit, Traffic, Withdraw};
use ordain::actors::central::api::Central;
use ordain::actors::central::api::services::Heartbeat as Beat;
use ordain::actors::heartbeat::Heartbeat;
use ordain::domain::service_status::Health;
use ordain::testing::{Failure, Spec, World, run};
use ordain::transport::{Cx, Fake, InProcess, Place, TransportExt as _, run_paused};
use tokio_util::sync::CancellationToken;

/// Service and status of every row, sorted.
async fn statuses(world: &World) -> Result<Vec<(String, String)>, Failure> {
    let (_, body) = world.api().json(Method::GET, "/v2/service_statuses?limit=100", None).await?;
    let rows = body["service_statuses"].as_array().ok_or("no list")?.clone();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = rows.iter().map(|row| (text(row, "service_name"), text(row, "status"))).collect();
    found.sort();
    Ok(found)
}

fn all(status: &str) -> Vec<(String, String)> {
    ["api", "central", "mdns", "producer", "worker"].map(|name| (name.to_owned(), status.to_owned())).to_vec()
}

#[test]
fn every_service_shows_as_up() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        world.until("five services UP", async || Ok(statuses(&world).await? == all("UP"))).await
    });
}

#[test]
fn a_crashed_service_shows_as_down_and_its_successor_as_up() {
    run(async {
        let spec = Spec::all_in_one().configured(|config| {
            config.producer.service_status.interval = Duration::from_secs(10);
            config.producer.service_status.time_threshold = Duration::from_secs(60);
        });
        let world = World::start(spec).await?;
        world.until("five services UP", async || Ok(statuses(&world).await?.len() == 5)).await?;
        let world = world.crash().await?;
        let mut expected = all("DOWN");
        expected.extend(all("UP"));
        expected.sort();
        world.until("the dead DOWN, the living UP", async || Ok(statuses(&world).await? == expected)).await
    });
}

/// What the API's row says of its traffic.
async fn stats(world: &World, number: &str) -> Result<String, Failure> {
    let (_, body) = world.api().json(Method::GET, "/v2/service_statuses?service_name=api", None).await?;
    Ok(body["service_statuses"][0]["stats"][number].as_str().unwrap_or_default().to_owned())
}

#[test]
fn the_status_of_an_api_tells_what_goes_through_it() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        world
            .until("the API's row", async || Ok(!stats(&world, "requests_answered").await?.is_empty()))
            .await?;
        let before: u64 = stats(&world, "requests_answered").await?.parse()?;
        for _ in 0..7 {
            world.api().json(Method::GET, "/v2/zones", None).await?;
        }
        world.advance(Duration::from_secs(60)).await;
        let after: u64 = stats(&world, "requests_answered").await?.parse()?;
        assert!(after >= before + 7, "{before}, then {after}");
        assert_eq!(stats(&world, "requests_under_way").await?, "0");
        Ok(())
    });
}

#[test]
fn a_withdrawn_api_says_so_and_goes_on_serving() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let api = world.deployment().transport().service_ref::<Api>();
        let cx = || Cx::system(Duration::from_secs(5));
        let health = async || world.api().send(Method::GET, "/healthcheck", None).await;
        let is_withdrawn = async |expected: bool| {
            assert_eq!(api.call(&cx(), Describe).await?.withdrawn, expected);
            let (status, text) = if expected { (503, "WITHDRAWN") } else { (200, "OK") };
            let told = health().await?;
            assert_eq!((told.status.as_u16(), &told.body[..]), (status, text.as_bytes()));
            let head = world.api().send(Method::HEAD, "/healthcheck", None).await?;
            assert_eq!(head.status.as_u16(), if expected { 503 } else { 204 });
            assert_eq!(world.api().json(Method::GET, "/v2/zones", None).await?.0, 200);
            world.advance(Duration::from_secs(60)).await;
            assert_eq!(stats(&world, "withdrawn").await?, expected.to_string());
            Ok::<(), Failure>(())
        };
        is_withdrawn(false).await?;
        assert!(api.call(&cx(), Withdraw).await?.withdrawn);
        is_withdrawn(true).await?;
        assert!(!api.call(&cx(), Readmit).await?.withdrawn);
        is_withdrawn(false).await
    });
}

#[test]
fn an_api_whose_actor_does_not_answer_shows_a_warning() {
    run_paused(async {
        let transport = InProcess::through_codec();
        let answers = Traffic { answered: 5, ..Traffic::default() };
        let api = Fake::<Api>::on(move |_: Describe| Ok(answers)).mount(&transport).await.unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&heard);
        let central = Fake::<Central>::on(move |beat: Beat| {
            hears.lock().unwrap().push((beat.health, beat.stats));
            Ok(())
        });
        let _central = central.mount(&transport).await.unwrap();
        let instance = api.serving().endpoint().instance;
        let heart = Heartbeat::new(transport.service_ref(), "api", "here".into(), instance)
            .describing(&transport.service_ref());
        let (stop, place) = (CancellationToken::new(), Place::current().unwrap());
        let beating = heart.start(Duration::from_secs(5), &stop, place.runtime());
        beating.settle().await;
        assert_eq!(heard.lock().unwrap().pop(), Some((Health::Up, answers.stats())));
        drop(api);
        beating.settle().await;
        assert_eq!(heard.lock().unwrap().pop(), Some((Health::Warning, BTreeMap::new())));
    });
}

#[test]
fn a_drained_deployment_says_goodbye() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        world.until("five services UP", async || Ok(statuses(&world).await? == all("UP"))).await?;
        let store = world.store().clone();
        world.drain().await;
        let filter = ordain::domain::page::ServiceFilter::default();
        let page = ordain::domain::page::PageRequest {
            limit: 100,
            marker: None,
            sort_key: ordain::domain::page::ServiceSortKey::ServiceName,
            direction: ordain::domain::page::Direction::Ascending,
        };
        let rows = store.read(|tx| Box::pin(ordain::store::repo::statuses::find(tx, &filter, &page))).await?;
        assert_eq!(rows.items.len(), 5);
        assert!(rows.items.iter().all(|row| row.health.as_str() == "STOPPED"), "{rows:?}");
        Ok(())
    });
}
