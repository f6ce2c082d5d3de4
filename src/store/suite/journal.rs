//! The journal and the versions that it reaches back to.

use super::Bench;
use super::fixtures::{at, line, ttl, zone};
use crate::domain::delta::JournalEntry;
use crate::domain::generation::Generation;
use crate::domain::ids::ZoneId;
use crate::domain::serial::Serial;
use crate::domain::zone::Zone;
use crate::store::repo::{journal, versions, zones};

const fn generation(number: u64) -> Generation {
    Generation::new(number)
}

/// A zone with lines of generations 2 to 4, of which 3 is published.
async fn with_lines(bench: &Bench) -> (Zone, Vec<JournalEntry>) {
    let mut zone = zone("example.org.");
    zone.progress.generation = generation(4);
    zone.progress.published = generation(3);
    let lines = vec![
        line(2, "z.example.org.", &[], &["192.0.2.1"]),
        line(2, "a.example.org.", &["192.0.2.2", "192.0.2.3"], &[]),
        line(3, "Z.example.org.", &["192.0.2.1"], &["192.0.2.4"]),
        line(4, "b.example.org.", &[], &["192.0.2.5"]),
    ];
    let (written, lines_written) = (&zone, &lines);
    bench
        .write(|tx| {
            Box::pin(async move {
                zones::insert(tx, written, at(1)).await?;
                // The second append continues a generation that has a line already.
                journal::append(tx, written.id, &lines_written[..1], at(10)).await?;
                journal::append(tx, written.id, &lines_written[1..], at(20)).await?;
                for n in 1..=3 {
                    versions::record(tx, written.id, Serial::new(100 + n), generation(n.into()), at(1))
                        .await?;
                }
                Ok(())
            })
        })
        .await;
    (zone, lines)
}

async fn since(bench: &Bench, zone: ZoneId, after: u64) -> Vec<JournalEntry> {
    bench.read(|tx| Box::pin(journal::since(tx, zone, generation(after)))).await
}

async fn version(bench: &Bench, zone: ZoneId, serial: u32) -> Option<Generation> {
    bench.read(|tx| Box::pin(versions::find(tx, zone, Serial::new(serial)))).await
}

/// Lines come back as written, in the order they were written in.
pub async fn lines_keep_their_order(bench: Bench) {
    let (zone, lines) = with_lines(&bench).await;
    assert_eq!(since(&bench, zone.id, 1).await, lines);
    let full = &[JournalEntry {
        before: super::fixtures::rrset(Some(ttl(0)), &["a"]),
        after: super::fixtures::rrset(Some(ttl(5)), &["\"b\"", "c"]),
        ..line(5, "c.example.org.", &[], &[])
    }];
    bench.write(|tx| Box::pin(journal::append(tx, zone.id, full, at(30)))).await;
    assert_eq!(since(&bench, zone.id, 4).await, full);
    assert!(since(&bench, ZoneId::random(), 0).await.is_empty());
}

/// A range of generations excludes its start, includes its end, and can be cut short.
pub async fn generations_are_cut_out(bench: Bench) {
    let (zone, lines) = with_lines(&bench).await;
    for (after, upto, limit, wanted) in [
        (1, 3, 9, &lines[..3]),
        (2, 3, 9, &lines[2..3]),
        (2, 9, 9, &lines[2..]),
        (1, 9, 2, &lines[..2]),
        (4, 9, 9, &[]),
    ] {
        let (after, upto) = (generation(after), generation(upto));
        let found = bench.read(|tx| Box::pin(journal::between(tx, zone.id, after, upto, limit))).await;
        assert_eq!(found, wanted);
    }
}

/// Versions are found as long as the lines that lead from them to the present one are there.
pub async fn trimming_forgets_versions_it_breaks(bench: Bench) {
    let (zone, lines) = with_lines(&bench).await;
    assert_eq!(version(&bench, zone.id, 102).await, Some(generation(2)));
    assert_eq!(version(&bench, zone.id, 999).await, None);
    let trimmable = bench.read(|tx| Box::pin(journal::trimmable(tx, at(15), 10))).await;
    assert_eq!(trimmable, [(zone.id, generation(2))]);
    bench.write(|tx| Box::pin(journal::trim(tx, zone.id, generation(2)))).await;
    assert_eq!(since(&bench, zone.id, 0).await, lines[2..]);
    assert_eq!(version(&bench, zone.id, 101).await, None);
    assert_eq!(version(&bench, zone.id, 102).await, Some(generation(2)));
    assert!(bench.read(|tx| Box::pin(journal::trimmable(tx, at(15), 10))).await.is_empty());
}

/// The newest lines are those to be kept where there are too many.
pub async fn the_newest_lines_have_a_horizon(bench: Bench) {
    let (zone, _) = with_lines(&bench).await;
    let full: Vec<_> = (10..14).map(|n| line(n, "w.example.org.", &[], &["192.0.2.1"])).collect();
    for (n, line) in (50..).zip(&full) {
        bench.write(|tx| Box::pin(journal::append(tx, zone.id, std::slice::from_ref(line), at(n)))).await;
    }
    let horizon = async |keep| bench.read(|tx| Box::pin(journal::horizon(tx, keep))).await;
    assert_eq!((horizon(1).await, horizon(4).await), (Some(at(53)), Some(at(50))));
    assert_eq!((horizon(0).await, horizon(1000).await), (None, None));
}

/// Lines that no serial shows yet are kept, whatever their age.
pub async fn unpublished_lines_are_not_trimmed(bench: Bench) {
    let (zone, lines) = with_lines(&bench).await;
    let trimmable = bench.read(|tx| Box::pin(journal::trimmable(tx, at(1000), 10))).await;
    assert_eq!(trimmable, [(zone.id, generation(3))]);
    bench.write(|tx| Box::pin(journal::trim(tx, zone.id, generation(9)))).await;
    assert_eq!(since(&bench, zone.id, 0).await, lines[3..]);
    assert_eq!(version(&bench, zone.id, 103).await, Some(generation(3)));
}

/// The journal has no lines for sets that follow the zone's TTL, so a new one ends what it can tell.
pub async fn another_default_ttl_forgets_versions(bench: Bench) {
    let (zone, _) = with_lines(&bench).await;
    let change = async |seconds: i64, publish: bool| {
        bench
            .write(|tx| {
                Box::pin(async move {
                    let mut zone = zones::lock(tx, zone.id).await?.unwrap();
                    zone.ttl = ttl(seconds);
                    zone.progress = zone.progress.changed();
                    if publish {
                        zone.progress = zone.progress.published();
                        let (serial, generation) = (Serial::new(104), zone.progress.generation);
                        versions::record(tx, zone.id, serial, generation, at(2)).await?;
                    }
                    zones::update(tx, &mut zone, at(2)).await
                })
            })
            .await;
    };
    change(60, false).await;
    change(3600, true).await;
    assert_eq!(version(&bench, zone.id, 102).await, Some(generation(2)));
    change(60, true).await;
    assert_eq!(version(&bench, zone.id, 102).await, None);
    assert_eq!(version(&bench, zone.id, 104).await, Some(generation(7)));
}
