//! Cuts a zone file into entries and their fields.
//!
//! Invariants: an entry is one line, or more if parentheses hold them together; comments and empty entries never get
//! out; escapes stay in the fields as they are.

use super::error::{Problem, ZoneFileError};
use crate::domain::rdata::Field;

/// Where an entry starts and whether its first field is an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: u32,
    /// True if the line starts with a blank.
    pub(super) is_indented: bool,
}

#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// Puts the fields of the next entry into `fields`; `None` at the end of the text.
    pub(super) fn next_entry(&mut self, fields: &mut Vec<Field<'a>>) -> Result<Option<Entry>, ZoneFileError> {
        fields.clear();
        let mut entry = self.start();
        let mut is_open = false;
        while let Some(octet) = self.peek() {
            match octet {
                b'\n' => {
                    self.at += 1;
                    self.line = self.line.saturating_add(1);
                    if is_open {
                        continue;
                    }
                    if !fields.is_empty() {
                        return Ok(Some(entry));
                    }
                    entry = self.start();
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.skip_comment(),
                b'(' | b')' => {
                    if is_open == (octet == b'(') {
                        return Err(self.fail(Problem::Parenthesis));
                    }
                    is_open = !is_open;
                    self.at += 1;
                }
                _ => {
                    if fields.is_empty() {
                        entry.line = self.line;
                    }
                    fields.push(if octet == b'"' { self.quoted()? } else { self.word()? });
                }
            }
        }
        if is_open {
            return Err(ZoneFileError { line: entry.line, problem: Problem::Parenthesis });
        }
        Ok(Some(entry).filter(|_| !fields.is_empty()))
    }

    fn start(&self) -> Entry {
        Entry { line: self.line, is_indented: matches!(self.peek(), Some(b' ' | b'\t')) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    const fn fail(&self, problem: Problem) -> ZoneFileError {
        ZoneFileError { line: self.line, problem }
    }

    fn skip_comment(&mut self) {
        while self.peek().is_some_and(|octet| octet != b'\n') {
            self.at += 1;
        }
    }

    /// A field that ends before a blank, a quote or a character with a meaning of its own.
    fn word(&mut self) -> Result<Field<'a>, ZoneFileError> {
        let start = self.at;
        self.scan(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"'))?;
        Ok(Field { text: self.text.get(start..self.at).unwrap_or_default(), quoted: false })
    }

    /// A field in quotes; its end must be on the same line.
    fn quoted(&mut self) -> Result<Field<'a>, ZoneFileError> {
        self.at += 1;
        let start = self.at;
        self.scan(|octet| matches!(octet, b'"' | b'\n'))?;
        if self.peek() != Some(b'"') {
            return Err(self.fail(Problem::Quote));
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Field { text, quoted: true })
    }

    /// Goes to the first octet that ends the field and is not escaped, or to the end of the text.
    fn scan(&mut self, ends: impl Fn(u8) -> bool) -> Result<(), ZoneFileError> {
        while let Some(octet) = self.peek() {
            if ends(octet) {
                return Ok(());
            }
            self.at += 1;
            if octet == b'\\' {
                match self.peek() {
                    None | Some(b'\n' | b'\r') => return Err(self.fail(Problem::Escape)),
                    Some(_) => self.at += 1,
                }
            }
        }
        Ok(())
    }
}
