//! What the API accepts as a zone name, a recordset name, an e-mail address, a TLD: narrower than DNS, and refused
//! with the exact sentences that clients of Designate know.
//!
//! Invariants: a label is 1 to 63 of `A-Z a-z 0-9 _ -`, not starting or ending with `-`; no escapes, no U-labels;
//! an accepted name always is a valid [`Name`]. Lengths count characters. Checks run in a fixed order: whole length,
//! label length, final dot, pattern.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::international::{IdnaError, to_ascii};
use super::name::{MAX_LABEL, Name};

/// Most characters of a name, an address or a host: longer ones fail before anything else is looked at.
pub const MAX_TEXT: usize = 255;
/// Most characters of a name that the patterns match, final dot included.
const MAX_PATTERN: usize = 254;

/// Why a text is not the kind of name asked for. The message is the one the API shows.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum HostnameError {
    /// Over 255 characters.
    #[error("Value too long for {field}")]
    TooLong {
        /// The API's name of the field.
        field: String,
    },
    /// A label over 63 characters.
    #[error("Host {label} is too long")]
    LabelTooLong {
        /// The label.
        label: String,
    },
    /// A domain without final dot.
    #[error("Domain {text} does not end with a dot")]
    DomainNotAbsolute {
        /// The text as given.
        text: String,
    },
    /// A domain that the pattern refuses.
    #[error("Domain {text} is invalid")]
    DomainInvalid {
        /// The text as given.
        text: String,
    },
    /// A host name without final dot.
    #[error("Host name {text} does not end with a dot")]
    HostNotAbsolute {
        /// The text as given.
        text: String,
    },
    /// A host name that the pattern refuses.
    #[error("Host name {text} is invalid")]
    HostInvalid {
        /// The text as given.
        text: String,
    },
    /// Not exactly one `@`.
    #[error("{text} is not an email")]
    NotAnEmail {
        /// The text as given.
        text: String,
    },
    /// An address that cannot be written as a domain name.
    #[error("Email {text} is invalid")]
    EmailInvalid {
        /// The text as given.
        text: String,
    },
    /// Not a TLD name.
    #[error("{text} is not a TLD")]
    NotATld {
        /// The text as given.
        text: String,
    },
    /// A name with a label that IDNA 2008 does not allow.
    #[error("{text} has no IDNA form: {reason}")]
    NoIdnaForm {
        /// The text as given.
        text: String,
        /// Which rule a label breaks.
        reason: IdnaError,
    },
}

/// Reads a domain name as zones, name servers and record data have it: no wildcard, not the root. `field` is named
/// in the error if the text is over 255 characters.
///
/// # Errors
/// If the text is not such a name.
pub fn parse_domain(text: &str, field: &str) -> Result<Name, HostnameError> {
    check_lengths(text, field)?;
    if !text.ends_with('.') {
        return Err(HostnameError::DomainNotAbsolute { text: text.into() });
    }
    Some(text)
        .filter(|text| is_fqdn(text))
        .and_then(|text| Name::parse(text).ok())
        .ok_or_else(|| HostnameError::DomainInvalid { text: text.into() })
}

/// Reads the owner name of a recordset: as [`parse_domain`], but the first of two or more labels may be `*`.
///
/// # Errors
/// If the text is not such a name.
pub fn parse_host(text: &str, field: &str) -> Result<Name, HostnameError> {
    check_lengths(text, field)?;
    if !text.ends_with('.') {
        return Err(HostnameError::HostNotAbsolute { text: text.into() });
    }
    let fits = text.chars().count() <= MAX_PATTERN && is_fqdn(text.strip_prefix("*.").unwrap_or(text));
    Some(text)
        .filter(|_| fits)
        .and_then(|text| Name::parse(text).ok())
        .ok_or_else(|| HostnameError::HostInvalid { text: text.into() })
}

/// Checks the contact address of a zone: `local@domain`, such that the `@` can become a dot. The local part becomes
/// one label (RFC 1035 section 8), so it has at most 63 characters, dots included.
///
/// # Errors
/// If it is too long, has not exactly one `@` or does not make a domain name.
pub fn check_email(text: &str) -> Result<(), HostnameError> {
    if text.chars().count() > MAX_TEXT {
        return Err(HostnameError::TooLong { field: "email".into() });
    }
    match text.split_once('@') {
        Some((local, domain)) if !domain.contains('@') => {
            let fits = local.len() <= MAX_LABEL && is_fqdn(&format!("{local}.{domain}."));
            if fits { Ok(()) } else { Err(HostnameError::EmailInvalid { text: text.into() }) }
        }
        _ => Err(HostnameError::NotAnEmail { text: text.into() }),
    }
}

/// Checks the name of a TLD: labels joined by dots, no final one.
///
/// # Errors
/// If it is too long or not of that form.
pub fn check_tld(text: &str) -> Result<(), HostnameError> {
    if text.chars().count() > MAX_TEXT {
        return Err(HostnameError::TooLong { field: "name".into() });
    }
    if text.chars().count() > MAX_PATTERN || !text.split('.').all(is_label) {
        return Err(HostnameError::NotATld { text: text.into() });
    }
    Ok(())
}

/// True for labels each followed by a dot, at most 254 characters in all.
#[must_use]
pub fn is_fqdn(text: &str) -> bool {
    text.chars().count() <= MAX_PATTERN
        && text.strip_suffix('.').is_some_and(|labels| labels.split('.').all(is_label))
}

/// True for a label of the API's alphabet.
#[must_use]
pub fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The name with every U-label turned into its A-label (IDNA 2008), checked as [`parse_domain`] does. ASCII names come
/// back in lower case. Only names of floating IPs are read this way; elsewhere U-labels are refused.
///
/// # Errors
/// If a label has no A-label or the result is not a domain name.
pub fn parse_international(text: &str, field: &str) -> Result<Name, HostnameError> {
    if text.chars().count() > MAX_TEXT {
        return Err(HostnameError::TooLong { field: field.into() });
    }
    let ascii = to_ascii(text).map_err(|reason| HostnameError::NoIdnaForm { text: text.into(), reason })?;
    parse_domain(&ascii, field)
}

fn check_lengths(text: &str, field: &str) -> Result<(), HostnameError> {
    if text.chars().count() > MAX_TEXT {
        return Err(HostnameError::TooLong { field: field.into() });
    }
    match text.split('.').find(|label| label.chars().count() > MAX_LABEL) {
        Some(label) => Err(HostnameError::LabelTooLong { label: label.into() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rdata::Soa;

    fn long_name(characters: usize) -> String {
        let mut text = "a2345678.".repeat(characters / 9);
        text.insert_str(0, &"b".repeat(characters % 9));
        assert_eq!(text.len(), characters);
        text
    }

    #[test]
    fn domains_are_labels_each_followed_by_a_dot() {
        for text in ["a.", "example.org.", "_x-y.xn--bcher-kva.example.", "1.2.3.4.", "A-b.C."] {
            assert_eq!(parse_domain(text, "name").unwrap().as_str(), text);
        }
        for text in
            [".", "a..b.", ".a.", "*.a.", "-a.b.", "a-.b.", "a b.", "bücher.de.", "a\\.b.", "a\\046.", "a/b."]
        {
            let error = parse_domain(text, "name").unwrap_err();
            assert_eq!(error.to_string(), format!("Domain {text} is invalid"));
        }
        for text in ["a", "", "a.b", "a.\n", "a. ", "*"] {
            let error = parse_domain(text, "name").unwrap_err();
            assert_eq!(error.to_string(), format!("Domain {text} does not end with a dot"));
        }
    }

    #[test]
    fn checks_run_in_their_order() {
        let label = "a".repeat(64);
        let message = |text: &str| parse_domain(text, "name").unwrap_err().to_string();
        assert_eq!(message(&format!("-.{label}")), format!("Host {label} is too long"));
        assert_eq!(message(&"a".repeat(256)), "Value too long for name");
        assert_eq!(message(&long_name(255)), format!("Domain {} is invalid", long_name(255)));
        assert!(parse_domain(&long_name(254), "name").is_ok());
        assert_eq!(message("-a"), "Domain -a does not end with a dot");
    }

    #[test]
    fn hosts_may_start_with_a_wildcard_label() {
        for text in ["*.example.org.", "*.a.", "a.b.", "_sip._tcp.a."] {
            assert_eq!(parse_host(text, "name").unwrap().as_str(), text);
        }
        for text in ["*.", "**.a.", "*a.b.", "a.*.b.", "*.*.b.", ".", "*..", "a\\*.b.", "ä.b."] {
            let error = parse_host(text, "name").unwrap_err();
            assert_eq!(error.to_string(), format!("Host name {text} is invalid"));
        }
        assert_eq!(parse_host("a", "name").unwrap_err().to_string(), "Host name a does not end with a dot");
        let label = "a".repeat(64);
        assert_eq!(parse_host(&label, "name").unwrap_err().to_string(), format!("Host {label} is too long"));
        let wild = format!("*.{}", long_name(252));
        assert!(parse_host(&wild, "name").is_ok());
        assert!(parse_host(&format!("*.{}", long_name(253)), "name").is_err());
    }

    #[test]
    fn emails_become_domain_names() {
        for text in ["hostmaster@example.org", "a@localhost", "a.b@c.d", "a_b-c@d"] {
            assert_eq!(check_email(text), Ok(()), "{text}");
        }
        for text in ["", "a", "a@b@c", "a.b."] {
            assert_eq!(check_email(text).unwrap_err().to_string(), format!("{text} is not an email"));
        }
        let long_part = format!("{}@b", "a".repeat(64));
        // 32 labels of one letter: each is short, but they are one label of the SOA record.
        let long_local = format!("{}a@b", "a.".repeat(32));
        for text in ["@b", "a@", "a+b@c", "a b@c", "a@b.", "a..b@c", "ä@b", &long_part, &long_local] {
            assert_eq!(check_email(text).unwrap_err().to_string(), format!("Email {text} is invalid"));
        }
        for local in ["a".repeat(63), format!("{}a", "a.".repeat(31))] {
            let text = format!("{local}@b");
            assert_eq!(check_email(&text), Ok(()), "{text}");
            assert!(Soa::rname_of(&text).is_ok_and(|name| name.label_count() == 2), "{text}");
        }
        let error = check_email(&format!("{}@b", "a.".repeat(127))).unwrap_err();
        assert_eq!(error.to_string(), "Value too long for email");
    }

    #[test]
    fn tlds_have_no_final_dot() {
        for text in ["com", "co.uk", "xn--p1ai", "a"] {
            assert_eq!(check_tld(text), Ok(()), "{text}");
        }
        for text in ["com.", "*.com", "", ".", "a..b", "-a", "рф"] {
            assert_eq!(check_tld(text).unwrap_err().to_string(), format!("{text} is not a TLD"));
        }
    }

    #[test]
    fn u_labels_become_a_labels() {
        let parse = |text: &str| parse_international(text, "ptrdname");
        assert_eq!(parse("bücher.example.").unwrap().as_str(), "xn--bcher-kva.example.");
        assert_eq!(parse("Example.ORG.").unwrap().as_str(), "example.org.");
        let error = parse("☃.example.").unwrap_err().to_string();
        assert_eq!(error, "☃.example. has no IDNA form: U+2603 is not allowed in labels");
        assert!(matches!(parse("bücher"), Err(HostnameError::DomainNotAbsolute { .. })));
        assert!(matches!(parse(&"é.".repeat(128)), Err(HostnameError::TooLong { .. })));
    }
}
