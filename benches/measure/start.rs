//! How long a start takes with many zones, and what they take of memory.

use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use crate::seed;
use crate::support::dns::answer;
use crate::support::server::Server;
use crate::table::{Table, millis};

/// Address records of each zone.
const ADDRESSES: usize = 8;

/// Starts on databases of several sizes. The process is killed before, so it also recovers the database's log.
pub(crate) async fn measure(table: &mut Table) {
    for zones in [0, 1000, 10_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::dev(folder.path());
        server.kill();
        let store = seed::database(&folder.path().join("data")).await;
        for number in 0..zones {
            seed::zone(&store, &format!("zone{number}.example."), ADDRESSES, true).await;
        }
        drop(store);
        let begun = Instant::now();
        server.start_again();
        let took = begun.elapsed();
        if zones > 0 {
            let last = format!("host-7.zone{}.example.", zones - 1);
            let found = answer(&server.dns(), &last, RecordType::A, false).await;
            assert_eq!(found, Ok(vec![String::from("10.0.0.7")]));
        }
        table.row(
            format!("start with {zones} zones of {} recordsets, until it answers", ADDRESSES + 2),
            millis(took),
        );
        table.row(format!("… resident memory with {zones} zones"), resident(server.pid().unwrap()));
    }
}

fn resident(pid: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    format!("{:.0} MB", kilobytes / 1024.0)
}
