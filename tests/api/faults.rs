//! Others are told of requests that fail, if they want to be.

use std::time::Duration;

use ordain::config::NotificationDriver;
use ordain::testing::Wire;
use serde_json::json;

use crate::support::{Rig, on_every_wire};

on_every_wire!(failures_are_told_if_asked_for);

const UNKNOWN: &str = "/v2/zones/5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a?x=1";

fn failures_are_told_if_asked_for(wire: &Wire) {
    wire.run(async {
        for wanted in [true, false] {
            let rig = Rig::configured(wire, |config| {
                config.notifications.driver = NotificationDriver::Log;
                config.notifications.interval = Duration::from_secs(1_000_000);
                config.notifications.api_faults = wanted;
            })
            .await;
            rig.member().get(UNKNOWN).await.refused(404, "zone_not_found");
            // Something that is told in any case, after it.
            rig.member().zone("a.example.").await;
            let fault = json!({
                "url": format!("http://dns.example{UNKNOWN}"), "status": 404,
                "exception": "zone_not_found: Could not find Zone",
            });
            rig.world
                .until("others to be told", async || {
                    let told = rig.told().await;
                    let faults: Vec<_> = told
                        .iter()
                        .filter(|(event, _)| event == "dns.api.fault")
                        .map(|(_, said)| said)
                        .collect();
                    assert!(faults.is_empty() || faults == [&fault], "{faults:?}");
                    Ok(faults.is_empty() != wanted && told.len() > usize::from(wanted))
                })
                .await
                .unwrap();
        }
    });
}
