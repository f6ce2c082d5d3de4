//! `ordain policy`: which rules are in force, and what they say.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ordain::deployment::policy::load_with_origins;
use ordain::domain::identity::{CallerFlags, Identity, TokenScope};
use ordain::domain::ids::ProjectId;
use ordain::domain::policy::{Decision, Rule, Target};

use super::Configured;

/// `ordain policy …`
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Lists the rules in force, one per line: name, text, and the file and line it is from.
    List {
        /// Only those that are not built in.
        #[arg(long)]
        changed: bool,
        #[command(flatten)]
        from: Configured,
    },
    /// Tells whether a caller may do something: prints `allowed`, `forbidden` or `wrong scope`; the exit code is 0 if he may.
    Check(Box<Question>),
}

/// Who does what to what.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// The rule, as `ordain policy list` names it.
    rule: String,
    /// The caller's roles.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    roles: Vec<String>,
    /// The caller's project.
    #[arg(long, value_name = "ID")]
    project: Option<String>,
    /// The caller's user id.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// What the caller's token is for: project, domain or system.
    #[arg(long, value_name = "SCOPE", default_value = "project", value_parser = scope)]
    scope: TokenScope,
    /// The caller asks for all projects.
    #[arg(long)]
    all_projects: bool,
    /// What is known of the thing, such as `project_id=p1`, `zone_type=PRIMARY`, `zone_shared=true`; without any it is the caller's own.
    #[arg(long, value_name = "KEY=VALUE", value_parser = attribute)]
    target: Vec<(String, String)>,
    #[command(flatten)]
    from: Configured,
}

impl PolicyCommand {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { changed, from } => list(&from, changed).map(|()| ExitCode::SUCCESS),
            Self::Check(question) => check(&question),
        }
    }
}

fn list(from: &Configured, changed: bool) -> anyhow::Result<()> {
    let (policy, origins) = load_with_origins(&from.load()?).map_err(super::WrongConfiguration)?;
    let lines = policy.texts().filter_map(|(name, text)| match origins.get(name) {
        Some(origin) => Some(format!("{name}\t{}\t{origin}\n", text.trim())),
        None if changed => None,
        None => Some(format!("{name}\t{text}\tbuilt in\n")),
    });
    super::say(lines.collect::<String>())
}

fn check(question: &Question) -> anyhow::Result<ExitCode> {
    let (policy, _) = load_with_origins(&question.from.load()?).map_err(super::WrongConfiguration)?;
    let rule: Rule = question.rule.parse()?;
    let caller = Identity {
        user: question.user.clone(),
        project: question.project.clone().map(ProjectId::new),
        roles: question.roles.clone(),
        scope: question.scope,
        flags: CallerFlags { all_projects: question.all_projects, ..CallerFlags::default() },
        ..Identity::default()
    };
    let mut target = Target::default();
    if question.target.is_empty() {
        target = Target::owned_by(caller.project.as_ref());
    }
    for (key, value) in &question.target {
        target.set(key, value).with_context(|| format!("no rule can ask for {key}"))?;
    }
    let (word, code) = match policy.decide(rule, &caller, &target) {
        Decision::Allowed => ("allowed", ExitCode::SUCCESS),
        Decision::Forbidden => ("forbidden", ExitCode::FAILURE),
        Decision::WrongScope => ("wrong scope", ExitCode::FAILURE),
    };
    super::say(format_args!("{word}\n"))?;
    Ok(code)
}

fn scope(word: &str) -> Result<TokenScope, String> {
    match word {
        "project" => Ok(TokenScope::Project),
        "domain" => Ok(TokenScope::Domain),
        "system" => Ok(TokenScope::System),
        _ => Err(String::from("must be project, domain or system")),
    }
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| String::from("must be KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}
