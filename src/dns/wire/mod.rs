//! The wire format, as far as a server needs it: requests are read in place, without allocation, and answers are
//! written with name compression straight into the buffer that is sent. (Messages of every other kind, such as those
//! we send as a client, go through hickory-proto; it also checks this code in the tests.)
//!
//! Invariants: every read is checked against the end of the message; a name is at most 255 octets.

mod compress;
mod header;
mod qname;
mod request;
mod writer;

pub use compress::Names;
pub use header::{Opcode, Rcode, class, flag, kind};
pub use qname::QName;
pub use request::{Edns, Question, Refusal, Request, Unreadable};
pub use writer::{Full, Section, Writer};
pub(crate) use writer::{append_record, head, opt, put};
