//! The records that every primary zone has without being asked: SOA and NS at its apex.
//!
//! Invariants: MNAME is the pool's first name server by priority; RNAME is the zone's mail address with the dots of its
//! local part escaped (RFC 1035, section 8); both sets have no TTL of their own.

use super::name::Name;
use super::pool::Pool;
use super::serial::Serial;
use super::zone::SoaTimers;

/// The text of a zone's SOA record.
#[must_use]
pub fn text(mname: &Name, email: &str, serial: Serial, timers: SoaTimers) -> String {
    let SoaTimers { refresh, retry, expire, minimum } = timers;
    format!("{mname} {} {serial} {refresh} {retry} {expire} {minimum}", rname(email))
}

/// The records of a zone's NS set.
#[must_use]
pub fn ns_records(pool: &Pool) -> Vec<String> {
    pool.ns_in_order().into_iter().map(|ns| ns.hostname.to_string()).collect()
}

fn rname(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let local = local.replace('.', "\\.");
    if domain.is_empty() { format!("{local}.") } else { format!("{local}.{}.", domain.trim_end_matches('.')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_the_local_part_are_escaped() {
        assert_eq!(rname("host.master@example.org"), "host\\.master.example.org.");
        assert_eq!(rname("a@localhost"), "a.localhost.");
    }

    #[test]
    fn the_text_has_all_seven_fields() {
        let timers = SoaTimers { refresh: 3501, retry: 600, expire: 86400, minimum: 3600 };
        let mname = Name::parse("ns1.example.net.").unwrap();
        let text = text(&mname, "a@example.org", Serial::new(7), timers);
        assert_eq!(text, "ns1.example.net. a.example.org. 7 3501 600 86400 3600");
    }
}
