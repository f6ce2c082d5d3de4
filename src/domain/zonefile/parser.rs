//! Reads the entries of a zone file: directives and records.

use super::error::{Problem, ZoneFileError};
use super::lexer::{Entry, Lexer};
use super::{MAX_RECORDS, MAX_TEXT, ZoneFile, ZoneRecord};
use crate::domain::name::Name;
use crate::domain::rdata::{Field, RData, complete_name, parse_seconds};
use crate::domain::record_type::RecordType;
use crate::domain::ttl::Ttl;

/// Reads a zone file. With `default_origin`, names are relative to it until an `$ORIGIN`; without, the file must have
/// an `$ORIGIN` before its first record.
///
/// # Errors
/// The first problem, with its line.
pub fn parse(text: &str, default_origin: Option<&Name>) -> Result<ZoneFile, ZoneFileError> {
    if text.len() > MAX_TEXT {
        return Err(ZoneFileError { line: 1, problem: Problem::TooLarge });
    }
    let mut state = State { origin: default_origin.cloned(), ..State::default() };
    let mut lexer = Lexer::new(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut fields = Vec::new();
    while let Some(entry) = lexer.next_entry(&mut fields)? {
        let done = match fields.as_slice() {
            [Field { text, quoted: false }, values @ ..] if text.starts_with('$') => {
                state.direct(text, values)
            }
            fields => state.record(entry, fields),
        };
        done.map_err(|problem| ZoneFileError { line: entry.line, problem })?;
    }
    let Some(origin) = state.zone.or_else(|| default_origin.cloned()) else {
        return Err(ZoneFileError { line: 1, problem: Problem::NoOrigin });
    };
    Ok(ZoneFile { origin, default_ttl: state.first_ttl, records: state.records })
}

#[derive(Debug, Default)]
struct State {
    /// The first `$ORIGIN`, if before all records.
    zone: Option<Name>,
    origin: Option<Name>,
    owner: Option<Name>,
    first_ttl: Option<Ttl>,
    default_ttl: Option<Ttl>,
    last_ttl: Option<Ttl>,
    records: Vec<ZoneRecord>,
}

impl State {
    fn direct(&mut self, directive: &str, values: &[Field<'_>]) -> Result<(), Problem> {
        let value = match values {
            [Field { text, quoted: false }] => Ok(*text),
            _ => Err(Problem::Directive { directive: directive.into() }),
        };
        match directive.to_ascii_uppercase().as_str() {
            "$ORIGIN" => {
                let origin = self.name(value?)?;
                if self.zone.is_none() && self.records.is_empty() {
                    self.zone = Some(origin.clone());
                }
                self.origin = Some(origin);
                Ok(())
            }
            "$TTL" => {
                self.default_ttl = Some(read_ttl(value?).ok_or(Problem::Ttl)??);
                self.first_ttl = self.first_ttl.or(self.default_ttl);
                Ok(())
            }
            refused @ ("$INCLUDE" | "$GENERATE") => Err(Problem::Refused { directive: refused.into() }),
            _ => Err(Problem::Directive { directive: directive.into() }),
        }
    }

    fn record(&mut self, entry: Entry, fields: &[Field<'_>]) -> Result<(), Problem> {
        if self.origin.is_none() {
            return Err(Problem::NoOrigin);
        }
        if self.records.len() >= MAX_RECORDS {
            return Err(Problem::TooLarge);
        }
        let mut rest = fields;
        if !entry.is_indented
            && let Some((owner, after)) = fields.split_first()
        {
            self.owner = Some(self.name(unquoted(*owner).ok_or(Problem::NoOwner)?)?);
            rest = after;
        }
        let name = self.owner.clone().ok_or(Problem::NoOwner)?;
        let (own_ttl, rtype, values) = read_head(rest)?;
        let data = RData::from_fields(rtype, values, self.origin.as_ref())
            .map_err(|error| Problem::Data { error })?;
        let ttl = own_ttl.or(self.default_ttl).or(self.last_ttl).or_else(|| match &data {
            RData::Soa(soa) => Some(Ttl::from_wire(soa.minimum)),
            _ => None,
        });
        self.last_ttl = ttl;
        self.records.push(ZoneRecord { line: entry.line, name, ttl, data });
        Ok(())
    }

    fn name(&self, text: &str) -> Result<Name, Problem> {
        complete_name(text, self.origin.as_ref()).map_err(|error| Problem::Name { error })
    }
}

/// What stands between owner and data: TTL and class in either order, each at most once, then the type.
fn read_head<'f, 'a>(fields: &'f [Field<'a>]) -> Result<(Option<Ttl>, RecordType, &'f [Field<'a>]), Problem> {
    let (mut ttl, mut has_class, mut rest) = (None, false, fields);
    loop {
        let (field, after) = rest.split_first().ok_or(Problem::NoType)?;
        let word = unquoted(*field).ok_or_else(|| Problem::Type { word: field.text.into() })?;
        if let Some(seconds) = read_ttl(word).filter(|_| ttl.is_none()) {
            ttl = Some(seconds?);
        } else if !has_class && is_class(word) {
            if !word.eq_ignore_ascii_case("IN") && !word.eq_ignore_ascii_case("CLASS1") {
                return Err(Problem::Class { class: word.into() });
            }
            has_class = true;
        } else {
            let rtype = word.parse().map_err(|_| Problem::Type { word: word.into() })?;
            return Ok((ttl, rtype, after));
        }
        rest = after;
    }
}

fn unquoted<'a>(field: Field<'a>) -> Option<&'a str> {
    (!field.quoted).then_some(field.text)
}

/// `None` if the word is not meant as a TTL.
fn read_ttl(word: &str) -> Option<Result<Ttl, Problem>> {
    word.starts_with(|c: char| c.is_ascii_digit())
        .then(|| parse_seconds(word).and_then(|s| Ttl::try_from(s).ok()).ok_or(Problem::Ttl))
}

fn is_class(word: &str) -> bool {
    let is_generic = || {
        word.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("CLASS"))
            && word.bytes().skip(5).all(|b| b.is_ascii_digit())
    };
    ["IN", "CH", "HS", "CS"].iter().any(|class| word.eq_ignore_ascii_case(class)) || is_generic()
}
