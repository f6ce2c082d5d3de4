//! Who a parcel is for, and where an instance listens.
//!
//! Invariants: a service is found by name on each send, so services may refer to each other in circles and an instance
//! may come and go at any time.

use crate::domain::ids::InstanceId;

use super::message::Service;

/// The receiver of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address {
    /// Some instance of the service.
    Any(&'static str),
    /// This instance of the service.
    One(&'static str, InstanceId),
    /// Every live instance of the service, each at most once.
    All(&'static str),
}

impl Address {
    /// The name of the service.
    #[must_use]
    pub const fn service(self) -> &'static str {
        match self {
            Self::Any(service) | Self::One(service, _) | Self::All(service) => service,
        }
    }
}

/// One instance of a service, as the transport knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The name of the service.
    pub service: &'static str,
    /// The instance.
    pub instance: InstanceId,
}

impl Endpoint {
    /// An endpoint of `S` with a new instance id.
    #[must_use]
    pub fn new<S: Service>() -> Self {
        Self::of::<S>(InstanceId::random())
    }

    /// The endpoint of `S` in the instance `instance`.
    #[must_use]
    pub const fn of<S: Service>(instance: InstanceId) -> Self {
        Self { service: S::NAME, instance }
    }
}
