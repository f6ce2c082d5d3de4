//! What workers report about the propagation of zones.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::consensus::Answer;
use crate::domain::generation::Generation;
use crate::domain::ids::{NameserverId, ZoneId};
use crate::domain::zone_status::Outcome;
use crate::rpcs;

rpcs! { Central;
    "zone_reported" ReportZone => (), repeatable, key = zone_id;
}

/// An attempt to bring one generation of a zone to its name servers ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportZone {
    /// Which zone.
    pub zone_id: ZoneId,
    /// The generation that the attempt was about.
    pub generation: Generation,
    /// How it ended.
    pub outcome: Outcome,
    /// What each name server said last; empty if none was asked.
    pub answers: Vec<(NameserverId, Answer)>,
}
