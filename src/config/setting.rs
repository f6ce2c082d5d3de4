//! How one value is read from a configuration tree and printed back as TOML.
//!
//! Invariants: what [`Setting::print`] writes, [`Setting::read`] takes and gives the same value; text is taken for
//! every type, because a value from the environment is always text; a refusal says what was expected and never more
//! of what was found than one value.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::duration;
use crate::domain::hostname::parse_domain;
use crate::domain::ids::{PoolId, TsigKeyId};
use crate::domain::name::Name;
use crate::domain::record_type::RecordType;

/// A value that configuration can hold.
pub(super) trait Setting: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// What was expected and what was found, as words for the user.
    fn read(value: &Value) -> Result<Self, String>;

    /// The value as TOML.
    fn print(&self) -> String;
}

/// The refusal of a value of the wrong kind.
pub(super) fn expected(what: &str, found: &Value) -> String {
    format!("expected {what}, found {found}")
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Setting for bool {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) => text.parse().map_err(|_| expected("true or false", value)),
            _ => Err(expected("true or false", value)),
        }
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

macro_rules! integers {
    ($($number:ident)+) => {$(
        impl Setting for $number {
            fn read(value: &Value) -> Result<Self, String> {
                let number = match value {
                    Value::Number(number) => number.as_i64().and_then(|n| Self::try_from(n).ok()),
                    Value::String(text) => text.parse().ok(),
                    _ => None,
                };
                number.ok_or_else(|| {
                    expected(&format!("a whole number from {} to {}", Self::MIN, Self::MAX), value)
                })
            }

            fn print(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

integers! { u8 u16 u32 i64 usize }

impl Setting for String {
    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().map(Self::from).ok_or_else(|| expected("text", value))
    }

    fn print(&self) -> String {
        quoted(self)
    }
}

impl Setting for PathBuf {
    fn read(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some("") | None => Err(expected("a path", value)),
            Some(text) => Ok(Self::from(text)),
        }
    }

    fn print(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for Duration {
    fn read(value: &Value) -> Result<Self, String> {
        let text = value.as_str().unwrap_or_default();
        duration::parse(text)
            .ok_or_else(|| expected("a duration such as \"100ms\", \"5s\", \"2m\" or \"1h\"", value))
    }

    fn print(&self) -> String {
        quoted(&duration::print(*self))
    }
}

impl Setting for SocketAddr {
    fn read(value: &Value) -> Result<Self, String> {
        let address = value.as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| {
            expected("an address and port such as \"127.0.0.1:5354\" or \"[::1]:5354\"", value)
        })
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}

macro_rules! uuids {
    ($($id:ident)+) => {$(
        impl Setting for $id {
            fn read(value: &Value) -> Result<Self, String> {
                value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| expected("a UUID", value))
            }

            fn print(&self) -> String {
                quoted(&self.to_string())
            }
        }
    )+};
}

uuids! { PoolId TsigKeyId }

impl Setting for RecordType {
    fn read(value: &Value) -> Result<Self, String> {
        let named = value.as_str().and_then(Self::from_name);
        named.ok_or_else(|| {
            expected(
                &format!(
                    "record types among {}",
                    Self::NAMED.iter().map(Self::to_string).collect::<Vec<_>>().join(", ")
                ),
                value,
            )
        })
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for Name {
    fn read(value: &Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| expected("a domain name", value))?;
        parse_domain(text, "hostname").map_err(|problem| problem.to_string())
    }

    fn print(&self) -> String {
        quoted(self.as_str())
    }
}

impl<T: Setting> Setting for Vec<T> {
    /// A list, or text with the items separated by commas.
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => items.iter().map(T::read).collect(),
            Value::String(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                items.map(|item| T::read(&Value::from(item))).collect()
            }
            _ => Err(expected("a list", value)),
        }
    }

    fn print(&self) -> String {
        let items: Vec<String> = self.iter().map(T::print).collect();
        format!("[{}]", items.join(", "))
    }
}

/// Declares an enum whose variants are words of the configuration.
macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ } later { $($later:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every choice.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the configuration.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn read(value: &serde_json::Value) -> Result<Self, String> {
                let known = Self::ALL.iter().map(|choice| format!("\"{}\"", choice.word())).collect::<Vec<_>>();
                match value.as_str() {
                    $(Some($word) => Ok(Self::$variant),)+
                    $(Some($later) => Err(format!("\"{}\" is not supported yet; known: {}", $later, known.join(", "))),)*
                    _ => Err($crate::config::setting::expected(&format!("one of {}", known.join(", ")), value)),
                }
            }

            fn print(&self) -> String {
                format!("\"{}\"", self.word())
            }
        }
    };
}
pub(super) use choices;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round_trip<T: Setting + PartialEq + std::fmt::Debug>(value: &T) {
        let toml: toml::Table = format!("x = {}", value.print()).parse().unwrap();
        let tree = serde_json::to_value(toml).unwrap();
        assert_eq!(&T::read(&tree["x"]).unwrap(), value);
    }

    #[test]
    fn what_is_printed_is_read_back() {
        round_trip(&true);
        round_trip(&-1i64);
        round_trip(&String::from("a \"quoted\"\nline\\"));
        round_trip(&PathBuf::from("/var/lib/ordain"));
        round_trip(&Duration::from_millis(1500));
        round_trip(&vec![SocketAddr::from(([127, 0, 0, 1], 53)), "[::1]:53".parse().unwrap()]);
        round_trip(&Vec::<String>::new());
        round_trip(&PoolId::DEFAULT);
        round_trip(&vec![RecordType::A, RecordType::Tlsa]);
        round_trip(&"ns1.example.org.".parse::<Name>().unwrap());
    }

    #[test]
    fn text_from_the_environment_is_taken_for_every_type() {
        assert!(bool::read(&json!("true")).unwrap());
        assert_eq!(u32::read(&json!("20")).unwrap(), 20);
        assert_eq!(Vec::<RecordType>::read(&json!("A, MX")).unwrap(), [RecordType::A, RecordType::Mx]);
        assert_eq!(Vec::<String>::read(&json!("")).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_kind_is_refused_with_what_was_expected() {
        assert_eq!(u8::read(&json!(256)).unwrap_err(), "expected a whole number from 0 to 255, found 256");
        assert!(u32::read(&json!(1.5)).is_err());
        assert!(i64::read(&json!(u64::MAX)).is_err());
        assert!(bool::read(&json!("yes")).is_err());
        assert!(String::read(&json!(1)).is_err());
        assert!(PathBuf::read(&json!("")).is_err());
        assert!(Duration::read(&json!(5)).is_err());
        assert!(SocketAddr::read(&json!("localhost:53")).is_err());
        assert!(PoolId::read(&json!("default")).is_err());
        assert!(Vec::<u8>::read(&json!({})).is_err());
    }
}
