//! Limits of projects: the messages of [`super::api::quotas`].
//!
//! Invariants: another project's limits are for those who switched on all projects, whatever their role; taking them back
//! to the defaults is not. With the driver `noop` limits of projects are neither kept nor looked at.

use super::api::quotas::{GetProjectQuotas, ResetQuotas, SetQuotas};
use super::error::CentralError;
use super::{CentralService, refusals};
use crate::domain::ids::ProjectId;
use crate::domain::policy::{Rule, Target};
use crate::domain::quota::Quotas;
use crate::store::repo::quotas;
use crate::transport::{Cx, Fault, Handle};

impl Handle<GetProjectQuotas> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetProjectQuotas) -> Result<Quotas, Fault> {
        self.allow(cx, Rule::GetQuotas, &Target::owned_by(Some(&m.project)))?;
        own_or_all(cx, &m.project)?;
        let (project, rules) = (&m.project, self.config.quota_rules());
        let read = self.store.read(|tx| {
            Box::pin(async move { Ok::<_, CentralError>(quotas::effective(tx, project, rules).await?) })
        });
        Ok(read.await?)
    }
}

impl Handle<SetQuotas> for CentralService {
    async fn handle(&self, cx: &Cx, m: SetQuotas) -> Result<Quotas, Fault> {
        self.allow(cx, Rule::SetQuota, &Target::owned_by(Some(&m.project)))?;
        own_or_all(cx, &m.project)?;
        self.once::<SetQuotas, _, _>(cx, |tx| {
            Box::pin(async {
                let rules = self.config.quota_rules();
                for (resource, limit) in m.limits.iter().filter(|_| rules.per_project) {
                    quotas::set(tx, &m.project, *resource, *limit).await?;
                }
                Ok(quotas::effective(tx, &m.project, rules).await?)
            })
        })
        .await
    }
}

impl Handle<ResetQuotas> for CentralService {
    async fn handle(&self, cx: &Cx, m: ResetQuotas) -> Result<(), Fault> {
        self.allow(cx, Rule::ResetQuotas, &Target::owned_by(Some(&m.project)))?;
        self.once::<ResetQuotas, _, _>(cx, |tx| Box::pin(async { Ok(quotas::reset(tx, &m.project).await?) }))
            .await
    }
}

/// Refuses another project's limits.
fn own_or_all(cx: &Cx, project: &ProjectId) -> Result<(), Fault> {
    let own = cx.caller.project.as_ref() == Some(project);
    if own || cx.caller.flags.all_projects || cx.caller.system {
        return Ok(());
    }
    Err(match cx.caller.project {
        Some(_) => refusals::forbidden(),
        None => refusals::missing_project(),
    })
}
