//! `ordain cluster`: the cluster of coordinators.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use ordain::deployment::operator::{GroupLine, Operated, Operation, Operator, Overview};
use serde::Serialize;

use super::Configured;

/// `ordain cluster …`
#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// How the cluster stands: members, leader, groups with their shards, locks, refused strangers.
    Status(Common),
    /// Makes a cluster of all configured processes, none of which may belong to one. They do it themselves once all are there.
    Init(Common),
    /// Takes a new process in, as one that does not vote.
    Add(Address),
    /// Lets a member vote.
    Promote(Named),
    /// Takes a member out.
    Remove(Named),
    /// Puts a new process in the place of a member that will not come back.
    Replace(Replace),
    /// Has another member lead.
    TransferLeader(Transfer),
    /// Writes what the cluster has decided to a file.
    Backup(InFile),
    /// Makes every token from now on greater than all of the cluster that a backup is from.
    Restore(Restore),
}

/// What all of them take.
#[derive(Debug, Args)]
pub(super) struct Common {
    #[command(flatten)]
    from: Configured,
    /// A process to ask first, if not one of the configured ones: host:port.
    #[arg(long, value_name = "ADDRESS")]
    at: Option<String>,
    /// Answers in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Address {
    #[command(flatten)]
    common: Common,
    /// Where the new process listens: host:port.
    #[arg(value_name = "ADDRESS")]
    address: String,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    #[command(flatten)]
    common: Common,
    /// The member, by name, address or id.
    #[arg(value_name = "MEMBER")]
    member: String,
}

#[derive(Debug, Args)]
pub(super) struct Replace {
    #[command(flatten)]
    common: Common,
    /// The member that is gone, by name, address or id.
    #[arg(value_name = "MEMBER")]
    member: String,
    /// Where the new process listens: host:port.
    #[arg(value_name = "ADDRESS")]
    address: String,
}

#[derive(Debug, Args)]
pub(super) struct Transfer {
    #[command(flatten)]
    common: Common,
    /// The member that is to lead, by name, address or id; any other than now if not given.
    #[arg(value_name = "MEMBER")]
    member: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct InFile {
    #[command(flatten)]
    common: Common,
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    common: Common,
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl ClusterCommand {
    const fn common(&self) -> &Common {
        match self {
            Self::Status(common) | Self::Init(common) => common,
            Self::Add(args) => &args.common,
            Self::Promote(args) | Self::Remove(args) => &args.common,
            Self::Replace(args) => &args.common,
            Self::TransferLeader(args) => &args.common,
            Self::Backup(args) => &args.common,
            Self::Restore(args) => &args.common,
        }
    }

    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.common().from.load()?;
        super::in_system(async move {
            let common = self.common();
            let operator = Operator::new(&config, common.at.clone()).await?;
            if let Self::Status(_) = self {
                let overview = operator.overview().await?;
                return if common.json { json(&overview) } else { super::say(print(&overview)) };
            }
            let done = self.carry_out(&operator).await?;
            if common.json { json(&done) } else { super::say(told(&done)) }
        })
    }

    async fn carry_out(&self, operator: &Operator) -> anyhow::Result<Operated> {
        let operation = match self {
            Self::Status(_) => Operation::Status,
            Self::Init(_) => return Ok(operator.init().await?),
            Self::Add(args) => Operation::Add { peer: operator.peer_at(&args.address).await },
            Self::Promote(args) => Operation::Promote { node: operator.member(&args.member).await? },
            Self::Remove(args) => Operation::Remove { node: operator.member(&args.member).await? },
            Self::Replace(args) => Operation::Replace {
                dead: operator.member(&args.member).await?,
                peer: operator.peer_at(&args.address).await,
            },
            Self::TransferLeader(args) => {
                let to = match &args.member {
                    Some(member) => Some(operator.member(member).await?),
                    None => None,
                };
                Operation::TransferLeader { to }
            }
            Self::Backup(args) => {
                let done = operator.operate(&Operation::Backup).await?;
                let Operated::Backup(bytes) = &done else {
                    anyhow::bail!("the cluster answered something else")
                };
                std::fs::write(&args.file, bytes)
                    .with_context(|| format!("cannot write {}", args.file.display()))?;
                return Ok(Operated::Done);
            }
            Self::Restore(args) => {
                let backup = std::fs::read(&args.file)
                    .with_context(|| format!("cannot read {}", args.file.display()))?;
                Operation::Restore { backup, floor: None }
            }
        };
        Ok(operator.operate(&operation).await?)
    }
}

fn json(value: &impl Serialize) -> anyhow::Result<()> {
    super::say(format_args!("{}\n", serde_json::to_string_pretty(value)?))
}

fn told(done: &Operated) -> String {
    match done {
        Operated::Done | Operated::Status(_) | Operated::Backup(_) => "done\n".to_owned(),
        Operated::Initialized(cluster) => format!("cluster {cluster} is made\n"),
        Operated::Added(node) => format!("added, its id is {node}\n"),
        Operated::Transferred(node) => format!("{node} leads\n"),
        Operated::Restored(incarnation) => format!("restored: tokens are of incarnation {incarnation} now\n"),
    }
}

fn print(overview: &Overview) -> String {
    let status = &overview.status;
    let mut text = String::new();
    let cluster = status.cluster.map_or_else(|| "none yet".to_owned(), |cluster| cluster.to_string());
    let leader = status.members.iter().find(|member| Some(member.node) == status.leader);
    let leader = leader.map_or("none", |leader| leader.peer.name.as_str());
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "cluster {cluster}, leader {leader}, term {}, index {}, incarnation {}, {} sessions (as {} says)",
        status.term, status.index, status.incarnation, status.sessions, status.peer.name
    );
    if let Some(trouble) = &status.trouble {
        let _ = writeln!(text, "trouble: {trouble}");
    }
    let _ = writeln!(text, "\nmembers");
    for member in &status.members {
        let role = match (member.voter, member.leader) {
            (_, true) => "leader",
            (true, false) => "voter",
            (false, false) => "learner",
        };
        let answers = overview
            .answering
            .iter()
            .any(|one| one.identity.as_ref().is_some_and(|identity| identity.node == member.node));
        let behind = match (status.last_log, member.matched) {
            (Some(last), Some(matched)) => format!("{} behind", last.saturating_sub(matched)),
            _ => String::from("-"),
        };
        let answers = if answers { "answers" } else { "SILENT" };
        let (name, address) = (&member.peer.name, &member.peer.address);
        let _ =
            writeln!(text, "  {name:<20} {address:<24} {role:<8} {answers:<8} {behind:<10} {}", member.node);
    }
    for one in &overview.answering {
        if status.members.iter().all(|member| member.peer.address != one.address) {
            let state = if one.identity.is_some() { "answers, is no member" } else { "SILENT, is no member" };
            let _ = writeln!(text, "  {:<20} {:<24} {state}", "", one.address);
        }
    }
    for group in &status.groups {
        print_group(&mut text, group);
    }
    if !status.locks.is_empty() {
        let _ = writeln!(text, "\nlocks");
        for lock in &status.locks {
            let _ = writeln!(
                text,
                "  {:<20} held by session {}, token {}, {} waiting",
                lock.lock, lock.holder, lock.token, lock.waiting
            );
        }
    }
    if let Some(counts) = &status.network {
        let refused = [
            ("other cluster", counts.refused_cluster),
            ("wrong secret", counts.refused_secret),
            ("wrong certificate", counts.refused_certificate),
            ("other version", counts.refused_version),
            ("other node", counts.refused_node),
            ("not the protocol", counts.malformed),
            ("too slow", counts.refused_slow),
            ("too many", counts.refused_busy),
        ];
        let refused: Vec<String> = refused.iter().map(|(why, count)| format!("{why} {count}")).collect();
        let _ = writeln!(text, "\nrefused by {}: {}", status.peer.name, refused.join(", "));
    }
    text
}

fn print_group(text: &mut String, group: &GroupLine) {
    let _ = writeln!(text, "\ngroup {}, epoch {}", group.group, group.epoch);
    for seat in &group.members {
        let spans: Vec<String> = seat.spans.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        let shards = match seat.shards {
            0 => String::new(),
            count => format!("{count} shards: {}", spans.join(" ")),
        };
        let _ = writeln!(text, "  {} on {} {shards}", seat.member, seat.node);
    }
}
