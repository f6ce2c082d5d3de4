//! A host with a port, as pools and masters name servers.
//!
//! Invariants: prints so that it parses back; the standard port 53 is left out when printed as a master.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::hostname::is_fqdn;

/// An address or host name, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostPort {
    /// An IPv4 or IPv6 address without brackets, or a host name.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// Why a text is no `host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostPortError {
    /// The host is missing or holds characters no host has.
    #[error("{text} has no valid host")]
    Host {
        /// The whole text.
        text: String,
    },
    /// The port is not 1 to 65535.
    #[error("{text} has no valid port (1 to 65535)")]
    Port {
        /// The whole text.
        text: String,
    },
}

impl HostPort {
    /// The port of DNS.
    pub const DNS: u16 = 53;

    /// A host with a port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// Reads `host`, `host:port`, `address`, `[v6]:port` or a bare IPv6 address (port 53).
    ///
    /// # Errors
    /// If the host or the port is not one.
    pub fn parse_master(text: &str) -> Result<Self, HostPortError> {
        let (host, port) = split(text).ok_or_else(|| HostPortError::Host { text: text.to_owned() })?;
        if host.parse::<IpAddr>().is_err() && !is_hostname(host) {
            return Err(HostPortError::Host { text: text.to_owned() });
        }
        let port = match port {
            None => Self::DNS,
            Some(digits) => match digits.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(HostPortError::Port { text: text.to_owned() }),
            },
        };
        Ok(Self::new(host, port))
    }
}

/// Labels, with or without final dot; the last is no number, or it would be an address that is none (RFC 1123
/// section 2.1).
fn is_hostname(text: &str) -> bool {
    let relative = text.strip_suffix('.').unwrap_or(text);
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    is_fqdn(&format!("{relative}.")) && !relative.rsplit('.').next().is_some_and(is_number)
}

fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if after.is_empty() => Some((host, None)),
            None => None,
        };
    }
    if text.matches(':').count() > 1 {
        return Some((text, None));
    }
    Some(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_master(text)
    }
}

/// Prints `host:port`, without the port if it is 53; IPv6 addresses in brackets before a port.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v6 = self.host.contains(':');
        match (self.port, v6) {
            (Self::DNS, _) => f.write_str(&self.host),
            (port, true) => write!(f, "[{}]:{port}", self.host),
            (port, false) => write!(f, "{}:{port}", self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_read_and_print() {
        for (text, host, port, shown) in [
            ("192.0.2.1", "192.0.2.1", 53, "192.0.2.1"),
            ("192.0.2.1:53", "192.0.2.1", 53, "192.0.2.1"),
            ("192.0.2.1:5354", "192.0.2.1", 5354, "192.0.2.1:5354"),
            ("[2001:db8::1]:5354", "2001:db8::1", 5354, "[2001:db8::1]:5354"),
            ("2001:db8::1", "2001:db8::1", 53, "2001:db8::1"),
            ("ns.example.org.", "ns.example.org.", 53, "ns.example.org."),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!((parsed.host.as_str(), parsed.port), (host, port));
            assert_eq!(parsed.to_string(), shown);
        }
        let long = format!("{}.example", "a".repeat(64));
        for bad in [
            "",
            ":53",
            "192.0.2.1:0",
            "192.0.2.1:65536",
            "192.0.2.1:x",
            "[2001:db8::1",
            "a b",
            "192.0.2.256",
            "192.0.2",
            "1",
            ".",
            "a..b",
            "-a.b",
            "*.a",
            "2001:db8::g",
            "fe80::1%eth0",
            "[192.0.2.1]x",
            "ä.b",
            &long,
        ] {
            assert!(bad.parse::<HostPort>().is_err(), "{bad}");
        }
    }
}
