//! Record data as typed values: read from the API's text, from zone files and from the wire; printed canonically.
//!
//! The API's text form is narrower than DNS: what a type refuses there is Designate's rule unless DNS forbids the rule.
//! Zone files and the wire may hold all that DNS allows.
//!
//! Invariants: the wire form fits a DNS message; printing and reading in zone file form gives the same data, as
//! does the wire form. Names compare without case (RFC 4343), so data that differs in case only is equal.

mod caa;
mod cert;
mod digest;
mod encoding;
mod error;
mod fields;
mod host;
mod naptr;
mod opaque;
mod single;
mod soa;
mod strings;
mod substitution;
mod svc_param;
mod svcb;
mod txt;
mod wire;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use self::wire::Reader;
use super::name::Name;
use super::record_type::RecordType;

pub use self::caa::Caa;
pub use self::cert::Cert;
pub use self::digest::{Sshfp, Tlsa};
pub use self::error::{Flaw, RDataError};
pub use self::fields::{Field, Fields, complete_name, parse_seconds};
pub use self::host::{Mx, Srv};
pub use self::naptr::Naptr;
pub use self::opaque::Opaque;
pub use self::soa::Soa;
pub use self::svc_param::SvcKey;
pub use self::svcb::Svcb;
pub use self::txt::Text;

/// Most octets of record data: a message of 65535 octets holds them with the longest owner name, question and signature.
pub const MAX_RDATA: usize = 65000;

/// What every kind of data can do; printing is `Display`.
trait Data: Sized + fmt::Display {
    /// Reads the API's form, exactly by its rules.
    fn from_api(text: &str) -> Result<Self, Flaw>;
    /// Reads the form of zone files; what is left in `fields` is the caller's concern.
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Flaw>;
    /// Reads uncompressed RDATA; what is left in `wire` is the caller's concern.
    fn from_wire(wire: &mut Reader<'_>) -> Result<Self, Flaw>;
    /// Appends uncompressed RDATA.
    fn write_wire(&self, out: &mut Vec<u8>);
}

macro_rules! rdata {
    ($($variant:ident($data:ty);)+) => {
        /// The data of one record. Travels as type number and wire form.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Packed", into = "Packed")]
        pub enum RData {
            $(#[doc = concat!("Data of type ", stringify!($variant), ".")] $variant($data),)+
            /// Data of a type that has no form of its own here (RFC 3597).
            Other(Opaque),
        }

        impl RData {
            /// The type of the data.
            #[must_use]
            pub const fn record_type(&self) -> RecordType {
                match self {
                    $(Self::$variant(_) => RecordType::$variant,)+
                    Self::Other(data) => data.record_type(),
                }
            }

            /// Appends the uncompressed wire form to `out`.
            pub fn write_wire(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant(data) => Data::write_wire(data, out),)+
                    Self::Other(data) => out.extend(data.octets()),
                }
            }

            fn read_api(rtype: RecordType, text: &str) -> Result<Self, Flaw> {
                match rtype {
                    $(RecordType::$variant => <$data as Data>::from_api(text).map(Self::$variant),)+
                    RecordType::Other(_) => Err(Flaw::Keyword),
                }
            }

            fn read_fields(rtype: RecordType, fields: &mut Fields<'_>) -> Result<Self, Flaw> {
                match rtype {
                    $(RecordType::$variant => <$data as Data>::from_fields(fields).map(Self::$variant),)+
                    RecordType::Other(_) => Err(Flaw::Keyword),
                }
            }

            fn read_wire(rtype: RecordType, wire: &mut Reader<'_>) -> Result<Self, Flaw> {
                match rtype {
                    $(RecordType::$variant => <$data as Data>::from_wire(wire).map(Self::$variant),)+
                    RecordType::Other(number) => Ok(Self::Other(Opaque::new(number, wire.rest()))),
                }
            }
        }

        /// Prints the canonical presentation form: one blank between fields, names absolute, strings quoted.
        impl fmt::Display for RData {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(data) => data.fmt(f),)+
                    Self::Other(data) => data.fmt(f),
                }
            }
        }
    };
}

rdata! {
    A(Ipv4Addr);
    Aaaa(Ipv6Addr);
    Caa(Caa);
    Cert(Cert);
    Cname(Name);
    Https(Svcb);
    Mx(Mx);
    Naptr(Naptr);
    Ns(Name);
    Ptr(Name);
    Soa(Soa);
    Spf(Text);
    Srv(Srv);
    Sshfp(Sshfp);
    Svcb(Svcb);
    Tlsa(Tlsa);
    Txt(Text);
}

impl RData {
    /// Reads the text of a record as the API takes it: never with the character U+0000, which no database column of
    /// text has to hold; `\000` stands for the octet.
    ///
    /// # Errors
    /// If the text breaks a rule of its type; [`Flaw::Keyword`] for a type without a form of its own.
    pub fn parse(rtype: RecordType, text: &str) -> Result<Self, RDataError> {
        let plain = if text.contains('\0') { Err(Flaw::Form) } else { Ok(text) };
        plain
            .and_then(|text| Self::read_api(rtype, text))
            .and_then(|data| match &data {
                Self::Https(https) if https.has(SvcKey::DOHPATH) => Err(Flaw::Keyword),
                _ => data.within_limit(),
            })
            .map_err(|flaw| RDataError { rtype, flaw })
    }

    /// Reads the fields of a zone file: the type's own form, or `\# length hex` for any type (RFC 3597 section 5).
    ///
    /// # Errors
    /// If the fields are not data of this type.
    pub fn from_fields(
        rtype: RecordType,
        fields: &[Field<'_>],
        origin: Option<&Name>,
    ) -> Result<Self, RDataError> {
        let read = || {
            if let [Field { text: "\\#", quoted: false }, rest @ ..] = fields {
                let octets = opaque::read_octets(&mut Fields::new(rest, None))?;
                return Self::from_wire(rtype, &octets).map_err(|error| error.flaw);
            }
            let mut fields = Fields::new(fields, origin);
            let data = Self::read_fields(rtype, &mut fields)?;
            if fields.is_empty() { data.within_limit() } else { Err(Flaw::FieldCount) }
        };
        read().map_err(|flaw| RDataError { rtype, flaw })
    }

    /// Reads RDATA whose names are not compressed.
    ///
    /// # Errors
    /// If the octets are not data of this type, or more than that.
    pub fn from_wire(rtype: RecordType, octets: &[u8]) -> Result<Self, RDataError> {
        // A named type never is opaque, however the caller wrote it.
        let rtype = RecordType::from_number(rtype.number());
        let read = || {
            let mut wire = Reader::new(octets);
            let data = Self::read_wire(rtype, &mut wire)?;
            if wire.is_empty() { data.within_limit() } else { Err(Flaw::Wire) }
        };
        read().map_err(|flaw| RDataError { rtype, flaw })
    }

    /// The uncompressed wire form.
    #[must_use]
    pub fn to_wire(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_wire(&mut out);
        out
    }

    /// The form that every type has: `\# length hex` (RFC 3597 section 5).
    #[must_use]
    pub fn to_generic(&self) -> String {
        Opaque::new(self.record_type().number(), self.to_wire()).to_string()
    }

    fn within_limit(self) -> Result<Self, Flaw> {
        if self.to_wire().len() > MAX_RDATA { Err(Flaw::TooLong) } else { Ok(self) }
    }
}

/// How data travels in messages: independent of the Rust types above.
#[derive(Serialize, Deserialize)]
struct Packed {
    rtype: RecordType,
    octets: Vec<u8>,
}

impl From<RData> for Packed {
    fn from(data: RData) -> Self {
        Self { rtype: data.record_type(), octets: data.to_wire() }
    }
}

impl TryFrom<Packed> for RData {
    type Error = RDataError;

    fn try_from(packed: Packed) -> Result<Self, RDataError> {
        Self::from_wire(packed.rtype, &packed.octets)
    }
}

#[cfg(test)]
mod tests;
