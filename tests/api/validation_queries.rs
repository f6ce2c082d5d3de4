//! The rules for filters, as a client meets them.

use ordain::testing::Wire;

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    filters_have_no_nul_character,
    filters_of_any_length_are_answered_or_refused,
    an_unknown_filter_and_one_given_twice_are_refused
);

const ZONES: [&str; 6] = ["name", "type", "email", "status", "description", "ttl"];
const RECORDSETS: [&str; 6] = ["name", "type", "ttl", "data", "status", "description"];
const SERVICES: [&str; 3] = ["hostname", "service_name", "status"];

/// Every list with its filters, on a zone with records.
async fn lists(rig: &Rig) -> Vec<(String, Vec<&'static str>)> {
    let zone = rig.admin().zone("example.org.").await;
    rig.admin().recordset(&zone, "www.example.org.", "TXT", &["a"]).await;
    vec![
        ("/v2/zones".into(), ZONES.to_vec()),
        ("/v2/recordsets".into(), RECORDSETS.to_vec()),
        (format!("/v2/zones/{zone}/recordsets"), RECORDSETS.to_vec()),
        ("/v2/service_statuses".into(), SERVICES.to_vec()),
    ]
}

fn filters_have_no_nul_character(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        for (path, filters) in lists(&rig).await {
            for filter in filters {
                for value in ["%00", "a%00b", "*%00"] {
                    rig.admin().get(&format!("{path}?{filter}={value}")).await.refused(400, "bad_request");
                }
            }
            rig.admin().get(&format!("{path}?%00=a")).await.refused(400, "bad_request");
            rig.admin().get(&format!("{path}?marker=%00")).await.refused(400, "invalid_marker");
            rig.admin().get(&format!("{path}?limit=1%00")).await.refused(400, "invalid_limit");
            rig.admin().get(&format!("{path}?sort_key=%00")).await.refused(400, "invalid_sort_key");
            rig.admin().get(&format!("{path}?sort_dir=%00")).await.refused(400, "invalid_sort_dir");
        }
    });
}

fn filters_of_any_length_are_answered_or_refused(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        // What a pattern stands for may be longer than it is: brackets are written as three characters.
        let longest = format!("*{}", "%5B".repeat(8191));
        let wild = "*a".repeat(64);
        let literal = "b".repeat(20_000);
        for (path, filters) in lists(&rig).await {
            let collection = path.rsplit('/').next().unwrap().to_owned();
            for filter in filters {
                for value in [&longest, &wild, &literal] {
                    let got = rig.admin().get(&format!("{path}?{filter}={value}")).await;
                    assert_eq!(got.status, 200, "{filter}: {:.300}", got.text);
                    assert_eq!(got.body[&collection].as_array().unwrap().len(), 0, "{filter}");
                }
                for value in [format!("{longest}a"), format!("{wild}*")] {
                    rig.admin().get(&format!("{path}?{filter}={value}")).await.refused(400, "bad_request");
                }
            }
        }
    });
}

fn an_unknown_filter_and_one_given_twice_are_refused(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        for (path, filters) in lists(&rig).await {
            for query in ["colour=red".to_owned(), format!("{0}=a&{0}=b", filters[0]), "LIMIT=1".to_owned()] {
                rig.admin().get(&format!("{path}?{query}")).await.refused(400, "bad_request");
            }
        }
    });
}
