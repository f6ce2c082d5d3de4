//! Settings of who may do what.

use std::path::PathBuf;

use super::reader::Section;
use crate::domain::policy::Defaults;

/// `[policy]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyConfig {
    /// File whose rules replace the built-in ones of the same names.
    pub file: Option<PathBuf>,
    /// Folders of more such files.
    pub dirs: Vec<PathBuf>,
    /// How the built-in rules are read.
    pub defaults: Defaults,
}

impl PolicyConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        Self {
            file: s.optional(
                "file",
                &PathBuf::from("/etc/ordain/policy.yaml"),
                "File whose rules replace the built-in ones of the same names: YAML in the language of oslo.policy.",
            ),
            dirs: s.get(
                "dirs",
                Vec::new(),
                "Folders of more such files (*.yaml, *.yml, *.json), read after it and in the order of their names; the last rule of a name counts.",
            ),
            defaults: Defaults {
                enforce_scope: s.get(
                    "enforce_scope",
                    true,
                    "Tokens for a domain or the whole cloud are refused where one for a project is wanted.",
                ),
                tell_roles_apart: s.get(
                    "enforce_new_defaults",
                    true,
                    "The built-in rules tell reader, member and admin apart; false: whoever owns a thing may do everything with it.",
                ),
            },
        }
    }
}
