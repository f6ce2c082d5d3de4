//! `ordain config`: checks and shows the configuration.

use clap::Subcommand;
use ordain::config::Config;
use ordain::deployment::check_files;

use super::Configured;

/// `ordain config …`
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Tells every mistake at once, or that there is none; reads the policy and pool files too.
    Check(Configured),
    /// Prints the values in force, secrets left out.
    Show(Configured),
    /// Prints a file with every key, each commented out at its default.
    Sample,
}

impl ConfigCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check(from) => {
                check_files(&from.load()?).map_err(super::WrongConfiguration)?;
                super::say("the configuration is fine\n")
            }
            Self::Show(from) => super::say(from.sources().show()?),
            Self::Sample => super::say(Config::sample()),
        }
    }
}
