//! A share of a zone with another project.

use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, ShareId, ZoneId};
use super::time::Timestamp;

/// A share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Its id.
    pub id: ShareId,
    /// The zone.
    pub zone_id: ZoneId,
    /// The project in whose name it was made.
    pub project_id: ProjectId,
    /// The project that it is for.
    pub target_project_id: ProjectId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}
