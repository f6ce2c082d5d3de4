//! What we answer, by the sentence of the RFC that says so. Questions are written and answers read by hickory-proto.

mod model;
mod rfc1034;
mod rfc1035;
mod rfc1995;
mod rfc1996;
mod rfc2308;
mod rfc4592;
mod rfc5936;
mod rfc6891;
mod rfc8482;
pub(in crate::dns) mod support;
