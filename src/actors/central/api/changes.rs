//! Changes of a zone as a whole: change sets, the history, and the way back.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::changeset::{Applied, Item};
use crate::domain::history::{ChangeFilter, ChangePage, ZoneChange};
use crate::domain::ids::ZoneId;
use crate::domain::page::Page;
use crate::domain::serial::Serial;
use crate::rpcs;

rpcs! { Central;
    "apply_changeset"   ApplyChangeset  => Applied,          once, key = zone_id;
    "find_zone_changes" FindZoneChanges => Page<ZoneChange>, repeatable;
    "rollback_zone"     RollbackZone    => Applied,          once, key = zone_id;
}

/// Changes many recordsets of a zone in one generation, or none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyChangeset {
    /// The zone.
    pub zone_id: ZoneId,
    /// Only if all that was accepted for the zone is published, and under this serial.
    pub if_serial: Option<Serial>,
    /// Only tells what would come of it.
    pub dry_run: bool,
    /// The changes.
    pub items: Vec<Item>,
}

/// A page of the history of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindZoneChanges {
    /// The zone.
    pub zone_id: ZoneId,
    /// Which changes.
    pub filter: ChangeFilter,
    /// Which part of them.
    pub page: ChangePage,
}

/// Makes the records of a zone, in a new generation, what they were under a serial. Managed recordsets stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackZone {
    /// The zone.
    pub zone_id: ZoneId,
    /// What it is to be like.
    pub serial: Serial,
    /// Only tells what would come of it.
    pub dry_run: bool,
}
