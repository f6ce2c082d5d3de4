//! Imports and exports of zones: durable jobs, and the file of an export.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::generation::Generation;
use crate::domain::ids::{TaskId, ZoneId};
use crate::domain::name::Name;
use crate::domain::page::{Page, PageRequest, PlainSortKey, TaskFilter};
use crate::domain::record_type::RecordType;
use crate::domain::task::{Task, TaskKind};
use crate::rpcs;

rpcs! { Central;
    "create_import" CreateImport => Task,       once;
    "create_export" CreateExport => Task,       once;
    "get_task"      GetTask      => Task,       repeatable;
    "find_tasks"    FindTasks    => Page<Task>, repeatable;
    "delete_task"   DeleteTask   => (),         once, key = id;
    "run_tasks"     RunTasks     => u64,        repeatable;
    "read_export"   ReadExport   => ExportPart, repeatable;
}

/// Makes a zone of a file, some time. Answers the job as PENDING.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateImport {
    /// The file.
    pub zonefile: String,
    /// Hints for the scheduler.
    pub attributes: BTreeMap<String, String>,
}

/// Makes a file of a zone, some time. Answers the job as PENDING.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateExport {
    /// The zone.
    pub zone_id: ZoneId,
}

/// One job of the caller's project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTask {
    /// Of which kind.
    pub kind: TaskKind,
    /// Which.
    pub id: TaskId,
}

/// A page of the jobs of the caller's project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindTasks {
    /// Of which kind.
    pub kind: TaskKind,
    /// Which.
    pub filter: TaskFilter,
    /// Which part, in which order.
    pub page: PageRequest<PlainSortKey>,
}

/// Forgets a job; one that is pending is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTask {
    /// Of which kind.
    pub kind: TaskKind,
    /// Which.
    pub id: TaskId,
}

/// Does pending jobs that nobody is at, for the producer. Answers how many were taken up; ask again until it is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTasks {
    /// The token of the first shard, claimed in the transaction.
    pub token: u64,
    /// At most so many.
    pub limit: u32,
}

/// A part of a zone as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadExport {
    /// What is read.
    pub of: ExportOf,
    /// Goes on after this recordset; from the start if absent.
    pub after: Option<(Name, RecordType)>,
}

/// What is read as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportOf {
    /// A finished export of the caller's project.
    Task(TaskId),
    /// A zone, for admins.
    Zone(ZoneId),
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPart {
    /// The text.
    pub text: String,
    /// Where to go on, unless it is the end.
    pub next: Option<(Name, RecordType)>,
    /// The state of the zone; parts of different states do not belong together.
    pub generation: Generation,
}
