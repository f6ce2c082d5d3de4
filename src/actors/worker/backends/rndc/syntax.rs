//! The syntax of named.conf: words, quoted strings, braces, semicolons; comments as in C, C++ and shell.
//!
//! Invariants: malformed text is an error that says where reading stopped, never a panic.

use std::collections::HashMap;

use thiserror::Error;

/// The text ends within a string, a comment or a statement, or its braces do not pair up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("malformed near {near:?}")]
pub struct SyntaxError {
    /// The word where reading stopped.
    pub near: String,
}

/// Splits a text into its statements.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>, SyntaxError> {
    statements(&tokens(text)?)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

impl Token {
    fn near(token: Option<&Self>) -> SyntaxError {
        let near = match token {
            Some(Self::Word(word)) => word.clone(),
            Some(Self::Open) => "{".to_owned(),
            Some(Self::Close) => "}".to_owned(),
            Some(Self::End) => ";".to_owned(),
            None => "the end".to_owned(),
        };
        SyntaxError { near }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let unended = |near: &str| SyntaxError { near: near.chars().take(20).collect() };
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
