//! Numbers of the message header and of the types and classes that exist in questions only.
//!
//! Invariants: the values are IANA's.

/// Bits of the header's second 16-bit word (RFC 1035, section 4.1.1; RFC 4035, section 3.1.6).
pub mod flag {
    /// A response.
    pub const QR: u16 = 0x8000;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired.
    pub const RD: u16 = 0x0100;
    /// Checking disabled.
    pub const CD: u16 = 0x0010;
    /// Where the opcode is.
    pub const OPCODE: u16 = 0x7800;
}

/// Classes.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
}

/// Types without records in a zone, and those whose data the server looks into.
pub mod kind {
    /// Address.
    pub const A: u16 = 1;
    /// Name server.
    pub const NS: u16 = 2;
    /// Alias.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// Pointer.
    pub const PTR: u16 = 12;
    /// Mail exchange.
    pub const MX: u16 = 15;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// Service.
    pub const SRV: u16 = 33;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// Delegation signer: the one type that the parent answers (RFC 4035, section 3.1.4.1).
    pub const DS: u16 = 43;
    /// First of the types that only questions and transactions have (RFC 6895, section 3.1).
    pub const FIRST_META: u16 = 128;
    /// Signature of a message (RFC 8945).
    pub const TSIG: u16 = 250;
    /// Incremental transfer (RFC 1995).
    pub const IXFR: u16 = 251;
    /// Transfer (RFC 5936).
    pub const AXFR: u16 = 252;
    /// Any type (RFC 8482).
    pub const ANY: u16 = 255;
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// An ordinary query or a transfer.
    Query,
    /// A zone has changed (RFC 1996).
    Notify,
}

impl Opcode {
    /// The opcode in a flag word; `None` for one that is not implemented.
    #[must_use]
    pub const fn of(flags: u16) -> Option<Self> {
        match (flags & flag::OPCODE) >> 11 {
            0 => Some(Self::Query),
            4 => Some(Self::Notify),
            _ => None,
        }
    }
}

/// Response codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// Fine.
    NoError = 0,
    /// The request could not be read.
    FormErr = 1,
    /// We failed.
    ServFail = 2,
    /// The name does not exist.
    NxDomain = 3,
    /// Not implemented.
    NotImp = 4,
    /// Refused by policy, such as for zones not served here.
    Refused = 5,
    /// Not authoritative, or not authorised.
    NotAuth = 9,
    /// EDNS version not supported.
    BadVers = 16,
}

impl Rcode {
    /// The number, up to 12 bits.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }
}
