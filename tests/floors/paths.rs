//! Finds which modules of this crate, and which uses of the coordinator crate, a source file names.
//!
//! Works on tokens, not on a full grammar: comments and literals are skipped, `use` groups are unfolded, `super` and
//! `self` are resolved against the module the text stands in, inline modules included. Code in a module called `tests`
//! is left out: tests may look up.

/// A path, from the crate's root: `["actors", "central", "api"]`; of another crate, with that crate's name in front of
/// an `!`: `["coordinator!", "Lease"]`.
pub(crate) type Found = Vec<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Colons,
    Open,
    Close,
    Comma,
    Other,
}

/// Every path in the text that begins at the crate's root, at a parent module or at the coordinator crate. `module` is
/// the file's own module path.
pub(crate) fn find(text: &str, module: &[String]) -> Vec<Found> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    let mut depth = 0;
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Open => depth += 1,
            Token::Close => {
                depth -= 1;
                inline.retain(|(_, opened)| *opened <= depth);
            }
            Token::Word(word) if word == "mod" => {
                if let (Some(Token::Word(name)), Some(Token::Open)) = (tokens.get(at + 1), tokens.get(at + 2))
                {
                    inline.push((name.clone(), depth + 1));
                }
            }
            Token::Word(word) if starts_path(&tokens, at) => {
                let here: Vec<String> =
                    module.iter().cloned().chain(inline.iter().map(|i| i.0.clone())).collect();
                if !inline.iter().any(|(name, _)| name == "tests")
                    && let Some((root, rest)) = root(word, &tokens, at, &here)
                {
                    unfold(&tokens, rest, &root, &mut found);
                }
                // Over the words joined by colons, so that `a::crate_name` is not taken for a beginning.
                while matches!(
                    (tokens.get(at + 1), tokens.get(at + 2)),
                    (Some(Token::Colons), Some(Token::Word(_)))
                ) {
                    at += 2;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn starts_path(tokens: &[Token], at: usize) -> bool {
    let after_colons = at > 0 && tokens[at - 1] == Token::Colons;
    !after_colons && tokens.get(at + 1) == Some(&Token::Colons)
}

/// The module where a path begins, and the index of what follows its first `::`.
fn root(word: &str, tokens: &[Token], at: usize, here: &[String]) -> Option<(Vec<String>, usize)> {
    match word {
        "crate" => Some((vec![], at + 2)),
        "coordinator" => Some((vec!["coordinator!".into()], at + 2)),
        "self" => Some((here.to_vec(), at + 2)),
        "super" => {
            let (mut module, mut next) = (here.to_vec(), at);
            while tokens.get(next) == Some(&Token::Word("super".into())) {
                module.pop()?;
                next += 2;
            }
            Some((module, next))
        }
        _ => None,
    }
}

/// Follows words and groups from `at`; returns the index behind them.
fn unfold(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Found>) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match tokens.get(at) {
            Some(Token::Word(word)) => {
                if word != "self" {
                    path.push(word.clone());
                }
                at += 1;
                if tokens.get(at) != Some(&Token::Colons) {
                    found.push(path);
                    return at;
                }
                at += 1;
            }
            Some(Token::Open) => {
                at += 1;
                loop {
                    match tokens.get(at) {
                        Some(Token::Close) => return at + 1,
                        None => return at,
                        Some(Token::Word(word)) if word == "as" => at += 2,
                        Some(Token::Word(_) | Token::Open) => at = unfold(tokens, at, &path, found),
                        Some(_) => at += 1,
                    }
                }
            }
            _ => {
                found.push(path);
                return at;
            }
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        at += match rest {
            ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => block_comment(rest),
            ['r', '"' | '#', ..] if raw_text(rest).is_some() => raw_text(rest).unwrap(),
            ['b', 'r', '"' | '#', ..] if raw_text(&rest[1..]).is_some() => 1 + raw_text(&rest[1..]).unwrap(),
            ['"', ..] => quoted(rest, '"'),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted(rest, '\''),
            [c, ..] if c.is_alphanumeric() || *c == '_' => {
                let word: String = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
                let length = word.chars().count();
                tokens.push(Token::Word(word));
                length
            }
            [':', ':', ..] => push(&mut tokens, Token::Colons, 2),
            ['{', ..] => push(&mut tokens, Token::Open, 1),
            ['}', ..] => push(&mut tokens, Token::Close, 1),
            [',', ..] => push(&mut tokens, Token::Comma, 1),
            [c, ..] if c.is_whitespace() => 1,
            _ => push(&mut tokens, Token::Other, 1),
        };
    }
    tokens
}

fn push(tokens: &mut Vec<Token>, token: Token, length: usize) -> usize {
    tokens.push(token);
    length
}

fn block_comment(chars: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < chars.len() {
        match &chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn quoted(chars: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of a raw text that begins here, `r"…"` or `r#"…"#`.
fn raw_text(chars: &[char]) -> Option<usize> {
    let hashes = chars[1..].iter().take_while(|c| **c == '#').count();
    let open = 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let close = |at: &usize| {
        chars[*at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (open + 1..chars.len()).find(close).map(|at| at + 1 + hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let module = ["actors".to_owned(), "central".to_owned(), "zones".to_owned()];
        find(text, &module).iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn uses_are_unfolded() {
        assert_eq!(found("use crate::clock::Clock;"), ["clock::Clock"]);
        assert_eq!(
            found(
                "pub(crate) use crate::{domain::{ids::{ZoneId, PoolId}, name::Name as N}, store, http::self};"
            ),
            ["domain::ids::ZoneId", "domain::ids::PoolId", "domain::name::Name", "store", "http"]
        );
        assert_eq!(found("use crate::http::*;"), ["http"]);
        assert_eq!(found("use crate::{self, http::{self, error}};"), ["", "http", "http::error"]);
    }

    #[test]
    fn paths_in_code_are_found() {
        assert_eq!(
            found("fn f() -> crate::store::Store { crate::http::f::<crate::dns::X>(1) }"),
            ["store::Store", "http::f", "dns::X"]
        );
        assert_eq!(found("$crate::config::x!()"), ["config::x"]);
        assert_eq!(
            found("use coordinator::{Lease, Token}; ::coordinator::f()"),
            ["coordinator!::Lease", "coordinator!::Token"]
        );
        assert_eq!(found("use std::x; other::crate_::y; a::coordinator::b"), Vec::<String>::new());
    }

    #[test]
    fn relative_paths_are_resolved() {
        assert_eq!(
            found("use super::super::worker::Poll; use super::api;"),
            ["actors::worker::Poll", "actors::central::api"]
        );
        assert_eq!(
            found("mod inner { use super::super::x; use super::y; } use super::z;"),
            ["actors::central::x", "actors::central::zones::y", "actors::central::z"]
        );
        assert_eq!(found("use self::part::X;"), ["actors::central::zones::part::X"]);
    }

    #[test]
    fn comments_literals_and_tests_do_not_count() {
        let text = r###"
            // use crate::http::A;
            /* use crate::http::B; /* nested */ use crate::http::C; */
            const X: &str = "crate::http::D \" crate::http::E";
            const Y: &str = r#"crate::http::"F"#; const Z: &[u8] = br"crate::http::G\";
            fn f<'a>(q: char) -> bool { q == '"' || q == '\'' || q == '{' }
            #[cfg(test)] mod tests { use crate::http::H; mod deep { use crate::http::I; } }
            use crate::clock::J;
        "###;
        assert_eq!(found(text), ["clock::J"]);
    }
}
