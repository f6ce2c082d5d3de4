//! Reads keys from rndc's files: `rndc.key` (one `key` statement) and `rndc.conf` (several, with `options` and `server`).
//!
//! Only what decides about the key is understood, every other statement is skipped. The syntax is named.conf's: words,
//! quoted strings, braces, semicolons; comments as in C, C++ and shell.
//!
//! Invariants: malformed text is an error that says what is missing, never a panic.

use std::collections::HashMap;

use thiserror::Error;

use super::auth::{Key, KeyError};

/// Why no key could be taken from a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// A quoted string or comment without its end, or braces that do not pair up.
    #[error("malformed near {near:?}")]
    Malformed {
        /// The word where reading stopped.
        near: String,
    },
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

/// Picks the key for the server at `host` from the text of a key or configuration file: the one its `server` statement
/// names, else the `default-key`, else the only one.
///
/// # Errors
/// The text is malformed, no key can be picked, or the key cannot be used.
pub fn key_from_text(text: &str, host: &str) -> Result<Key, KeyFileError> {
    let mut keys: Vec<(String, HashMap<String, String>)> = Vec::new();
    let (mut default, mut for_host) = (None, None);
    for statement in statements(&tokens(text)?)? {
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

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

impl Token {
    fn near(token: Option<&Self>) -> KeyFileError {
        let near = match token {
            Some(Self::Word(word)) => word.clone(),
            Some(Self::Open) => "{".to_owned(),
            Some(Self::Close) => "}".to_owned(),
            Some(Self::End) => ";".to_owned(),
            None => "the end".to_owned(),
        };
        KeyFileError::Malformed { near }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, KeyFileError> {
    let unended = |near: &str| KeyFileError::Malformed { near: near.chars().take(20).collect() };
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if first == '#' || rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            (_, rest) = comment.split_once("*/").ok_or_else(|| unended(rest))?;
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (word, after) = quoted.split_once('"').ok_or_else(|| unended(rest))?;
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        } else if let Some(token) = punctuation(first) {
            tokens.push(token);
            rest = rest.get(1..).unwrap_or_default();
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || c == '"' || c == '#' || punctuation(c).is_some())
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
    }
}

fn punctuation(c: char) -> Option<Token> {
    match c {
        '{' => Some(Token::Open),
        '}' => Some(Token::Close),
        ';' => Some(Token::End),
        _ => None,
    }
}

/// The words up to the semicolon, and what stood in braces.
#[derive(Debug, Default)]
struct Statement {
    words: Vec<String>,
    block: Vec<Token>,
}

impl Statement {
    /// The simple statements of the block: first word to second word.
    fn settings(&self) -> Result<HashMap<String, String>, KeyFileError> {
        let pairs = statements(&self.block)?.into_iter().filter_map(|statement| {
            let mut words = statement.words.into_iter();
            Some((words.next()?, words.next()?))
        });
        Ok(pairs.collect())
    }
}

fn statements(tokens: &[Token]) -> Result<Vec<Statement>, KeyFileError> {
    let mut statements = Vec::new();
    let mut current = Statement::default();
    let mut depth = 0_usize;
    for token in tokens {
        match token {
            Token::Close if depth == 0 => return Err(Token::near(Some(token))),
            Token::Open if depth == 0 => depth = 1,
            Token::Close if depth == 1 => depth = 0,
            Token::End if depth == 0 => statements.push(std::mem::take(&mut current)),
            Token::Word(word) if depth == 0 => current.words.push(word.clone()),
            inner => {
                match inner {
                    Token::Open => depth += 1,
                    Token::Close => depth -= 1,
                    _ => {}
                }
                current.block.push(inner.clone());
            }
        }
    }
    if depth == 0 && current.words.is_empty() { Ok(statements) } else { Err(Token::near(tokens.last())) }
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
    fn broken_files_say_what_is_wrong() {
        assert_eq!(key_from_text("", "h"), Err(KeyFileError::NoKey));
        let incomplete = key_from_text("key k { algorithm hmac-md5; };", "h");
        assert_eq!(incomplete, Err(KeyFileError::Incomplete { name: "k".to_owned() }));
        for broken in
            ["key k {", "key k }", "key k { a b; }; }", "key \"k", "/* open", "key k", "key k { a { b; };"]
        {
            let outcome = key_from_text(broken, "h");
            assert!(matches!(outcome, Err(KeyFileError::Malformed { .. })), "{broken:?}: {outcome:?}");
        }
        let unknown = key_from_text("key k { algorithm rot13; secret \"YQ==\"; };", "h");
        assert!(matches!(unknown, Err(KeyFileError::Key(KeyError::UnknownAlgorithm { .. }))));
    }
}
