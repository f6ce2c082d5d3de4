//! `transport.schema_ceilings`: which messages are sent in an older schema while a fleet is being upgraded.
//!
//! Invariants: a ceiling names a service and one of its messages; the first schema is 1. Whether there is such a message
//! is not known here, and an older process need not know it.

use serde_json::Value;

use super::setting::{Setting, expected};

/// The newest schema that one message is sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaCeiling {
    /// The service that it is sent to.
    pub service: String,
    /// The name of the message on the wire.
    pub message: String,
    /// The newest schema.
    pub ceiling: u16,
}

impl SchemaCeiling {
    fn parse(text: &str) -> Option<Self> {
        let (name, ceiling) = text.split_once('=')?;
        let (service, message) = name.trim().split_once('.')?;
        let ceiling = ceiling.trim().parse().ok().filter(|ceiling| *ceiling > 0)?;
        let word = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let named = word(service) && word(message);
        named.then(|| Self { service: service.to_owned(), message: message.to_owned(), ceiling })
    }
}

impl Setting for SchemaCeiling {
    fn read(value: &Value) -> Result<Self, String> {
        let ceiling = value.as_str().and_then(Self::parse);
        ceiling
            .ok_or_else(|| expected("service, message and schema such as \"central.create_zone=1\"", value))
    }

    fn print(&self) -> String {
        format!("\"{}.{}={}\"", self.service, self.message, self.ceiling)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_ceiling_is_read_as_it_is_printed() {
        let ceiling = SchemaCeiling::read(&json!("central.create_zone = 2")).unwrap();
        assert_eq!(ceiling.print(), "\"central.create_zone=2\"");
        assert_eq!(SchemaCeiling::parse(ceiling.print().trim_matches('"')), Some(ceiling));
        for wrong in
            ["create_zone=1", "central.create_zone", "central.create_zone=0", "central.=1", "a.b.c=1"]
        {
            assert!(SchemaCeiling::read(&json!(wrong)).is_err(), "{wrong}");
        }
    }
}
