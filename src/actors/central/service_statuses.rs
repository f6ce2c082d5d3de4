//! Service statuses: the messages of [`super::api::services`].
//!
//! Invariants: times are this service's clock, never the sender's, so that hosts' clocks need not agree.

use std::time::Duration;

use super::api::services::{FindServiceStatuses, GetServiceStatus, Heartbeat, SweepServiceStatuses};
use super::error::CentralError;
use super::{CentralService, refusals};
use crate::domain::ids::ServiceStatusId;
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::domain::service_status::ServiceStatus;
use crate::store::repo::{fences, inbox, statuses};
use crate::transport::{Cx, Fault, Handle};

/// A sign of life that is younger than this may be of an instance whose lease is younger than the list of leases.
const SETTLING: Duration = Duration::from_secs(2);

impl Handle<Heartbeat> for CentralService {
    async fn handle(&self, cx: &Cx, m: Heartbeat) -> Result<(), Fault> {
        self.allow(cx, Rule::UpdateServiceStatus, &Target::default())?;
        let now = self.clock.now();
        let beat = ServiceStatus {
            id: ServiceStatusId::random(),
            service_name: m.service_name,
            hostname: m.hostname,
            instance: m.instance,
            health: m.health,
            stats: m.stats,
            capabilities: m.capabilities,
            heartbeated_at: now,
            created_at: now,
            updated_at: Some(now),
        };
        self.store
            .transact(|tx| Box::pin(async { Ok::<_, CentralError>(statuses::heartbeat(tx, &beat).await?) }))
            .await?;
        Ok(())
    }
}

impl Handle<GetServiceStatus> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetServiceStatus) -> Result<ServiceStatus, Fault> {
        self.allow(cx, Rule::FindServiceStatus, &Target::default())?;
        let found = self
            .store
            .read(|tx| Box::pin(async move { Ok::<_, CentralError>(statuses::get(tx, m.id).await?) }))
            .await?;
        found.ok_or_else(refusals::service_status_not_found)
    }
}

impl Handle<FindServiceStatuses> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindServiceStatuses) -> Result<Page<ServiceStatus>, Fault> {
        self.allow(cx, Rule::FindServiceStatuses, &Target::default())?;
        let page = self
            .store
            .read(|tx| {
                Box::pin(async { Ok::<_, CentralError>(statuses::find(tx, &m.filter, &m.page).await?) })
            })
            .await?;
        Ok(page)
    }
}

impl Handle<SweepServiceStatuses> for CentralService {
    async fn handle(&self, cx: &Cx, m: SweepServiceStatuses) -> Result<u64, Fault> {
        self.allow(cx, Rule::DeleteServiceStatus, &Target::default())?;
        let now = self.clock.now();
        let before = |seconds: Option<u64>| seconds.map(|s| now.minus(Duration::from_secs(s)));
        let (silent_since, gone_since) = (before(m.down_after), before(m.remove_after));
        let m = &m;
        let swept = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    fences::claim(tx, "service_statuses", m.token).await?;
                    if !inbox::claim(tx, m.tick.as_str(), now).await? {
                        return Ok(0);
                    }
                    let lost = match &m.leased {
                        Some(leased) => statuses::mark_lost(tx, leased, now.minus(SETTLING), now).await?,
                        None => 0,
                    };
                    let down = match silent_since {
                        Some(since) => statuses::mark_down(tx, since, now).await?,
                        None => 0,
                    };
                    let removed = match gone_since {
                        Some(since) => statuses::remove_gone(tx, since).await?,
                        None => 0,
                    };
                    Ok::<_, CentralError>(lost + down + removed)
                })
            })
            .await?;
        Ok(swept)
    }
}
