//! A name of a zone and its records.
//!
//! Invariants: the key is the name's lower-case wire form, and alone decides equality and hash; sets have distinct
//! types; no set is empty.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::domain::rdata::RDataError;
use crate::domain::record_type::RecordType;
use crate::domain::ttl::Ttl;
use crate::domain::zonefile::read_stored;

/// A name that exists: it has records, or a name below it does.
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) key: Box<[u8]>,
    /// The name in the case it was given, where that is not the key.
    pub(super) cased: Option<Box<[u8]>>,
    pub(super) sets: Vec<RrSet>,
    /// Nodes exactly one label below.
    pub(super) children: u32,
}

impl Node {
    pub(super) const fn new(key: Box<[u8]>) -> Self {
        Self { key, cased: None, sets: Vec::new(), children: 0 }
    }

    /// The name in uncompressed wire form, in the case it was given.
    #[must_use]
    pub fn owner(&self) -> &[u8] {
        self.cased.as_deref().unwrap_or(&self.key)
    }

    /// The name as a key: lower-case wire form.
    #[must_use]
    pub const fn key(&self) -> &[u8] {
        &self.key
    }

    /// The set of a type.
    #[must_use]
    pub fn set(&self, kind: u16) -> Option<&RrSet> {
        self.sets.iter().find(|set| set.kind == kind)
    }

    /// All sets; none for an empty non-terminal.
    #[must_use]
    pub fn sets(&self) -> &[RrSet] {
        &self.sets
    }
}

/// A shared node; in collections it is its key.
#[derive(Debug, Clone)]
pub(super) struct NodeRef(Arc<Node>);

impl NodeRef {
    pub(super) fn new(node: Node) -> Self {
        Self(Arc::new(node))
    }

    /// The node to change: a copy, if another version of the zone shares it.
    pub(super) fn make_mut(&mut self) -> &mut Node {
        Arc::make_mut(&mut self.0)
    }
}

impl Deref for NodeRef {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Borrow<[u8]> for NodeRef {
    fn borrow(&self) -> &[u8] {
        &self.key
    }
}

impl PartialEq for NodeRef {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for NodeRef {}

impl Hash for NodeRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// The records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RrSet {
    kind: u16,
    ttl: u32,
    /// Each record's data after its length in two octets.
    packed: Arc<[u8]>,
}

impl RrSet {
    /// A set of records given as wire data; `None` if there are none or one is longer than 65535 octets.
    pub fn new<'d>(kind: u16, ttl: u32, records: impl IntoIterator<Item = &'d [u8]>) -> Option<Self> {
        let mut packed = Vec::new();
        for data in records {
            packed.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
            packed.extend_from_slice(data);
        }
        (!packed.is_empty()).then(|| Self { kind, ttl, packed: packed.into() })
    }

    /// A set of records as rows hold them. Records that cannot be read are left out and handed to `bad`; of those
    /// that say the same in different words one is left (RFC 2181 section 5).
    pub fn parse(
        rtype: RecordType,
        ttl: Ttl,
        records: &[String],
        mut bad: impl FnMut(&str, RDataError),
    ) -> Option<Self> {
        let mut read = Vec::with_capacity(records.len());
        let mut seen = HashSet::new();
        for text in records {
            match read_stored(rtype, text) {
                Ok(data) => {
                    let wire = data.to_wire();
                    if records.len() == 1 || seen.insert(data) {
                        read.push(wire);
                    }
                }
                Err(error) => bad(text, error),
            }
        }
        Self::new(rtype.number(), ttl.seconds(), read.iter().map(Vec::as_slice))
    }

    /// Stands in until the records are known.
    pub(super) fn none(kind: u16) -> Self {
        Self { kind, ttl: 0, packed: Arc::default() }
    }

    /// The type's number.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        self.kind
    }

    /// The time to live, in seconds.
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The data of each record in wire form, names uncompressed.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> + Send {
        let mut rest = &*self.packed;
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk()?;
            let (data, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            rest = after;
            Some(data)
        })
    }

    /// Octets of all its records' data, their lengths included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.packed.len()
    }
}
