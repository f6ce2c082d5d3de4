//! The syntax of named.conf: words, quoted strings, braces, semicolons; comments as in C, C++ and shell.
//!
//! Invariants: malformed text is an error that says in which line reading stopped, never a panic; no word of the text is
//! in it, because any may be a secret.

use std::collections::HashMap;

use thiserror::Error;

/// The text ends within a string, a comment or a statement, or its braces do not pair up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("malformed near line {line}")]
pub struct SyntaxError {
    /// The line where reading stopped, counted from 1.
    pub line: usize,
}

/// Splits a text into its statements.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>, SyntaxError> {
    statements(&tokens(text)?)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Word(String),
    Open,
    Close,
    End,
}

fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    loop {
        let before = rest;
        rest = rest.trim_start();
        line += lines(before, rest);
        let (start, malformed) = (rest, SyntaxError { line });
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if first == '#' || rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            (_, rest) = comment.split_once("*/").ok_or(malformed)?;
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (word, after) = quoted.split_once('"').ok_or(malformed)?;
            tokens.push(Token { kind: Kind::Word(word.to_owned()), line });
            rest = after;
        } else if let Some(kind) = punctuation(first) {
            tokens.push(Token { kind, line });
            rest = rest.get(1..).unwrap_or_default();
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || c == '"' || c == '#' || punctuation(c).is_some())
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            tokens.push(Token { kind: Kind::Word(word.to_owned()), line });
            rest = after;
        }
        line += lines(start, rest);
    }
}

/// How many lines end between the beginning of `text` and `rest`, which is its end.
fn lines(text: &str, rest: &str) -> usize {
    let passed = text.len().saturating_sub(rest.len());
    text.bytes().take(passed).filter(|byte| *byte == b'\n').count()
}

fn punctuation(c: char) -> Option<Kind> {
    match c {
        '{' => Some(Kind::Open),
        '}' => Some(Kind::Close),
        ';' => Some(Kind::End),
        _ => None,
    }
}

/// The words up to a semicolon, and what stood in braces.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// What stands outside the braces.
    pub(crate) words: Vec<String>,
    block: Vec<Token>,
}

impl Statement {
    /// The statements of the block.
    pub(crate) fn inner(&self) -> Result<Vec<Self>, SyntaxError> {
        statements(&self.block)
    }

    /// The simple statements of the block: first word to second word.
    pub(crate) fn settings(&self) -> Result<HashMap<String, String>, SyntaxError> {
        let pairs = self.inner()?.into_iter().filter_map(|statement| {
            let mut words = statement.words.into_iter();
            Some((words.next()?, words.next()?))
        });
        Ok(pairs.collect())
    }
}

fn statements(tokens: &[Token]) -> Result<Vec<Statement>, SyntaxError> {
    let mut statements = Vec::new();
    let mut current = Statement::default();
    let mut depth = 0_usize;
    for token in tokens {
        match &token.kind {
            Kind::Close if depth == 0 => return Err(SyntaxError { line: token.line }),
            Kind::Open if depth == 0 => depth = 1,
            Kind::Close if depth == 1 => depth = 0,
            Kind::End if depth == 0 => statements.push(std::mem::take(&mut current)),
            Kind::Word(word) if depth == 0 => current.words.push(word.clone()),
            inner => {
                match inner {
                    Kind::Open => depth += 1,
                    Kind::Close => depth -= 1,
                    _ => {}
                }
                current.block.push(token.clone());
            }
        }
    }
    if depth == 0 && current.words.is_empty() {
        Ok(statements)
    } else {
        Err(SyntaxError { line: tokens.last().map_or(1, |token| token.line) })
    }
}
