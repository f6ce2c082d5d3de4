//! How new a schema may be that is sent, while a fleet is being upgraded.
//!
//! Invariants: nothing configured means the newest; a ceiling is per message, since schemas are counted per message. A
//! receiver that does not know a schema did nothing, so a call is tried again in the one before, down to the first.

use std::collections::BTreeMap;

use super::fault::{Fault, FaultCode};
use super::payload::Payload;

/// The newest schema that receivers read, per message where it is not the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaCeilings(BTreeMap<String, BTreeMap<String, u16>>);

impl SchemaCeilings {
    /// Lets the message `method` of `service` be sent in schema `ceiling` at most.
    #[must_use]
    pub fn with(mut self, service: impl Into<String>, method: impl Into<String>, ceiling: u16) -> Self {
        self.0.entry(service.into()).or_default().insert(method.into(), ceiling);
        self
    }

    /// The newest schema that the message `method` of `service` may be sent in.
    #[must_use]
    pub fn of(&self, service: &str, method: &str) -> u16 {
        let ceiling = self.0.get(service).and_then(|messages| messages.get(method));
        ceiling.copied().unwrap_or(u16::MAX)
    }
}

/// The ceiling to try next after a receiver refused `body`, sent under `ceiling`, with `fault`; none if there is no
/// older schema, or something else was wrong.
pub(super) fn lower(fault: &Fault, body: &Payload, ceiling: u16) -> Option<u16> {
    let not_known = fault.code == FaultCode::UnknownSchema && fault.kind == Fault::UNKNOWN_SCHEMA;
    let older = body.schema().min(ceiling).saturating_sub(1);
    (not_known && !fault.maybe_done && older > 0).then_some(older)
}
