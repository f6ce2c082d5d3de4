//! Questions to other name servers: which serial they show, word that a zone changed, and whole zones.
//!
//! Invariants: everything goes through [`Exchange`] or [`Transfers`], so a test needs no socket; every question ends within its time
//! limit.

mod exchange;
mod notify;
mod poll;
mod socket;
mod transfer;

use hickory_proto::rr;
use hickory_proto::serialize::binary::BinDecodable as _;

#[cfg(feature = "testing")]
pub(crate) use self::exchange::written;
pub use self::exchange::{Ask, Exchange, ExchangeError, Signed};
pub use self::notify::{Notify, NotifyError, NotifyPolicy, notify};
pub use self::poll::{PollAnswer, poll_serial};
pub use self::socket::SocketExchange;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use self::transfer::fuzzing;
pub use self::transfer::{Arrived, ArrivedSet, Assembly, TransferError, TransferLimits, Transfers};
use crate::domain::name::Name;

/// The name as hickory has it.
fn wire_name(name: &Name) -> Result<rr::Name, ExchangeError> {
    rr::Name::from_bytes(&name.to_wire()).map_err(|error| ExchangeError::Encode { reason: error.to_string() })
}
