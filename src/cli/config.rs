//! `ordain config`: checks and shows the configuration.

use clap::Subcommand;
use ordain::config::Config;

use super::Configured;

/// `ordain config …`
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Tells every mistake at once, or that there is none.
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
                from.load()?;
                println!("the configuration is fine");
            }
            Self::Show(from) => print!("{}", from.sources().show()?),
            Self::Sample => print!("{}", Config::sample()),
        }
        Ok(())
    }
}
