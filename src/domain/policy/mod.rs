//! Who may do what: rules as data, in the language of `oslo.policy`.
//!
//! Invariants: every rule the service asks for exists (`Rule` is a closed set); a loaded policy has no unknown
//! reference and no cycle, so checking never fails; a policy is immutable and cheap to share.

mod defaults;
mod eval;
mod in_force;
mod parse;
mod target;

use std::collections::BTreeMap;

pub use defaults::Rule;
pub use in_force::PolicyInForce;
pub use parse::{ParseError, ParseErrorKind};
pub use target::{Attribute, Target};

use super::identity::{Identity, TokenScope};
use parse::Check;

/// A complete set of rules, ready to be asked.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The known rules first, in the order of `Rule::ALL`; then the ones that only an operator's file defines.
    checks: Vec<Check>,
    /// Names and texts, in the same order.
    texts: Vec<(String, String)>,
    enforce_scope: bool,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The caller may do it.
    Allowed,
    /// The caller may not.
    Forbidden,
    /// Nobody may with a token of this scope.
    WrongScope,
}

/// How the built-in rules are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// Tokens for a domain or the whole cloud are refused where a rule wants one for a project.
    pub enforce_scope: bool,
    /// Roles below admin are told apart; otherwise whoever owns a thing may do everything with it.
    pub tell_roles_apart: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { enforce_scope: true, tell_roles_apart: true }
    }
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
    /// A rule that the service does not ask and no other rule refers to: most likely its name is misspelt.
    #[error(
        "policy rule {rule} is unknown: the service asks for no such rule, and no other rule refers to it"
    )]
    Unused {
        /// The rule.
        rule: String,
    },
    /// Rules refer to each other in a circle.
    #[error("policy rules refer to each other in a circle: {}", path.join(" -> "))]
    Cycle {
        /// The circle, its first rule repeated at the end.
        path: Vec<String>,
    },
}

impl PolicyError {
    /// The rule whose text is to be set right.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::Syntax { rule, .. } | Self::UnknownReference { rule, .. } | Self::Unused { rule } => rule,
            Self::Cycle { path } => path.first().map_or("", String::as_str),
        }
    }
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
        Self::new(Defaults::default(), overrides)
    }

    /// As [`Self::with_overrides`], over built-in rules that are read as `defaults` says.
    ///
    /// # Errors
    /// As [`Self::with_overrides`].
    pub fn new<K, V>(
        defaults: Defaults,
        overrides: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, PolicyError>
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let built_in = |rule: &Rule| match defaults.tell_roles_apart {
            true => rule.default_text().to_owned(),
            false => rule.legacy_text().to_owned(),
        };
        let mut names: Vec<String> = Rule::ALL.iter().map(|rule| rule.name().to_owned()).collect();
        let mut texts: Vec<String> = Rule::ALL.iter().map(built_in).collect();
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
        if let Some(path) = find_cycle(&checks) {
            let path = path.into_iter().filter_map(|at| names.get(at).cloned()).collect();
            return Err(PolicyError::Cycle { path });
        }
        let mut referred = Vec::new();
        checks.iter().for_each(|check| check.references(&mut referred));
        let own = names.iter().enumerate().skip(Rule::ALL.len());
        if let Some((_, rule)) = own.into_iter().find(|(at, _)| !referred.contains(at)) {
            return Err(PolicyError::Unused { rule: rule.clone() });
        }
        let texts = names.into_iter().zip(texts).collect();
        Ok(Self { checks, texts, enforce_scope: defaults.enforce_scope })
    }

    /// All rules in force with their texts: those of the service, then those that only an operator's file defines.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// What `rule` says about `caller` doing what it guards to `target`.
    #[must_use]
    pub fn decide(&self, rule: Rule, caller: &Identity, target: &Target<'_>) -> Decision {
        let wrong_scope = caller.scope != TokenScope::Project && rule.wants_project_scope();
        if caller.system {
            Decision::Allowed
        } else if self.enforce_scope && wrong_scope {
            Decision::WrongScope
        } else if self.checks.get(rule as usize).is_some_and(|check| self.holds(check, caller, target)) {
            Decision::Allowed
        } else {
            Decision::Forbidden
        }
    }

    /// True if `caller` may do what `rule` guards to `target`. A service acting on its own always may.
    #[must_use]
    pub fn check(&self, rule: Rule, caller: &Identity, target: &Target<'_>) -> bool {
        self.decide(rule, caller, target) == Decision::Allowed
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
