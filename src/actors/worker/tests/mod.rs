//! Workers on a paused clock, from a change in the database to the report and back.

mod ground;

use std::time::Duration;

use tokio::time::{Instant, timeout};

use self::ground::{Ground, PATIENCE, nameserver, recover_all};
use super::*;
use crate::actors::central::api::status::ReportZone;
use crate::actors::mdns::api::ZonePublished;
use crate::config::Config;
use crate::dns::fake_server::Manner;
use crate::domain::consensus::Answer;
use crate::domain::generation::Generation;
use crate::domain::record_type::RecordType;
use crate::domain::time::Timestamp;
use crate::domain::zone_status::{Action, Outcome, Status};
use crate::store::StoreError;
use crate::store::repo::{claims, journal, pools, recordsets, versions};
use crate::transport::run_paused;

#[test]
fn a_new_zone_reaches_its_name_servers_and_is_reported() {
    run_paused(async {
        let ground = Ground::new().await;
        let _worker = ground.worker().await;
        let zone = ground.create("example.org.").await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (1, Outcome::Propagated));
        assert_eq!(ground.server(1).serial(&zone.name), Some(zone.serial));
        let stands = ground.zone(&zone).await.unwrap();
        assert_eq!((stands.serial, stands.progress.status), (zone.serial, Status::Active));
        ground.mdns.answered::<ZonePublished>(1).await;
        let answers = ground.reports.lock().last().unwrap().answers.clone();
        let servers = ground.pool.nameservers.iter().map(|server| server.id);
        assert_eq!(answers, servers.map(|id| (id, Answer::Serial(zone.serial))).collect::<Vec<_>>());
    });
}

#[test]
fn a_change_gets_a_serial_a_soa_and_a_line_in_the_journal() {
    run_paused(async {
        let ground = Ground::new().await;
        let _worker = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        ground.change(&zone).await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));

        let changed = ground.zone(&zone).await.unwrap();
        assert_eq!(changed.serial, zone.serial.next(ground.clock.now().seconds()));
        assert_eq!(changed.published_at.map(Timestamp::seconds), Some(ground.clock.now().seconds()));
        assert_eq!(ground.server(0).serial(&zone.name), Some(changed.serial));
        let (set, lines, version) = ground
            .store
            .read(|tx| {
                Box::pin(async move {
                    let set = recordsets::by_name_type(tx, zone.id, &changed.name, RecordType::Soa).await?;
                    let lines = journal::since(tx, zone.id, Generation::FIRST).await?;
                    let version = versions::find(tx, zone.id, changed.serial).await?;
                    Ok::<_, StoreError>((set.unwrap(), lines, version))
                })
            })
            .await
            .unwrap();
        let text = format!("ns1.example.net. admin.example.org. {} 3600 600 86400 3600", changed.serial);
        assert_eq!(set.records, [text]);
        assert_eq!((lines.len(), lines[0].kind, version), (1, RecordType::Soa, Some(Generation::new(2))));
    });
}

#[test]
fn the_first_change_of_a_quiet_zone_does_not_wait_and_the_next_ones_share_a_serial() {
    run_paused(async {
        let ground = Ground::new().await;
        let window = Duration::from_secs(10);
        let config = WorkerConfig { batch_window: window, ..Config::default().worker };
        let _worker = ground.worker_with(config).await;
        let zone = ground.settled("example.org.").await;
        let begun = Instant::now();
        ground.change(&zone).await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));
        assert!(begun.elapsed() < Duration::from_secs(1));
        let first = ground.zone(&zone).await.unwrap().serial;

        for _ in 0..5 {
            ground.change(&zone).await;
            ground.nudge(&zone).await;
        }
        assert_eq!(ground.report(&zone).await, (7, Outcome::Propagated));
        assert!((window..window * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let stands = ground.zone(&zone).await.unwrap();
        assert_eq!(stands.progress.status, Status::Active);
        assert!(stands.serial.is_newer_than(first));
    });
}

#[test]
fn a_deleted_zone_is_gone_only_when_every_server_says_so() {
    run_paused(async {
        let ground = Ground::new().await;
        let _worker = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        ground.server(1).behave(Manner::Silent);
        ground.delete(&zone).await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (2, Outcome::Failed));
        let stands = ground.zone(&zone).await.unwrap().progress;
        assert_eq!((stands.action, stands.status), (Action::Delete, Status::Error));
        assert!(!ground.server(0).has_zone(&zone.name) && ground.server(1).has_zone(&zone.name));

        ground.server(1).behave(Manner::Normal);
        assert_eq!(ground.recover().await, 1);
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));
        assert!(!ground.server(1).has_zone(&zone.name));
        assert_eq!(ground.zone(&zone).await, None);
    });
}

#[test]
fn lost_nudges_and_failed_attempts_are_taken_up_at_growing_distances() {
    run_paused(async {
        let ground = Ground::new().await;
        let _worker = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        assert_eq!(ground.recover().await, 0, "nothing lags");

        ground.change(&zone).await;
        assert_eq!(ground.recover().await, 0, "its first attempt is given time");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(ground.recover().await, 1);
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));

        ground.server(0).behave(Manner::Silent);
        ground.change(&zone).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        let mut taken_up = Vec::new();
        for _ in 0..6 {
            let begun = Instant::now();
            while ground.recover().await == 0 {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            taken_up.push(begun.elapsed().as_secs());
            assert_eq!(ground.report(&zone).await, (3, Outcome::Failed));
        }
        // An attempt takes a minute, which covers the first pauses.
        assert_eq!(taken_up[..3], [0, 0, 0]);
        assert!(taken_up[5] >= 15, "{taken_up:?}");
        ground.server(0).behave(Manner::Normal);
        tokio::time::advance(Duration::from_secs(120)).await;
        assert_eq!(ground.recover().await, 1);
        assert_eq!(ground.report(&zone).await, (3, Outcome::Propagated));
    });
}

#[test]
fn zones_being_attended_to_do_not_hide_the_others_from_recovery() {
    run_paused(async {
        let ground = Ground::new().await;
        let _worker = ground.worker().await;
        let (attended, lost) = (ground.settled("a.example.").await, ground.settled("b.example.").await);
        ground.server(0).behave(Manner::Silent);
        ground.change(&attended).await;
        ground.nudge(&attended).await;
        tokio::time::advance(Duration::from_secs(1)).await;
        ground.change(&lost).await;
        tokio::time::advance(Duration::from_secs(6)).await;
        let only_one = async || {
            let message = recover_all(1);
            ground.transport.service_ref::<Worker>().call(&Cx::system(PATIENCE), message).await.unwrap().zones
        };
        assert_eq!((only_one().await, only_one().await), (0, 1));
    });
}

#[test]
fn a_pool_that_changes_is_used_as_it_is_now() {
    run_paused(async {
        let mut ground = Ground::new().await;
        let _worker = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        ground.pool.nameservers.push(nameserver(7));
        ground.put_pool().await;
        ground.server(7).add_zone(&zone.name);
        ground.change(&zone).await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));
        let serial = ground.zone(&zone).await.unwrap().serial;
        assert_eq!(ground.server(7).serial(&zone.name), Some(serial));
    });
}

#[test]
fn a_zone_stays_with_the_worker_that_has_it_until_that_is_gone() {
    run_paused(async {
        let ground = Ground::new().await;
        let first = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        let second = ground.worker().await;
        for generation in 2..6 {
            ground.change(&zone).await;
            ground.nudge(&zone).await;
            assert_eq!(ground.report(&zone).await, (generation, Outcome::Propagated));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let (id, now) = (zone.id, ground.clock.now());
        let holder = ground.store.read(|tx| Box::pin(async move { claims::holder(tx, id, now).await }));
        assert_eq!(
            holder.await.unwrap_or_else(|e: StoreError| panic!("{e}")),
            Some(first.service.core.instance)
        );

        first.leave().await;
        ground.change(&zone).await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (6, Outcome::Propagated));
        second.leave().await;
    });
}

#[test]
fn a_stopped_worker_leaves_its_zones_to_another() {
    run_paused(async {
        let ground = Ground::new().await;
        let first = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        ground.server(0).behave(Manner::Silent);
        ground.change(&zone).await;
        ground.nudge(&zone).await;
        ground.mdns.answered::<ZonePublished>(2).await;
        first.leave().await;

        let _second = ground.worker().await;
        ground.server(0).behave(Manner::Normal);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(ground.recover().await, 1);
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));
    });
}

#[test]
fn more_zones_than_permits_publish_at_once_and_propagate_in_turn() {
    run_paused(async {
        let ground = Ground::new().await;
        let config = WorkerConfig { max_propagations: 2, ..Config::default().worker };
        let _worker = ground.worker_with(config).await;
        let mut all = Vec::new();
        for number in 0..20 {
            all.push(ground.create(&format!("zone{number}.example.")).await);
        }
        ground.server(0).lag(Duration::from_secs(1));
        for zone in &all {
            ground.nudge(zone).await;
        }
        ground.mdns.answered::<ZonePublished>(20).await;
        assert!(ground.reports.lock().len() < 20);
        timeout(PATIENCE, ground.central.answered::<ReportZone>(20)).await.unwrap();
        assert!(ground.reports.lock().iter().all(|report| report.outcome == Outcome::Propagated));
    });
}

#[test]
fn a_pool_that_takes_the_id_of_a_deleted_one_is_not_taken_for_it() {
    run_paused(async {
        let mut ground = Ground::new().await;
        let _worker = ground.worker().await;
        let zone = ground.settled("example.org.").await;
        let id = ground.pool.id;
        ground
            .store
            .transact(|tx| Box::pin(async move { pools::delete(tx, id).await }))
            .await
            .map(drop)
            .unwrap_or_else(|error: StoreError| panic!("{error}"));
        ground.pool.nameservers = vec![nameserver(1)];
        ground.put_pool().await;

        ground.change(&zone).await;
        ground.nudge(&zone).await;
        assert_eq!(ground.report(&zone).await, (2, Outcome::Propagated));
        let answers = ground.reports.lock().last().unwrap().answers.clone();
        assert_eq!(answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ground.pool.nameservers[0].id]);
    });
}

#[test]
fn what_another_worker_finished_meanwhile_is_not_begun_or_gone_on_with() {
    run_paused(async {
        let ground = Ground::new().await;
        let config = WorkerConfig { max_propagations: 1, ..Config::default().worker };
        let worker = ground.worker_with(config).await;
        let desk = &worker.service.core.desk;
        let (first, rung, forgotten) = (
            ground.settled("first.example.").await,
            ground.settled("rung.example.").await,
            ground.settled("forgotten.example.").await,
        );
        let before = ground.reports.lock().len();
        ground.server(0).behave(Manner::Silent);
        // The first one has the only permit, the others wait for it.
        for zone in [&first, &rung, &forgotten] {
            ground.change(zone).await;
            ground.nudge(zone).await;
        }
        ground.mdns.answered::<ZonePublished>(6).await;
        let arrived = async |zone| {
            ground.alter(zone, |progress| progress.reported(Generation::new(2), Outcome::Propagated)).await;
        };
        for zone in [&first, &rung, &forgotten] {
            arrived(zone).await;
        }
        ground.nudge(&rung).await;
        until(|| !desk.attends(rung.id)).await;
        assert!(desk.attends(first.id) && desk.attends(forgotten.id));
        tokio::time::advance(Duration::from_secs(31)).await;
        ground.nudge(&first).await;
        until(|| !desk.attends(first.id)).await;
        until(|| !desk.attends(forgotten.id)).await;
        assert_eq!(ground.reports.lock().len(), before, "there was nothing to report");
    });
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

#[test]
fn zones_that_there_is_no_room_for_stay_due_and_are_taken_up_as_soon_as_there_is() {
    run_paused(async {
        let ground = Ground::new().await;
        let config = WorkerConfig { max_propagations: 1, ..Config::default().worker };
        let _worker = ground.worker_with(config).await;
        for number in 0..40 {
            ground.create(&format!("zone{number}.example.")).await;
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        let begun = Instant::now();
        let taken = ground.recover().await;
        let most = u32::try_from(DESK_FACTOR).unwrap();
        assert_eq!(taken, most * 2, "as many are attended to as stand in line");
        timeout(PATIENCE, ground.central.answered::<ReportZone>(most as usize * 2)).await.unwrap();
        assert_eq!(ground.recover().await, 40 - taken);
        timeout(PATIENCE, ground.central.answered::<ReportZone>(40)).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for a pause");
        assert!(ground.reports.lock().iter().all(|report| report.outcome == Outcome::Propagated));
    });
}
