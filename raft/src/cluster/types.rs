//! The types that consensus is made over.
//!
//! **Invariants**: cloning a [`Batch`] shares its commands. Shapes are written to disk and sent to peers as bincode, so a
//! field is added only together with [`SCHEMA`].
use std::{fmt, io::Cursor, sync::Arc};

use openraft::{OptionalSend, RaftTypeConfig, impls::OneshotResponder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::runtime::Runtime;
use crate::{
    Index,
    command::{Entry, Reply},
};

/// Number of the shapes of this module; one more with every change.
pub const SCHEMA: u16 = 1;

/// One life of a disk: drawn at random when it is first used, never reused.
pub type NodeId = u64;
/// openraft's log id with our node ids.
pub type LogId = openraft::LogId<NodeId>;
/// openraft's vote with our node ids.
pub type Vote = openraft::Vote<NodeId>;
/// The handle of the consensus engine.
pub type Raft = openraft::Raft<TypeConfig>;

/// The cluster that a node belongs to; drawn when the cluster is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub Uuid);

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a node is found.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// What people call it.
    pub name: String,
    /// Host name or address, and port; resolved anew for each connection.
    pub address: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address)
    }
}

/// The types given to openraft.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Batch;
    type R = Answer;
    type NodeId = NodeId;
    type Node = Peer;
    type Entry = openraft::Entry<Self>;
    type SnapshotData = Cursor<Vec<u8>>;
    type AsyncRuntime = Runtime;
    type Responder = OneshotResponder<Self>;
}

/// Commands that are decided together, in this order.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch(Arc<[Entry]>);

impl Batch {
    /// The commands.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }
}

impl FromIterator<Entry> for Batch {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|entry| entry.command.name())).finish()
    }
}

impl Serialize for Batch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Entry>::deserialize(deserializer).map(|entries| Self(entries.into()))
    }
}

/// What a [`Batch`] came to: a reply for each command, or none for an entry that held no commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Index of the first command; the others follow without a gap.
    pub first: Index,
    /// In the order of the commands.
    pub replies: Vec<Reply>,
}

/// What every value of this module must be for openraft.
const _: () = {
    const fn check<T: OptionalSend + Sync + 'static>() {}
    check::<Batch>();
    check::<Answer>();
};
