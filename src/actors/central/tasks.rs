//! Imports and exports as durable jobs: the messages of [`super::api::tasks`], save the file.
//!
//! Invariants: a job is a row before it is accepted; whoever dies at it, it is taken up again once its hold is over; what it
//! does and that it is done are one transaction, so it is done once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::admission::Privileges;
use super::api::tasks::{CreateExport, CreateImport, DeleteTask, FindTasks, GetTask, RunTasks};
use super::authorize::scope;
use super::error::CentralError;
use super::notify::{Event, resource};
use super::{CentralService, admission, import, refusals};
use crate::domain::identity::Identity;
use crate::domain::ids::TaskId;
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::domain::quota::Resource;
use crate::domain::task::{Task, TaskKind, TaskOutcome, TaskStatus};
use crate::store::Tx;
use crate::store::repo::tasks::Held;
use crate::store::repo::{fences, quotas, tasks, zones};
use crate::transport::{Cx, Fault, FaultCode, Handle};

/// How long a job is held by whoever works on it.
const HOLD: Duration = Duration::from_secs(60);
/// Holds of a job that came to nothing before it is given up: whatever it is, it ends those who work on it.
const MOST_HOLDS: u64 = 10;
/// Jobs under way at once in this central.
pub(super) const AT_ONCE: usize = 4;

/// What an import needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ImportOrder {
    pub(super) request: CreateImport,
    pub(super) caller: Identity,
    pub(super) privileges: Privileges,
}

impl Handle<CreateImport> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateImport) -> Result<Task, Fault> {
        self.allow(cx, Rule::CreateZoneImport, &Target::owned_by(cx.caller.project.as_ref()))?;
        let order = ImportOrder { request: m, caller: (*cx.caller).clone(), privileges: self.privileges(cx) };
        let body = serde_json::to_string(&order)
            .map_err(|error| Fault::internal("unknown", format!("the order cannot be kept: {error}")))?;
        let task = self.new_task(cx, TaskKind::Import)?;
        let limits = self.limits();
        let accepted = self
            .once::<CreateImport, _, _>(cx, |tx| {
                Box::pin(async {
                    // What it asks of a pool is told at once to be in vain.
                    let attributes = &order.request.attributes;
                    if !attributes.is_empty() {
                        admission::pool_for(tx, &limits, order.privileges, attributes).await?;
                    }
                    Ok(self.accept(tx, cx, &task, &body).await?)
                })
            })
            .await?;
        self.begin(accepted.id);
        Ok(accepted)
    }
}

impl Handle<CreateExport> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateExport) -> Result<Task, Fault> {
        let zone = self.visible_zone(cx, m.zone_id).await?;
        self.allow_zone(cx, Rule::GetZone, &zone)?;
        self.allow_zone(cx, Rule::CreateZoneExport, &zone)?;
        let task = Task { zone_id: Some(zone.id), ..self.new_task(cx, TaskKind::Export)? };
        let accepted = self
            .once::<CreateExport, _, _>(cx, |tx| {
                Box::pin(async {
                    let zone = zones::get_any(tx, m.zone_id).await?.ok_or_else(refusals::zone_not_found)?;
                    if let Some(owner) = &zone.project_id {
                        let quotas = quotas::effective(tx, owner, self.config.quota_rules()).await?;
                        let over = quotas.exceeded(&[(Resource::ApiExportSize, zone.recordset_count)]);
                        if !over.is_empty() {
                            return Err(refusals::over_quota(&over).into());
                        }
                    }
                    Ok(self.accept(tx, cx, &task, "").await?)
                })
            })
            .await?;
        self.begin(accepted.id);
        Ok(accepted)
    }
}

impl Handle<GetTask> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetTask) -> Result<Task, Fault> {
        let rule = match m.kind {
            TaskKind::Import => Rule::GetZoneImport,
            TaskKind::Export => Rule::GetZoneExport,
        };
        self.allow(cx, rule, &Target::owned_by(cx.caller.project.as_ref()))?;
        self.task(cx, m.kind, m.id).await
    }
}

impl Handle<FindTasks> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindTasks) -> Result<Page<Task>, Fault> {
        let rule = match m.kind {
            TaskKind::Import => Rule::FindZoneImports,
            TaskKind::Export => Rule::FindZoneExports,
        };
        self.allow(cx, rule, &Target::owned_by(cx.caller.project.as_ref()))?;
        let scope = scope(cx);
        let find = self.store.read(|tx| {
            Box::pin(async {
                Ok::<_, CentralError>(tasks::find(tx, m.kind, &scope, &m.filter, &m.page).await?)
            })
        });
        Ok(find.await?)
    }
}

impl Handle<DeleteTask> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteTask) -> Result<(), Fault> {
        let (rule, event) = match m.kind {
            TaskKind::Import => (Rule::DeleteZoneImport, "dns.zone_import.delete"),
            TaskKind::Export => (Rule::DeleteZoneExport, "dns.zone_export.delete"),
        };
        self.allow(cx, rule, &Target::owned_by(cx.caller.project.as_ref()))?;
        let (scope, now) = (scope(cx), self.clock.now());
        self.once::<DeleteTask, _, _>(cx, |tx| {
            Box::pin(async {
                let task = tasks::get(tx, m.kind, m.id, &scope).await?;
                let task = task.ok_or_else(|| refusals::task_not_found(m.kind))?;
                tasks::delete(tx, m.id).await?;
                self.emit(tx, cx, Event::of(event, resource::task(&task)), now).await?;
                Ok(())
            })
        })
        .await
    }
}

impl Handle<RunTasks> for CentralService {
    async fn handle(&self, cx: &Cx, m: RunTasks) -> Result<u64, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let now = self.clock.now();
        let free = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    fences::claim(tx, "tasks", m.token).await?;
                    Ok::<_, CentralError>(tasks::free(tx, now, m.limit).await?)
                })
            })
            .await?;
        let mut taken = 0;
        for id in free {
            taken += u64::from(self.run(id).await?);
        }
        Ok(taken)
    }
}

impl CentralService {
    /// The job, if it is the caller's project's; otherwise it does not exist.
    pub(super) async fn task(&self, cx: &Cx, kind: TaskKind, id: TaskId) -> Result<Task, Fault> {
        let scope = scope(cx);
        let get = self
            .store
            .read(|tx| Box::pin(async { Ok::<_, CentralError>(tasks::get(tx, kind, id, &scope).await?) }));
        get.await?.ok_or_else(|| refusals::task_not_found(kind))
    }

    fn new_task(&self, cx: &Cx, kind: TaskKind) -> Result<Task, Fault> {
        Ok(Task {
            id: TaskId::random(),
            kind,
            project_id: Some(cx.caller.project.clone().ok_or_else(refusals::missing_project)?),
            zone_id: None,
            status: TaskStatus::Pending,
            message: None,
            location: None,
            version: 1,
            created_at: self.clock.now(),
            updated_at: None,
        })
    }

    async fn accept(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        task: &Task,
        body: &str,
    ) -> Result<Task, crate::store::StoreError> {
        tasks::insert(tx, task, body).await?;
        let event = match task.kind {
            TaskKind::Import => "dns.zone_import.create",
            TaskKind::Export => "dns.zone_export.create",
        };
        self.emit(tx, cx, Event::of(event, resource::task(task)), task.created_at).await?;
        Ok(task.clone())
    }

    /// Does a job here and now; if this central ends before, another one does it.
    fn begin(&self, id: TaskId) {
        let central = self.clone();
        tokio::spawn(async move {
            let Ok(_permit) = central.jobs.acquire().await else { return };
            if let Err(fault) = central.run(id).await {
                tracing::info!(task = %id, %fault, "a job is left for later");
            }
        });
    }

    /// Does a job unless somebody else is at it; answers whether it was taken up.
    async fn run(&self, id: TaskId) -> Result<bool, Fault> {
        let now = self.clock.now();
        let held = self
            .store
            .transact(|tx| {
                Box::pin(
                    async move { Ok::<_, CentralError>(tasks::hold(tx, id, now, now.plus(HOLD)).await?) },
                )
            })
            .await?;
        let Some(held) = held else { return Ok(false) };
        let order = match held.task.kind {
            _ if held.hold > MOST_HOLDS => Err(Fault::internal("unknown", "it was tried too often")),
            TaskKind::Import => serde_json::from_str::<ImportOrder>(&held.body)
                .map(Some)
                .map_err(|error| Fault::internal("unknown", error.to_string())),
            TaskKind::Export => Ok(None),
        };
        let done = match &order {
            Ok(Some(order)) => self.import(&held, order).await,
            Ok(None) => self.export(&held).await,
            Err(fault) => Err(fault.clone()),
        };
        let caller = order.ok().flatten().map_or_else(Identity::system, |order| order.caller);
        match done {
            Ok(()) => Ok(true),
            Err(fault) if is_passing(&fault) => Err(fault),
            Err(fault) => {
                let outcome = TaskOutcome {
                    status: TaskStatus::Error,
                    message: Some(import::message(&fault)),
                    zone_id: None,
                    location: None,
                };
                let cx = Cx::new(caller, HOLD);
                self.store
                    .transact(|tx| Box::pin(async { self.settle(tx, &cx, &held, &outcome).await }))
                    .await?;
                Ok(true)
            }
        }
    }

    /// Writes what became of a job, in the transaction that does it.
    pub(super) async fn settle(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        held: &Held,
        outcome: &TaskOutcome,
    ) -> Result<(), CentralError> {
        let now = self.clock.now();
        let Some(task) = tasks::finish(tx, held.task.id, held.hold, outcome, now).await? else {
            return Err(Fault::unavailable("taken_over", "somebody else has the job, or it is gone").into());
        };
        let event = match task.kind {
            TaskKind::Import => "dns.zone_import.update",
            TaskKind::Export => "dns.zone_export.update",
        };
        self.emit(tx, cx, Event::of(event, resource::task(&task)), now).await?;
        Ok(())
    }

    /// Makes an export available, if its zone is there and not too large.
    async fn export(&self, held: &Held) -> Result<(), Fault> {
        let cx = Cx::new(Identity::system(), HOLD);
        let id = held.task.id;
        self.store
            .transact(|tx| {
                Box::pin(async {
                    let zone = match held.task.zone_id {
                        Some(zone) => zones::get_any(tx, zone).await?,
                        None => None,
                    };
                    let zone = zone.ok_or_else(refusals::zone_not_found)?;
                    let quotas = match &zone.project_id {
                        Some(owner) => quotas::effective(tx, owner, self.config.quota_rules()).await?,
                        None => self.config.quotas,
                    };
                    if !quotas.exceeded(&[(Resource::ApiExportSize, zone.recordset_count)]).is_empty() {
                        return Err(refusals::too_large_to_export().into());
                    }
                    let outcome = TaskOutcome {
                        status: TaskStatus::Complete,
                        message: None,
                        zone_id: None,
                        location: Some(format!("designate://v2/zones/tasks/exports/{id}/export")),
                    };
                    self.settle(tx, &cx, held, &outcome).await
                })
            })
            .await?;
        Ok(())
    }
}

/// True if waiting can help.
fn is_passing(fault: &Fault) -> bool {
    matches!(fault.code, FaultCode::Unavailable | FaultCode::Timeout | FaultCode::Overloaded)
}
