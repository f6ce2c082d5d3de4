//! The policy that a deployment goes by: the built-in rules, and those of the operator's files.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::Config;
use crate::config::policy_file::{self, RuleLine};
use crate::domain::policy::Policy;

/// Where a rule is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)
    }
}

/// The policy as it is configured.
///
/// # Errors
/// The first thing in its files that is wrong, with file and line.
pub fn load(config: &Config) -> Result<Policy, StartError> {
    load_with_origins(config).map(|(policy, _)| policy)
}

/// As [`load`], and where the rules are from that are not built in.
///
/// # Errors
/// As [`load`].
pub fn load_with_origins(config: &Config) -> Result<(Policy, BTreeMap<String, Origin>), StartError> {
    let mut texts = Vec::new();
    let mut origins = BTreeMap::new();
    for file in files(config)? {
        let text = std::fs::read_to_string(&file).map_err(|source| unreadable(&file, source))?;
        let rules = policy_file::parse(&text)
            .map_err(|source| StartError::PolicyFileForm { path: file.display().to_string(), source })?;
        for RuleLine { name, text, line } in rules {
            origins.insert(name.clone(), Origin { file: file.clone(), line });
            texts.push((name, text));
        }
    }
    match Policy::new(config.policy.defaults, texts) {
        Ok(policy) => Ok((policy, origins)),
        Err(source) => {
            let at = origins.get(source.rule()).map_or_else(|| String::from("built in"), Origin::to_string);
            Err(StartError::Policy { at, source })
        }
    }
}

/// The files in the order they are read.
fn files(config: &Config) -> Result<Vec<PathBuf>, StartError> {
    let mut files: Vec<PathBuf> = config.policy.file.iter().cloned().collect();
    for folder in &config.policy.dirs {
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = entries.map_err(|source| unreadable(folder, source))?;
        let mut found: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        found.retain(|path| is_policy(path));
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn is_policy(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let known = path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
    known && !hidden && path.is_file()
}

fn unreadable(path: &Path, source: io::Error) -> StartError {
    StartError::PolicyFile { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PolicyConfig;
    use crate::domain::identity::Identity;
    use crate::domain::policy::{Rule, Target};

    fn with(folder: &Path, files: &[(&str, &str)]) -> Config {
        let dir = folder.join("policy.d");
        std::fs::create_dir_all(&dir).unwrap();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let file = Some(folder.join("policy.yaml"));
        let policy = PolicyConfig { file, dirs: vec![dir], ..Config::default().policy };
        Config { policy, ..Config::default() }
    }

    #[test]
    fn folders_are_read_after_the_file_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("policy.yaml", "get_zone: '!'\nget_tld: '!'\n"),
            ("policy.d/20.yaml", "get_zone: 'rule:helper'\nhelper: 'role:x'\n"),
            ("policy.d/10.json", "{\"get_zone\": \"!\", \"create_zone\": \"@\"}"),
            ("policy.d/.hidden.yaml", "[broken"),
            ("policy.d/notes.txt", "[broken"),
        ];
        let (policy, origins) = load_with_origins(&with(folder.path(), &files)).unwrap();
        let x = Identity { roles: vec!["x".into()], ..Identity::default() };
        let says = |rule| policy.check(rule, &x, &Target::default());
        assert!(says(Rule::GetZone) && says(Rule::CreateZone) && !says(Rule::GetTld));
        assert_eq!(
            origins["get_zone"].to_string(),
            format!("{}, line 1", folder.path().join("policy.d/20.yaml").display())
        );
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        for (text, line, said) in [
            ("get_zone: '@'\n\nget_tld: 'role:'\n", "line 3", "get_tld"),
            ("get_tld: 'rule:absent'\n", "line 1", "absent"),
            ("a: 'rule:b'\nb: 'rule:a'\n", "line 1", "circle"),
            ("get_zone: '@'\nget_zoone: '@'\n", "line 2", "get_zoone is unknown"),
            ("get_zone: '@'\nget_zone: '@'\n", "line 2", "twice"),
            ("get_zone: ['role:admin']\n", "line 1", "text"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let error = load(&with(folder.path(), &[("policy.yaml", text)])).unwrap_err();
            let told = format!("{:#}", anyhow::Error::from(error));
            assert!(told.contains(line) && told.contains(said) && told.contains("policy.yaml"), "{told}");
        }
    }
}
