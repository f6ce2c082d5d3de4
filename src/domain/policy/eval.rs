//! Evaluates a compiled rule for one caller and one target.
//!
//! Invariants: total, without allocation; references were resolved and found free of circles at load.

use super::Policy;
use super::parse::{Check, Subject, Value};
use super::target::{Attribute, Target, truth};
use crate::domain::identity::{Identity, TokenScope};
use crate::domain::ids::ProjectId;

impl Policy {
    pub(super) fn holds(&self, check: &Check, caller: &Identity, target: &Target<'_>) -> bool {
        match check {
            Check::Always => true,
            Check::Never => false,
            Check::Role(role) => value(role, caller, target).is_some_and(|role| caller.has_role(role)),
            Check::Equal(Subject::Nothing, expected) => value(expected, caller, target).is_none(),
            Check::Equal(subject, expected) => {
                match (given(subject, caller), value(expected, caller, target)) {
                    (Some(given), Some(expected)) => given == expected,
                    _ => false,
                }
            }
            Check::Rule(at) => self.checks.get(*at).is_some_and(|check| self.holds(check, caller, target)),
            Check::Not(check) => !self.holds(check, caller, target),
            Check::And(all) => all.iter().all(|check| self.holds(check, caller, target)),
            Check::Or(any) => any.iter().any(|check| self.holds(check, caller, target)),
        }
    }
}

fn given<'a>(subject: &'a Subject, caller: &'a Identity) -> Option<&'a str> {
    match subject {
        Subject::Literal(text) => Some(text),
        Subject::Project => caller.project.as_ref().map(ProjectId::as_str),
        Subject::User => caller.user.as_deref(),
        Subject::IsAdmin => Some(truth(caller.has_role("admin"))),
        Subject::SystemScope => (caller.scope == TokenScope::System).then_some("all"),
        Subject::Nothing => None,
    }
}

fn value<'a>(value: &'a Value, caller: &Identity, target: &Target<'a>) -> Option<&'a str> {
    match value {
        Value::Literal(text) => Some(text),
        Value::Attribute(Attribute::AllTenants) => Some(truth(caller.flags.all_projects)),
        Value::Attribute(attribute) => attribute.of(target),
    }
}
