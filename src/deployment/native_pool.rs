//! The pool that a deployment without a pool file serves zones from: its own name server.
//!
//! Invariants: a pool that an operator described is never touched; the one made here follows the address that the name
//! server listens on, unless there may be other processes with name servers of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::pool_file::{NameserverSpec, NsRecordSpec, PoolSpec, TargetSpec};
use crate::config::{Config, TransportKind};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;
use crate::domain::pool::Pool;
use crate::store::repo::pools;
use crate::store::{Store, StoreError};

/// The name of the pool made here.
const NAME: &str = "default";
/// The NS record of its zones; a name reserved for such use (RFC 6761).
const NAMESERVER: &str = "ns1.ordain.test.";

/// What the pools should be: one of our own name server, unless there are others or no name server listens here.
pub(super) async fn wanted(
    store: &Store,
    config: &Config,
    listening: &[SocketAddr],
) -> Result<Vec<PoolSpec>, StoreError> {
    let known = store.read(|tx| Box::pin(pools::list(tx))).await?;
    let alone = config.transport.kind != TransportKind::Amqp;
    let ours = |pool: &Pool| {
        alone && pool.name == NAME && pool.targets.iter().all(|target| target.driver == "native")
    };
    if listening.is_empty() || !known.iter().all(ours) {
        return Ok(Vec::new());
    }
    let nameservers =
        listening.iter().map(|at| NameserverSpec { at: reachable(*at), tsigkey_id: None }).collect();
    let ns_records = match known.first() {
        // Whatever it shows by now is the operator's choice.
        Some(_) => None,
        None => Name::parse(NAMESERVER).ok().map(|hostname| vec![NsRecordSpec { hostname, priority: 1 }]),
    };
    let target = TargetSpec {
        driver: "native".to_owned(),
        description: None,
        masters: Vec::new(),
        options: std::collections::BTreeMap::default(),
        tsigkey_id: None,
    };
    Ok(vec![PoolSpec {
        id: Some(config.central.default_pool_id),
        name: NAME.to_owned(),
        description: None,
        attributes: None,
        ns_records,
        nameservers: Some(nameservers),
        targets: Some(vec![target]),
        also_notifies: None,
        catalog_zone: None,
    }])
}

/// The address at which this machine reaches a listener.
fn reachable(at: SocketAddr) -> HostPort {
    let ip = match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    HostPort::new(ip.to_string(), at.port())
}
