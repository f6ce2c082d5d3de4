//! Which instances of which services are running.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::{InstanceId, ServiceStatusId};
use crate::domain::page::{Page, PageRequest, ServiceFilter, ServiceSortKey};
use crate::domain::service_status::{Health, ServiceStatus};
use crate::domain::tick::Tick;
use crate::rpcs;

rpcs! { Central;
    "heartbeat"              Heartbeat            => (),                  repeatable, key = instance;
    "get_service_status"     GetServiceStatus     => ServiceStatus,       repeatable;
    "find_service_statuses"  FindServiceStatuses  => Page<ServiceStatus>, repeatable;
    "sweep_service_statuses" SweepServiceStatuses => u64,                 repeatable;
}

/// A service says that it is there, or that it is going.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// `api`, `central` …
    pub service_name: String,
    /// The host it runs on.
    pub hostname: String,
    /// The running instance.
    pub instance: InstanceId,
    /// UP, WARNING or STOPPED.
    pub health: Health,
    /// Numbers it tells of itself.
    pub stats: BTreeMap<String, String>,
    /// What it can do.
    pub capabilities: BTreeMap<String, String>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetServiceStatus {
    /// Which.
    pub id: ServiceStatusId,
}

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindServiceStatuses {
    /// Which.
    pub filter: ServiceFilter,
    /// Which part, in which order.
    pub page: PageRequest<ServiceSortKey>,
}

/// Marks silent instances DOWN and removes rows of those long gone, for the producer. Answers how many rows changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepServiceStatuses {
    /// UP rows not heard of for so many seconds become DOWN.
    pub down_after: Option<u64>,
    /// STOPPED rows, and DOWN rows not heard of for so many seconds, are removed.
    pub remove_after: Option<u64>,
    /// The instances that hold a lease, if that is known: others that said they hold one become DOWN.
    pub leased: Option<Vec<InstanceId>>,
    /// The token of the first shard, claimed in the transaction.
    pub token: u64,
    /// Done once under this name.
    pub tick: Tick,
}
