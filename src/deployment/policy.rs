//! The policy that a deployment goes by: the built-in rules, and those of the operator's file.

use std::collections::BTreeMap;

use super::StartError;
use crate::config::Config;
use crate::domain::policy::Policy;

/// Reads the policy file, if there is one: a YAML map from rules to texts in the language of `oslo.policy`.
pub(super) fn load(config: &Config) -> Result<Policy, StartError> {
    let Some(path) = &config.policy_file else { return Ok(Policy::defaults()?) };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|source| StartError::PolicyFile { path: shown.clone(), source })?;
    let rules: Option<BTreeMap<String, String>> = serde_yaml_ng::from_str(&text)
        .map_err(|error| StartError::PolicySyntax { path: shown, reason: error.to_string() })?;
    Ok(Policy::with_overrides(rules.unwrap_or_default())?)
}
