//! Numbers for admins: the messages of [`super::api::reports`].

use super::CentralService;
use super::api::reports::{Count, Counted, FindTenants, GetTenant};
use super::authorize::scope;
use super::error::CentralError;
use crate::domain::ids::ProjectId;
use crate::domain::name::Name;
use crate::domain::policy::{Rule, Target};
use crate::store::repo::reports;
use crate::transport::{Cx, Fault, Handle};

impl Handle<Count> for CentralService {
    async fn handle(&self, cx: &Cx, m: Count) -> Result<u64, Fault> {
        let rule = match m.what {
            Counted::Zones | Counted::ZonesDelayedNotify => Rule::CountZones,
            Counted::Records => Rule::CountRecords,
            Counted::Tenants => Rule::CountTenants,
        };
        self.allow(cx, rule, &Target::default())?;
        let scope = scope(cx);
        let count = self.store.read(|tx| {
            Box::pin(async {
                Ok::<_, CentralError>(match m.what {
                    Counted::Zones => reports::zones(tx, &scope).await?,
                    Counted::ZonesDelayedNotify => reports::unpublished(tx, &scope).await?,
                    Counted::Records => reports::records(tx, &scope).await?,
                    Counted::Tenants => reports::projects(tx, &scope).await?,
                })
            })
        });
        Ok(count.await?)
    }
}

impl Handle<FindTenants> for CentralService {
    async fn handle(&self, cx: &Cx, _: FindTenants) -> Result<Vec<(ProjectId, u64)>, Fault> {
        self.allow(cx, Rule::FindTenants, &Target::default())?;
        let scope = scope(cx);
        let find = self.store.read(|tx| {
            Box::pin(async { Ok::<_, CentralError>(reports::zones_by_project(tx, &scope).await?) })
        });
        Ok(find.await?)
    }
}

impl Handle<GetTenant> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetTenant) -> Result<Vec<Name>, Fault> {
        self.allow(cx, Rule::GetTenant, &Target::owned_by(Some(&m.project)))?;
        let project = &m.project;
        let find = self.store.read(|tx| {
            Box::pin(async move { Ok::<_, CentralError>(reports::zone_names(tx, project).await?) })
        });
        Ok(find.await?)
    }
}
