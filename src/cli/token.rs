//! `ordain token`: tokens of the strategy "token".

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ordain::clock::Clock;
use ordain::deployment::open_store;
use ordain::domain::ids::{ProjectId, StaticTokenId};
use ordain::domain::static_token::{SecretToken, StaticToken, TokenHash};
use ordain::domain::time::Timestamp;
use ordain::store::StoreError;
use ordain::store::repo::static_tokens;

use super::Configured;

const DAY: u64 = 86_400;

/// `ordain token …`
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Makes a token and prints it, which is the only time that it is shown: clients send it as X-Auth-Token.
    Create(Wanted),
    /// Lists tokens, one per line: name, user, project, roles, creation, end.
    List(Configured),
    /// Ends a token; it is of no use within seconds.
    Revoke {
        /// Its name.
        name: String,
        #[command(flatten)]
        from: Configured,
    },
}

/// What the token is to be.
#[derive(Debug, Args)]
pub(super) struct Wanted {
    /// What it is called; no two have the same name.
    name: String,
    /// The project that it acts for.
    #[arg(long, value_name = "ID")]
    project: String,
    /// The roles that it gives.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "member,reader")]
    roles: Vec<String>,
    /// The user id of whoever holds it; its name, if not given.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// It ends after so many days; never, if not given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    days: Option<u16>,
    #[command(flatten)]
    from: Configured,
}

impl TokenCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(wanted) => create(wanted),
            Self::List(from) => list(&from),
            Self::Revoke { name, from } => revoke(&name, &from),
        }
    }
}

fn create(Wanted { name, project, roles, user, days, from }: Wanted) -> anyhow::Result<()> {
    let printable = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_control() || c == ',');
    let texts = [Some(&name), Some(&project), user.as_ref()].into_iter().flatten().chain(&roles);
    for text in texts {
        anyhow::ensure!(printable(text), "{text:?} is empty or has commas or control characters in it");
    }
    let config = from.load()?;
    super::in_system(async move {
        let store = open_store(&config).await?;
        store.migrate().await?;
        let secret = SecretToken::of(rand::random());
        let now = Clock::system().now();
        let token = StaticToken {
            id: StaticTokenId::random(),
            name,
            user,
            project: Some(ProjectId::new(project)),
            roles,
            created_at: now,
            expires_at: days.map(|days| now.plus(Duration::from_secs(u64::from(days) * DAY))),
        };
        let (token, hash) = (&token, &TokenHash::of(secret.reveal()));
        let made = store.transact(|tx| Box::pin(static_tokens::insert(tx, token, hash))).await;
        if made.as_ref().is_err_and(|error: &StoreError| error.is_unique(static_tokens::NAME_TAKEN)) {
            anyhow::bail!("there is a token named {} already", token.name);
        }
        made?;
        super::say(format_args!("{}\n", secret.reveal()))
    })
}

fn list(from: &Configured) -> anyhow::Result<()> {
    let config = from.load()?;
    super::in_system(async move {
        let store = open_store(&config).await?;
        store.migrate().await?;
        for token in store.read(|tx| Box::pin(static_tokens::all(tx))).await? {
            let user = token.user.as_deref().unwrap_or(&token.name);
            let project = token.project.as_ref().map_or("-", ProjectId::as_str);
            let (made, ends) = (day(token.created_at), token.expires_at.map_or("never".into(), day));
            let (name, roles) = (&token.name, token.roles.join(","));
            super::say(format_args!("{name}\t{user}\t{project}\t{roles}\t{made}\t{ends}\n"))?;
        }
        Ok(())
    })
}

fn revoke(name: &str, from: &Configured) -> anyhow::Result<()> {
    let config = from.load()?;
    super::in_system(async move {
        let store = open_store(&config).await?;
        store.migrate().await?;
        let there = store.transact(|tx| Box::pin(static_tokens::remove(tx, name))).await?;
        there.then_some(()).with_context(|| format!("there is no token named {name}"))
    })
}

fn day(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.seconds()).map_or_else(|_| String::from("-"), |time| time.to_string())
}
