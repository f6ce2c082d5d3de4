//! Reads keys from rndc's files: `rndc.key` (one `key` statement) and `rndc.conf` (several, with `options` and `server`).
//!
//! Invariants: only what decides about the key is understood, every other statement is skipped; malformed text is an
//! error that says what is missing.

use std::collections::HashMap;

use thiserror::Error;

use super::auth::{Key, KeyError};
use super::syntax::{self, SyntaxError};

/// Why no key could be taken from a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// The text is malformed.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// No `key` statement at all.
    #[error("there is no key in it")]
    NoKey,
    /// Several keys, and nothing says which.
    #[error("it has several keys and no default-key")]
    WhichKey,
    /// The key that is named is not there.
    #[error("key {name:?} is not in it")]
    Missing {
        /// Name of the key.
        name: String,
    },
    /// A `key` statement without algorithm or secret.
    #[error("key {name:?} lacks its algorithm or its secret")]
    Incomplete {
        /// Name of the key.
        name: String,
    },
    /// Algorithm or secret cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The files that the text includes; none if it is malformed, which reading the keys will tell.
#[must_use]
pub fn included_files(text: &str) -> Vec<String> {
    let statements = syntax::parse(text).unwrap_or_default();
    let includes = statements.into_iter().filter_map(|statement| {
        let mut words = statement.words.into_iter();
        (words.next()? == "include").then(|| words.next())?
    });
    includes.collect()
}

/// Picks the key for the server at `host` from the text of a key or configuration file: the one its `server` statement
/// names, else the `default-key`, else the only one.
///
/// # Errors
/// The text is malformed, no key can be picked, or the key cannot be used.
pub fn key_from_text(text: &str, host: &str) -> Result<Key, KeyFileError> {
    let mut keys: Vec<(String, HashMap<String, String>)> = Vec::new();
    let (mut default, mut for_host) = (None, None);
    for statement in syntax::parse(text)? {
        let (kind, name) = (statement.words.first().map(String::as_str), statement.words.get(1));
        match (kind, name) {
            (Some("key"), Some(name)) => keys.push((name.clone(), statement.settings()?)),
            (Some("options"), None) => default = statement.settings()?.remove("default-key"),
            (Some("server"), Some(server)) if server.eq_ignore_ascii_case(host) => {
                for_host = statement.settings()?.remove("key");
            }
            _ => {}
        }
    }
    let (name, settings) = match (for_host.or(default), keys.as_slice()) {
        (Some(name), keys) => {
            keys.iter().find(|(key, _)| *key == name).ok_or(KeyFileError::Missing { name })?
        }
        (None, [only]) => only,
        (None, []) => return Err(KeyFileError::NoKey),
        (None, _) => return Err(KeyFileError::WhichKey),
    };
    match (settings.get("algorithm"), settings.get("secret")) {
        (Some(algorithm), Some(secret)) => Ok(Key::new(name, algorithm, secret)?),
        _ => Err(KeyFileError::Incomplete { name: name.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = r#"
        // two keys
        key "a" { algorithm hmac-sha256; secret "YQ=="; };
        key b { algorithm "hmac-md5"; secret "Yg=="; }; # unquoted name
        /* the server
           that differs */
        options { default-key "a"; default-server 127.0.0.1; default-port 953; };
        server ns2.example { key "b"; port 954; addresses { 192.0.2.1 port 1; }; };
    "#;

    #[test]
    fn a_key_file_has_one_key() {
        let key =
            key_from_text("key \"rndc-key\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0\";\n};\n", "h")
                .unwrap();
        assert_eq!(key, Key::new("rndc-key", "sha512", "c2VjcmV0").unwrap());
    }

    #[test]
    fn a_configuration_file_picks_by_server_then_by_default() {
        assert_eq!(key_from_text(CONF, "127.0.0.1").unwrap().name(), "a");
        assert_eq!(key_from_text(CONF, "NS2.example").unwrap(), Key::new("b", "md5", "Yg==").unwrap());
        let without = CONF.replace("default-key \"a\";", "");
        assert_eq!(key_from_text(&without, "h"), Err(KeyFileError::WhichKey));
        let other = CONF.replace("default-key \"a\"", "default-key \"c\"");
        assert_eq!(key_from_text(&other, "h"), Err(KeyFileError::Missing { name: "c".to_owned() }));
    }

    #[test]
    fn included_files_are_named() {
        let text = "include \"/etc/bind/rndc.key\"; options { default-key k; }; include other;";
        assert_eq!(included_files(text), ["/etc/bind/rndc.key", "other"]);
        assert!(included_files("include \"x").is_empty());
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        assert_eq!(key_from_text("", "h"), Err(KeyFileError::NoKey));
        let incomplete = key_from_text("key k { algorithm hmac-md5; };", "h");
        assert_eq!(incomplete, Err(KeyFileError::Incomplete { name: "k".to_owned() }));
        for broken in
            ["key k {", "key k }", "key k { a b; }; }", "key \"k", "/* open", "key k", "key k { a { b; };"]
        {
            let outcome = key_from_text(broken, "h");
            assert!(matches!(outcome, Err(KeyFileError::Syntax(_))), "{broken:?}: {outcome:?}");
        }
        let unknown = key_from_text("key k { algorithm rot13; secret \"YQ==\"; };", "h");
        assert!(matches!(unknown, Err(KeyFileError::Key(KeyError::UnknownAlgorithm { .. }))));
    }

    #[test]
    fn a_broken_file_does_not_tell_its_secret() {
        for broken in [
            "key k {\n algorithm hmac-md5; secret \"czNjcjN0\" };",
            "key k {\n algorithm hmac-md5; secret \"czNjcjN0; };",
            "key k {\n algorithm hmac-md5; secret czNjcjN0 };",
            "key k {\n algorithm hmac-md5; secret \"czNjcjN0",
        ] {
            let error = key_from_text(broken, "h").unwrap_err();
            assert_eq!(error.to_string(), "malformed near line 2", "{broken}");
            assert!(!format!("{error:?}").contains("czNjcjN0"), "{error:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(key|options|server|default-key|algorithm|hmac-md5|secret|a|[{};\"#/* \n])*") {
            let _ = key_from_text(&text, "a");
        }
    }
}
