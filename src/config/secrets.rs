//! `[secrets]`: the keys that secrets in the database are encrypted with.
//!
//! Invariants: keys have names of their own and the right length; none is ever printed.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::reader::Section;
use super::setting::Setting;

/// Octets of a key.
const KEY_LENGTH: usize = 32;

/// `[secrets]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsConfig {
    /// The keys, the one that encrypts first.
    pub keys: Vec<SecretKey>,
}

impl SecretsConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let keys: Vec<SecretKey> = s.get(
            "keys",
            Vec::new(),
            "Keys that TSIG secrets and passwords of drivers are encrypted with in the database, as NAME:BASE64 of 32 octets (openssl rand -base64 32). The first encrypts, all decrypt; the same for all processes. Without any they are kept plain.",
        );
        let names: BTreeSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        s.check("keys", names.len() == keys.len(), || String::from("two keys have the same name"));
        Self { keys }
    }
}

/// A key with its name.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    /// What sealed texts name it by.
    pub name: String,
    /// Its octets.
    pub octets: [u8; KEY_LENGTH],
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Setting for SecretKey {
    fn read(value: &Value) -> Result<Self, String> {
        let expected =
            || String::from("expected NAME:BASE64, the name of letters, digits, - and _, the rest 32 octets");
        let text = value.as_str().ok_or_else(expected)?;
        let (name, data) = text.split_once(':').ok_or_else(expected)?;
        let named =
            !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        let octets = BASE64.decode(data.trim()).ok().and_then(|data| data.try_into().ok());
        octets.filter(|_| named).map(|octets| Self { name: name.to_owned(), octets }).ok_or_else(expected)
    }

    /// Its name alone, which is not read back.
    fn print(&self) -> String {
        format!("\"{}\"", self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Config;

    #[test]
    fn keys_have_names_and_are_never_shown() {
        let key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
        let of = |keys: serde_json::Value| Config::from_tree(json!({"secrets": {"keys": keys}}));
        let config = of(json!([format!("new:{key}"), format!("old:{key}")])).unwrap();
        assert_eq!(config.secrets.keys[0].name, "new");
        assert!(!format!("{config:?}").contains("115, 101"));
        assert!(!Config::show(json!({"secrets": {"keys": [format!("new:{key}")]}})).contains(key));
        for wrong in [
            json!([key]),
            json!(["a:short"]),
            json!([format!("a b:{key}")]),
            json!([format!("a:{key}"), format!("a:{key}")]),
        ] {
            let mistakes = of(wrong).unwrap_err();
            assert_eq!(mistakes[0].path, "secrets.keys");
            assert!(!mistakes[0].problem.contains("c2Vj") && !mistakes[0].problem.contains("short"));
        }
    }
}
