//! An import or an export of a zone: accepted at once, done some time.

use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, TaskId, ZoneId};
use super::time::Timestamp;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaskKind {
    /// A zone is made of a file.
    Import,
    /// A file is made of a zone.
    Export,
}

impl TaskKind {
    /// The database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "IMPORT",
            Self::Export => "EXPORT",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Import, Self::Export].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaskStatus {
    /// Accepted.
    Pending,
    /// Done.
    Complete,
    /// Will not be done.
    Error,
}

impl TaskStatus {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Complete => "COMPLETE",
            Self::Error => "ERROR",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Pending, Self::Complete, Self::Error].into_iter().find(|status| status.as_str() == text)
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// What is done.
    pub kind: TaskKind,
    /// Who asked for it.
    pub project_id: Option<ProjectId>,
    /// The zone: of an import, once it is there.
    pub zone_id: Option<ZoneId>,
    /// How far it is.
    pub status: TaskStatus,
    /// What came of it, for people.
    pub message: Option<String>,
    /// Where the file is.
    pub location: Option<String>,
    /// Counts the updates of its row, from 1.
    pub version: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// What an import or an export came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOutcome {
    /// COMPLETE or ERROR.
    pub status: TaskStatus,
    /// What came of it, for people.
    pub message: Option<String>,
    /// The zone that was made.
    pub zone_id: Option<ZoneId>,
    /// Where the file is.
    pub location: Option<String>,
}
