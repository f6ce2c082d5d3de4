//! The rule language: `role:x`, `project_id:%(key)s`, `'LITERAL':%(key)s`, `True:%(key)s`, `None:%(key)s`,
//! `rule:name`, `@`, `!`, `and`, `or`, `not`, parentheses; `not` binds tighter than `and`, `and` tighter than `or`.
//!
//! Invariants: recursive descent with bounded depth; every attribute and reference is resolved here, so that
//! evaluation cannot meet an unknown one. An empty text means "always", as in `oslo.policy`.

use super::target::Attribute;

/// Parentheses and `not` may nest this deep.
const MAX_DEPTH: usize = 64;

/// A compiled rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    Always,
    Never,
    Role(Value),
    Equal(Subject, Value),
    /// Another rule, by its place in the policy.
    Rule(usize),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Check {
    /// Collects the rules this one refers to.
    pub(super) fn references(&self, into: &mut Vec<usize>) {
        match self {
            Self::Rule(at) => into.push(*at),
            Self::Not(check) => check.references(into),
            Self::And(checks) | Self::Or(checks) => checks.iter().for_each(|check| check.references(into)),
            Self::Always | Self::Never | Self::Role(_) | Self::Equal(..) => {}
        }
    }
}

/// The left side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Literal(String),
    /// The caller's project.
    Project,
    /// The caller's user id.
    User,
    /// `True` if the caller has the role admin.
    IsAdmin,
    /// `all` if the caller's token is for the whole cloud.
    SystemScope,
    /// `None`: equal to an unset attribute.
    Nothing,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Literal(String),
    Attribute(Attribute),
}

/// A rule text that is not in the language.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{kind} near {near:?}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The part of the text where it shows; empty at the end.
    pub near: String,
}

/// What can be wrong with a rule text.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// A quote or a `%(` is never closed.
    #[error("unclosed quote or attribute")]
    Unclosed,
    /// Another word or parenthesis was expected here.
    #[error("misplaced word or parenthesis")]
    Misplaced,
    /// The text ends in the middle of an expression.
    #[error("unexpected end")]
    UnexpectedEnd,
    /// Neither a check nor an operator.
    #[error("not a check")]
    NotACheck,
    /// The kind of check, left of the colon, does not exist.
    #[error("unknown kind of check")]
    UnknownKind,
    /// `%(key)s` names an attribute that targets do not have.
    #[error("unknown attribute")]
    UnknownAttribute,
    /// `rule:name` names a rule that nobody defines.
    #[error("unknown rule")]
    UnknownRule,
    /// Nested deeper than 64.
    #[error("nested too deeply")]
    TooDeep,
}

/// Compiles `text`; `resolve` finds the place of a rule by its name.
pub(super) fn parse(text: &str, resolve: &dyn Fn(&str) -> Option<usize>) -> Result<Check, ParseError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Check::Always);
    }
    let mut parser = Parser { tokens: &tokens, resolve };
    let check = parser.any(0)?;
    match parser.tokens.first() {
        None => Ok(check),
        Some(token) => Err(error(ParseErrorKind::Misplaced, token.text())),
    }
}

fn error(kind: ParseErrorKind, near: &str) -> ParseError {
    ParseError { kind, near: near.to_owned() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Open,
    Close,
    And,
    Or,
    Not,
    Check(&'t str),
}

impl<'t> Token<'t> {
    fn word(text: &'t str) -> Self {
        if text.eq_ignore_ascii_case("and") {
            Self::And
        } else if text.eq_ignore_ascii_case("or") {
            Self::Or
        } else if text.eq_ignore_ascii_case("not") {
            Self::Not
        } else {
            Self::Check(text)
        }
    }

    fn text(self) -> &'t str {
        match self {
            Self::Open => "(",
            Self::Close => ")",
            Self::And => "and",
            Self::Or => "or",
            Self::Not => "not",
            Self::Check(text) => text,
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '(' => {
                tokens.push(Token::Open);
                1
            }
            ')' => {
                tokens.push(Token::Close);
                1
            }
            _ => {
                let (word, _) = rest.split_at(word_length(rest)?);
                tokens.push(Token::word(word));
                word.len()
            }
        };
        rest = rest.split_at(taken).1.trim_start();
    }
    Ok(tokens)
}

/// How many bytes the word at the start has: up to white space or a parenthesis outside quotes and `%(…)`.
fn word_length(text: &str) -> Result<usize, ParseError> {
    let mut closing = None;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match closing {
            Some(end) if c == end => closing = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => closing = Some(c),
            None if c == '(' && previous == '%' => closing = Some(')'),
            None if c.is_whitespace() || c == '(' || c == ')' => return Ok(at),
            None => {}
        }
        previous = c;
    }
    if closing.is_some() { Err(error(ParseErrorKind::Unclosed, text)) } else { Ok(text.len()) }
}

struct Parser<'t> {
    tokens: &'t [Token<'t>],
    resolve: &'t dyn Fn(&str) -> Option<usize>,
}

impl<'t> Parser<'t> {
    fn take(&mut self) -> Option<Token<'t>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    fn take_if(&mut self, token: Token<'_>) -> bool {
        let found = self.tokens.first() == Some(&token);
        if found {
            self.take();
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Check, ParseError> {
        let first = self.all(depth)?;
        let mut alternatives = vec![first];
        while self.take_if(Token::Or) {
            alternatives.push(self.all(depth)?);
        }
        Ok(single_or(alternatives, Check::Or))
    }

    fn all(&mut self, depth: usize) -> Result<Check, ParseError> {
        let first = self.one(depth)?;
        let mut terms = vec![first];
        while self.take_if(Token::And) {
            terms.push(self.one(depth)?);
        }
        Ok(single_or(terms, Check::And))
    }

    fn one(&mut self, depth: usize) -> Result<Check, ParseError> {
        if depth > MAX_DEPTH {
            return Err(error(ParseErrorKind::TooDeep, self.tokens.first().map_or("", |token| token.text())));
        }
        match self.take() {
            Some(Token::Not) => Ok(Check::Not(Box::new(self.one(depth + 1)?))),
            Some(Token::Open) => {
                let inner = self.any(depth + 1)?;
                match self.take() {
                    Some(Token::Close) => Ok(inner),
                    Some(token) => Err(error(ParseErrorKind::Misplaced, token.text())),
                    None => Err(error(ParseErrorKind::UnexpectedEnd, "")),
                }
            }
            Some(Token::Check(text)) => check(text, self.resolve),
            Some(token) => Err(error(ParseErrorKind::Misplaced, token.text())),
            None => Err(error(ParseErrorKind::UnexpectedEnd, "")),
        }
    }
}

fn single_or(mut checks: Vec<Check>, many: fn(Vec<Check>) -> Check) -> Check {
    match checks.pop() {
        Some(only) if checks.is_empty() => only,
        Some(last) => {
            checks.push(last);
            many(checks)
        }
        None => Check::Never,
    }
}

fn check(text: &str, resolve: &dyn Fn(&str) -> Option<usize>) -> Result<Check, ParseError> {
    match text {
        "@" => return Ok(Check::Always),
        "!" => return Ok(Check::Never),
        _ => {}
    }
    let (kind, expected) = split_at_colon(text).ok_or_else(|| error(ParseErrorKind::NotACheck, text))?;
    Ok(match kind {
        "rule" => Check::Rule(resolve(expected).ok_or_else(|| error(ParseErrorKind::UnknownRule, expected))?),
        "role" => Check::Role(value(expected)?),
        "project_id" | "tenant_id" | "tenant" => Check::Equal(Subject::Project, value(expected)?),
        "user_id" | "user" => Check::Equal(Subject::User, value(expected)?),
        "system_scope" => Check::Equal(Subject::SystemScope, value(expected)?),
        "is_admin" => Check::Equal(Subject::IsAdmin, value(expected)?),
        "None" => Check::Equal(Subject::Nothing, value(expected)?),
        "True" | "False" => Check::Equal(Subject::Literal(kind.to_owned()), value(expected)?),
        _ => {
            let literal = unquoted(kind).ok_or_else(|| error(ParseErrorKind::UnknownKind, kind))?;
            Check::Equal(Subject::Literal(literal.to_owned()), value(expected)?)
        }
    })
}

/// Splits at the first colon outside quotes.
fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let mut closing = None;
    for (at, c) in text.char_indices() {
        match closing {
            Some(end) if c == end => closing = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => closing = Some(c),
            None if c == ':' => return Some((text.get(..at)?, text.get(at + 1..)?)),
            None => {}
        }
    }
    None
}

fn unquoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn value(text: &str) -> Result<Value, ParseError> {
    let Some(key) = text.strip_prefix("%(") else {
        return if text.is_empty() || text.contains('%') {
            Err(error(ParseErrorKind::NotACheck, text))
        } else {
            Ok(Value::Literal(unquoted(text).unwrap_or(text).to_owned()))
        };
    };
    let key = key.strip_suffix(")s").ok_or_else(|| error(ParseErrorKind::NotACheck, text))?;
    Attribute::from_name(key)
        .map(Value::Attribute)
        .ok_or_else(|| error(ParseErrorKind::UnknownAttribute, key))
}
