//! The records that every primary zone has without being asked: SOA and NS at its apex.
//!
//! Invariants: MNAME is the pool's first name server by priority; RNAME is the zone's mail address with the dots of its
//! local part escaped (RFC 1035, section 8); both sets have no TTL of their own.

use super::name::Name;
use super::pool::Pool;
use super::rdata::Soa;
use super::serial::Serial;
use super::zone::SoaTimers;

/// The text of a zone's SOA record. A mail address that is no name (none is stored, the API refuses it) shows as the
/// root, which RFC 1035 readers take for «nobody».
#[must_use]
pub fn text(mname: &Name, email: &str, serial: Serial, timers: SoaTimers) -> String {
    let rname = Soa::rname_of(email).unwrap_or_else(|_| Name::root());
    let SoaTimers { refresh, retry, expire, minimum } = timers;
    format!("{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}")
}

/// The records of a zone's NS set.
#[must_use]
pub fn ns_records(pool: &Pool) -> Vec<String> {
    pool.ns_in_order().into_iter().map(|ns| ns.hostname.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_all_seven_fields_and_escapes_the_local_part() {
        let timers = SoaTimers { refresh: 3501, retry: 600, expire: 86400, minimum: 3600 };
        let mname = Name::parse("ns1.example.net.").unwrap();
        let text = text(&mname, "host.master@example.org", Serial::new(7), timers);
        assert_eq!(text, "ns1.example.net. host\\.master.example.org. 7 3501 600 86400 3600");
    }
}
