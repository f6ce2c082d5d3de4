//! What happens to every parcel besides its handler, one concern a file.

pub(super) mod admit;
pub(super) mod deadline;
pub(super) mod lanes;
pub(super) mod meter;
pub(super) mod retry;
pub(super) mod trace;
