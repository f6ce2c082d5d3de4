//! Which module may know which: imports go downward, and sideways only where a contract says so.
//!
//! 5 deployment, main, testing / 4 http, actors, dns (server side) / 3 store, transport, remote, dns::client, dns::convert /
//! 2 domain, clock, telemetry, health, config / 1 coordinator, a crate of its own.

/// Services among the actors: each has a contract in its `api` module, everything else in it is its own affair.
const SERVICES: [&str; 6] = ["api", "central", "worker", "producer", "mdns", "sink"];
/// Parts of `dns` that the actors above may use: they speak DNS and know nothing of serving what is stored.
const DNS_BELOW: [&str; 4] = ["client", "convert", "fake_server", "tsig"];

/// The floor of a module path; `None` if it is no module of ours but an item at the crate's root.
fn floor(path: &[String]) -> Option<u8> {
    Some(match path.first()?.as_str() {
        "deployment" | "main" | "testing" | "cli" => 5,
        "dns" if path.get(1).is_some_and(|part| DNS_BELOW.contains(&part.as_str())) => 3,
        "http" | "actors" | "dns" => 4,
        "store" | "transport" | "remote" => 3,
        "domain" | "clock" | "telemetry" | "health" | "config" | "config_load" => 2,
        "coordinator!" => 1,
        _ => return None,
    })
}

fn service(path: &[String]) -> Option<&str> {
    let name = path.get(1)?.as_str();
    (path[0] == "actors" && SERVICES.contains(&name)).then_some(name)
}

fn is_contract(path: &[String]) -> bool {
    service(path).is_some() && path.get(2).is_some_and(|part| part == "api")
}

/// Says what is wrong with `from` naming `to`, if anything is.
pub(crate) fn breach(from: &[String], to: &[String]) -> Option<String> {
    let (from_floor, to_floor) = (floor(from)?, floor(to)?);
    let (upper, lower) = (from[0].as_str(), to[0].as_str());
    if to_floor > from_floor {
        return Some(format!("floor {from_floor} must not know floor {to_floor}"));
    }
    if lower == "coordinator!"
        && upper != "deployment"
        && upper != "testing"
        && service(from) != Some("producer")
    {
        return Some("only the producer and the deployment know the coordinator".into());
    }
    if upper == "domain" && lower != "domain" {
        return Some("domain is pure".into());
    }
    if from_floor != to_floor || from_floor == 5 || from_floor == 2 {
        return None;
    }
    if upper == "actors" && lower == "actors" {
        let (own, other) = (service(from), service(to));
        let foreign = other.is_some() && own != other;
        return (foreign && !is_contract(to)).then(|| "an actor knows another one's api only".into());
    }
    // The name server is an actor: the service drives what `dns` can do, and `dns` knows nothing of it.
    if service(from) == Some("mdns") && lower == "dns" {
        return None;
    }
    (upper != lower && !is_contract(to)).then(|| "siblings meet in actors/*/api only".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split("::").map(String::from).collect()
    }

    #[test]
    fn downward_and_contracts_are_fine() {
        for (from, to) in [
            ("deployment", "http::v2"),
            ("testing::world", "deployment"),
            ("http::v2::zones", "actors::central::api"),
            ("http::v2::zones", "transport::service_ref"),
            ("actors::central::zones", "store::repo"),
            ("actors::central::zones", "actors::worker::api"),
            ("actors::central::zones", "actors::central::serials"),
            ("actors::central::zones", "actors::lifecycle"),
            ("actors::worker::poll", "dns::client"),
            ("actors::mdns::loading", "dns::catalog"),
            ("actors::producer::ownership", "coordinator!::Lease"),
            ("dns::server", "actors::mdns::api"),
            ("dns::server", "dns::convert"),
            ("dns::client", "clock"),
            ("config_load", "config::Mistake"),
            ("telemetry", "config"),
            ("config", "domain::ids"),
            ("store::repo", "SomeMacro"),
            ("http::auth::keystone", "remote::keystone"),
        ] {
            assert_eq!(breach(&path(from), &path(to)), None, "{from} -> {to}");
        }
    }

    #[test]
    fn breaches_are_found() {
        for (from, to) in [
            ("transport::host", "actors::central::api"),
            ("transport::host", "store"),
            ("store::repo", "transport::fault"),
            ("store::repo", "http"),
            ("store", "dns::client"),
            ("store", "remote::http"),
            ("domain::zone", "clock::Clock"),
            ("domain::zone", "config"),
            ("domain::zone", "store"),
            ("clock", "transport"),
            ("http::v2", "actors::central::zones"),
            ("http::v2", "dns::server"),
            ("actors::central", "http::error"),
            ("actors::central", "actors::worker::poll"),
            ("actors::lifecycle", "actors::worker::poll"),
            ("actors::worker", "dns::server"),
            ("dns::convert", "dns::server"),
            ("dns::server", "actors::worker::poll"),
            ("http::v2", "deployment"),
            ("actors::worker", "coordinator!::Lease"),
            ("actors::worker", "testing::world"),
        ] {
            assert!(breach(&path(from), &path(to)).is_some(), "{from} -> {to}");
        }
    }
}
