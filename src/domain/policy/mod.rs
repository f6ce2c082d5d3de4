//! Who may do what: rules as data, in the language of `oslo.policy`.
//!
//! Invariants: every rule the service asks for exists (`Rule` is a closed set); a loaded policy has no unknown
//! reference and no cycle, so checking never fails; a policy is immutable and cheap to share.

mod defaults;
mod eval;
mod parse;
mod target;

use std::collections::BTreeMap;

pub use defaults::Rule;
pub use parse::{ParseError, ParseErrorKind};
pub use target::{Attribute, Target};

use super::identity::Identity;
use parse::Check;

/// A complete set of rules, ready to be asked.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The known rules first, in the order of `Rule::ALL`; then the ones that only an operator's file defines.
    checks: Vec<Check>,
}

/// Why an operator's rules were refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    /// The text of a rule is not in the rule language.
    #[error("policy rule {rule}")]
    Syntax {
        /// The rule.
        rule: String,
        /// What is wrong with its text.
        source: ParseError,
    },
    /// A rule refers to one that nobody defines.
    #[error("policy rule {rule} refers to the unknown rule {unknown}")]
    UnknownReference {
        /// The rule that refers.
        rule: String,
        /// The name it refers to.
        unknown: String,
    },
    /// Rules refer to each other in a circle.
    #[error("policy rules refer to each other in a circle: {}", path.join(" -> "))]
    Cycle {
        /// The circle, its first rule repeated at the end.
        path: Vec<String>,
    },
}

impl Policy {
    /// The rules as they are without any file.
    ///
    /// # Errors
    /// None in practice: a test loads the built-in texts.
    pub fn defaults() -> Result<Self, PolicyError> {
        Self::with_overrides(std::iter::empty::<(&str, &str)>())
    }

    /// The defaults with some texts replaced, and helper rules of the operator's own added. Of two texts for one
    /// rule the later wins.
    ///
    /// # Errors
    /// The first text that does not parse, refers to an unknown rule, or closes a circle.
    pub fn with_overrides<K, V>(overrides: impl IntoIterator<Item = (K, V)>) -> Result<Self, PolicyError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let mut names: Vec<String> = Rule::ALL.iter().map(|rule| rule.name().to_owned()).collect();
        let mut texts: Vec<String> = Rule::ALL.iter().map(|rule| rule.default_text().to_owned()).collect();
        let mut index: BTreeMap<String, usize> =
            names.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        for (name, text) in overrides {
            let (name, text) = (name.as_ref(), text.as_ref());
            match index.get(name).and_then(|at| texts.get_mut(*at)) {
                Some(slot) => text.clone_into(slot),
                None => {
                    index.insert(name.to_owned(), texts.len());
                    names.push(name.to_owned());
                    texts.push(text.to_owned());
                }
            }
        }
        let mut checks = Vec::with_capacity(texts.len());
        for (name, text) in names.iter().zip(&texts) {
            checks.push(compile(name, text, &index)?);
        }
        match find_cycle(&checks) {
            Some(path) => Err(PolicyError::Cycle {
                path: path.into_iter().filter_map(|at| names.get(at).cloned()).collect(),
            }),
            None => Ok(Self { checks }),
        }
    }

    /// True if `caller` may do what `rule` guards to `target`. A service acting on its own always may.
    #[must_use]
    pub fn check(&self, rule: Rule, caller: &Identity, target: &Target<'_>) -> bool {
        caller.system || self.checks.get(rule as usize).is_some_and(|check| self.holds(check, caller, target))
    }
}

fn compile(name: &str, text: &str, index: &BTreeMap<String, usize>) -> Result<Check, PolicyError> {
    parse::parse(text, &|reference| index.get(reference).copied()).map_err(|source| match source.kind {
        ParseErrorKind::UnknownRule => {
            PolicyError::UnknownReference { rule: name.to_owned(), unknown: source.near }
        }
        _ => PolicyError::Syntax { rule: name.to_owned(), source },
    })
}

/// A circle of references, its first element repeated at the end; `None` if there is none.
fn find_cycle(checks: &[Check]) -> Option<Vec<usize>> {
    fn visit(at: usize, checks: &[Check], done: &mut [bool], path: &mut Vec<usize>) -> Option<Vec<usize>> {
        if let Some(start) = path.iter().position(|seen| *seen == at) {
            return Some(path.iter().skip(start).copied().chain([at]).collect());
        }
        if done.get(at).copied().unwrap_or(true) {
            return None;
        }
        path.push(at);
        let mut references = Vec::new();
        if let Some(check) = checks.get(at) {
            check.references(&mut references);
        }
        let found = references.into_iter().find_map(|next| visit(next, checks, done, path));
        path.pop();
        if let Some(slot) = done.get_mut(at) {
            *slot = true;
        }
        found
    }
    let mut done = vec![false; checks.len()];
    (0..checks.len()).find_map(|at| visit(at, checks, &mut done, &mut Vec::new()))
}

#[cfg(test)]
mod tests;
