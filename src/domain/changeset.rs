//! A change set: changes of many recordsets of one zone that are made together or not at all.
//!
//! Invariants: the items of a change set have no order, since each recordset is named by one of them at most.

use serde::{Deserialize, Serialize};

use super::ids::RecordsetId;
use super::name::Name;
use super::record_type::RecordType;
use super::recordset::Recordset;
use super::ttl::Ttl;
use super::zone::Zone;

/// What is to be done with a recordset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// It is new.
    Create,
    /// It is there, and becomes this.
    Replace,
    /// It becomes this, whether it is there or not.
    Upsert,
    /// It is there, and goes.
    Delete,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Replace, Self::Upsert, Self::Delete];

    /// The API's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

/// Which recordset an item is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// The one of this name and type.
    Named(Name, RecordType),
    /// The one of this id.
    Known(RecordsetId),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its place in the request, from zero.
    pub at: u32,
    /// What is to be done.
    pub step: Step,
    /// With which recordset.
    pub subject: Subject,
    /// The TTL that it is to have, or the zone's.
    pub ttl: Option<Ttl>,
    /// The text that it is to have, or none; absent: as it was.
    pub description: Option<Option<String>>,
    /// The records that it is to have, in presentation form. Those of a recordset that is known by its id were not looked at.
    pub records: Vec<String>,
    /// Only if its row is of this version.
    pub if_version: Option<u64>,
}

/// What an item did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The recordset is new.
    Created,
    /// It was changed.
    Updated,
    /// It is gone.
    Deleted,
    /// It was like that already.
    Unchanged,
}

impl Effect {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Deleted, Self::Unchanged];

    /// The API's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What an item did, to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effected {
    /// What was to be done.
    pub step: Step,
    /// What it did.
    pub effect: Effect,
    /// The recordset as it is now, or was last.
    pub recordset: Recordset,
}

/// What a change set did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The zone afterwards.
    pub zone: Zone,
    /// It was only looked at.
    pub dry_run: bool,
    /// What each item did, in the order of the request.
    pub effects: Vec<Effected>,
}

impl Applied {
    /// True if name servers have something to learn from it.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        self.effects.iter().any(Effected::changes_zone)
    }
}

impl Effected {
    /// True if it is a change of the zone: what has no records is none when it comes and when it goes.
    #[must_use]
    pub fn changes_zone(&self) -> bool {
        match self.effect {
            Effect::Created | Effect::Deleted => !self.recordset.records.is_empty(),
            Effect::Updated => true,
            Effect::Unchanged => false,
        }
    }
}
