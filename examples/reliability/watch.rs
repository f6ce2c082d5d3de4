//! Looks at serials all the time: on no name server may one ever go back.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::dns;
use crate::load::Load;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(25);

/// The newest serials seen.
#[derive(Debug, Default)]
pub(crate) struct Serials {
    seen: Mutex<HashMap<(SocketAddr, String), u32>>,
    questions: Mutex<u64>,
}

impl Serials {
    /// Notes a serial; what is wrong with it.
    pub(crate) fn note(&self, server: SocketAddr, zone: &str, serial: u32) -> Option<String> {
        let before = self.seen.lock().insert((server, zone.to_owned()), serial)?;
        // RFC 1982, section 3.2: further ahead than half of the circle is behind.
        let ahead = serial.wrapping_sub(before);
        (ahead > u32::MAX / 2).then(|| format!("{zone} at {server} went back from {before} to {serial}"))
    }

    /// How often it was asked.
    pub(crate) fn questions(&self) -> u64 {
        *self.questions.lock()
    }

    /// Asks each server for one zone after the other.
    pub(crate) async fn watch(
        self: Arc<Self>,
        load: Arc<Load>,
        servers: Vec<SocketAddr>,
        stop: CancellationToken,
    ) {
        let mut tick = interval(PAUSE);
        for number in 0.. {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            let Some(zone) = load.oracle.lock().some_zone(number) else { continue };
            for server in &servers {
                if let Ok(Some(serial)) = dns::serial(*server, &zone).await {
                    *self.questions.lock() += 1;
                    load.wrong.lock().extend(self.note(*server, &zone, serial));
                }
            }
        }
    }
}
