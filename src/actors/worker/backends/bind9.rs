//! The driver for BIND 9: adds, repairs and removes secondary zones over the control channel.
//!
//! The server needs `allow-new-zones yes` and a `controls` statement that lets us in. Keys for the transfers are the
//! server's own business (`server … { keys …; };`).
//!
//! Invariants: a zone that exists is looked at and changed only if its masters differ; a zone of that name that is not a
//! secondary is never touched; only text that cannot leave its quotes gets into a command.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand::seq::SliceRandom as _;

use super::rndc::{Key, KeySource, Reply, RndcClient, RndcConfig, RndcError, SessionError, syntax};
use super::{Backend, BackendError, Effect, ZoneSpec};
use crate::clock::Clock;
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;
use crate::domain::pool::Target;

const DEFAULT_KEY_FILE: &str = "/etc/bind/rndc.key";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// No command is waited for longer, whatever the options say.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// A target that is a BIND 9 server.
#[derive(Debug)]
pub struct Bind9 {
    client: RndcClient,
    masters: Vec<HostPort>,
    view: Option<String>,
    clean: bool,
}

impl Bind9 {
    /// A driver from the target's options: `rndc_host`, `rndc_port`, `rndc_timeout` (seconds; 0 means the longest),
    /// `view`, `clean_zonefile`, and the key by `rndc_config_file`, by `rndc_key_file` or by `rndc_key_name`,
    /// `rndc_key_algorithm` and `rndc_key_secret`.
    ///
    /// # Errors
    /// An option is malformed, or the target has no masters.
    pub fn new(target: &Target, clock: Clock) -> Result<Self, BackendError> {
        let option =
            |name: &str| target.options.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let misconfigured = |reason: String| BackendError::Misconfigured { reason };
        let wrong = |name: &str, value: &str| misconfigured(format!("{name} cannot be {value:?}"));
        if target.masters.is_empty() {
            return Err(misconfigured("there are no masters".to_owned()));
        }
        let port = match option("rndc_port") {
            None => 953,
            Some(text) => text.parse().map_err(|_| wrong("rndc_port", text))?,
        };
        let timeout = match option("rndc_timeout") {
            None => DEFAULT_TIMEOUT,
            Some(text) => match text.parse::<f64>().map(Duration::try_from_secs_f64) {
                Ok(Ok(Duration::ZERO)) => MAX_TIMEOUT,
                Ok(Ok(limit)) => limit.min(MAX_TIMEOUT),
                _ => return Err(wrong("rndc_timeout", text)),
            },
        };
        let key = match (option("rndc_config_file").or(option("rndc_key_file")), option("rndc_key_secret")) {
            (None, Some(secret)) => {
                let name = option("rndc_key_name").unwrap_or("rndc-key");
                let algorithm = option("rndc_key_algorithm").unwrap_or("hmac-sha256");
                let key =
                    Key::new(name, algorithm, secret).map_err(|error| misconfigured(error.to_string()))?;
                KeySource::Given(Arc::new(key))
            }
            (file, _) => KeySource::File(PathBuf::from(file.unwrap_or(DEFAULT_KEY_FILE))),
        };
        let view = match option("view") {
            Some(view) if !is_plain(view) => return Err(wrong("view", view)),
            view => view.map(str::to_owned),
        };
        let host = option("rndc_host").unwrap_or("127.0.0.1").to_owned();
        let config = RndcConfig { host, port, key, timeout };
        Ok(Self {
            client: RndcClient::new(config, clock),
            masters: target.masters.clone(),
            view,
            clean: option("clean_zonefile").is_some_and(is_true),
        })
    }

    async fn run(&self, command: &str) -> Result<Reply, BackendError> {
        self.client.command(command).await.map_err(|error| match error {
            RndcError::ReadKey { .. } | RndcError::KeyFile { .. } => {
                BackendError::Misconfigured { reason: error.to_string() }
            }
            RndcError::Session(SessionError::TooLong { .. }) => {
                BackendError::Misconfigured { reason: error.to_string() }
            }
            _ => BackendError::Unreachable { reason: error.to_string() },
        })
    }

    /// The zone as commands name it; without a view a space remains.
    fn subject(&self, zone: &ZoneSpec) -> Result<String, BackendError> {
        let name = quoted(&zone.name)?;
        Ok(match &self.view {
            Some(view) => format!("{name} in {view}"),
            None => format!("{name} "),
        })
    }

    async fn masters(&self) -> Result<Vec<SocketAddr>, BackendError> {
        let mut addresses = Vec::new();
        for master in &self.masters {
            match master.host.parse::<IpAddr>() {
                Ok(address) => addresses.push(SocketAddr::new(address, master.port)),
                Err(_) => {
                    let found = tokio::net::lookup_host((master.host.as_str(), master.port)).await;
                    addresses.extend(found.map_err(|error| BackendError::Unreachable {
                        reason: format!("cannot resolve master {}: {error}", master.host),
                    })?);
                }
            }
        }
        Ok(addresses)
    }
}

#[async_trait]
impl Backend for Bind9 {
    async fn ensure_zone(&self, zone: &ZoneSpec) -> Result<Effect, BackendError> {
        let subject = self.subject(zone)?;
        let mut masters = self.masters().await?;
        let shown = self.run(&format!("showzone {subject}")).await?;
        let verb = match Verdict::of(&shown) {
            Verdict::Done => match Shown::read(shown.text.as_deref().unwrap_or_default()) {
                Some(shown) if !shown.is_secondary => {
                    return Err(conflict(zone, "it is not a secondary zone"));
                }
                Some(shown) if is_same(&shown.masters, &masters) => {
                    return Ok(Effect::Unchanged);
                }
                _ => "modzone",
            },
            Verdict::NoSuchZone => "addzone",
            verdict => return Err(verdict.error(&shown)),
        };
        masters.shuffle(&mut rand::rng());
        let reply = self.run(&format!("{verb} {subject} {}", body(zone, &masters)?)).await?;
        match Verdict::of(&reply) {
            Verdict::Done | Verdict::Exists => Ok(Effect::Changed),
            verdict => Err(verdict.error(&reply)),
        }
    }

    async fn turn_to_another_master(&self, zone: &ZoneSpec) -> Result<Effect, BackendError> {
        if self.masters.len() < 2 {
            return Ok(Effect::Unchanged);
        }
        let subject = self.subject(zone)?;
        let shown = self.run(&format!("showzone {subject}")).await?;
        let verdict = Verdict::of(&shown);
        let mut masters = match Shown::read(shown.text.as_deref().unwrap_or_default()) {
            Some(shown) if verdict == Verdict::Done && shown.is_secondary => shown.masters,
            // What it has is not what it should have: that is for `ensure_zone`.
            _ => return Ok(Effect::Unchanged),
        };
        if masters.len() < 2 {
            return Ok(Effect::Unchanged);
        }
        masters.rotate_left(1);
        // It gives up what it asks the one it turns away from.
        let reply = self.run(&format!("modzone {subject} {}", body(zone, &masters)?)).await?;
        match Verdict::of(&reply) {
            Verdict::Done => Ok(Effect::Changed),
            verdict => Err(verdict.error(&reply)),
        }
    }

    async fn ensure_absent(&self, zone: &ZoneSpec, hard_delete: bool) -> Result<Effect, BackendError> {
        let clean = if self.clean || hard_delete { "-clean " } else { "" };
        let reply = self.run(&format!("delzone {clean}{}", self.subject(zone)?)).await?;
        match Verdict::of(&reply) {
            Verdict::Done => Ok(Effect::Changed),
            Verdict::NoSuchZone => Ok(Effect::Unchanged),
            verdict => Err(verdict.error(&reply)),
        }
    }
}

/// What a reply means. The numbers of the results differ between versions, their texts do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Done,
    Exists,
    NoSuchZone,
    NoSuchView,
    Failed,
}

impl Verdict {
    fn of(reply: &Reply) -> Self {
        let text = reply.text.as_deref().unwrap_or_default();
        match reply.error.as_deref() {
            None if reply.result == 0 => Self::Done,
            Some("already exists") => Self::Exists,
            Some("not found") if text.starts_with("no matching view") => Self::NoSuchView,
            Some("not found") => Self::NoSuchZone,
            _ => Self::Failed,
        }
    }

    fn error(self, reply: &Reply) -> BackendError {
        let error = reply.error.as_deref().unwrap_or("unknown failure");
        let reason = match reply.text.as_deref() {
            Some(text) if !text.is_empty() => format!("{error}: {text}"),
            _ => error.to_owned(),
        };
        match self {
            Self::NoSuchView => BackendError::Misconfigured { reason },
            _ => BackendError::Refused { reason },
        }
    }
}

/// What `showzone` tells about a zone.
struct Shown {
    is_secondary: bool,
    /// In the order in which they are asked.
    masters: Vec<SocketAddr>,
}

impl Shown {
    /// `None` if the text is nothing we understand.
    fn read(text: &str) -> Option<Self> {
        let statements = syntax::parse(text).ok()?;
        let zone =
            statements.iter().find(|statement| statement.words.first().is_some_and(|word| word == "zone"))?;
        let mut shown = Self { is_secondary: false, masters: Vec::new() };
        for setting in zone.inner().ok()? {
            let words: Vec<&str> = setting.words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["type", kind] => shown.is_secondary = matches!(*kind, "slave" | "secondary"),
                ["masters" | "primaries", rest @ ..] => {
                    let default = port_of(rest).unwrap_or(HostPort::DNS);
                    for master in setting.inner().ok()? {
                        let words: Vec<&str> = master.words.iter().map(String::as_str).collect();
                        let (address, rest) = words.split_first()?;
                        let port = port_of(rest).unwrap_or(default);
                        shown.masters.push(SocketAddr::new(address.parse().ok()?, port));
                    }
                }
                _ => {}
            }
        }
        Some(shown)
    }
}

/// True if both are the same, in whatever order.
fn is_same(some: &[SocketAddr], others: &[SocketAddr]) -> bool {
    let set = |masters: &[SocketAddr]| masters.iter().copied().collect::<BTreeSet<_>>();
    set(some) == set(others)
}

fn port_of(words: &[&str]) -> Option<u16> {
    let at = words.iter().position(|word| *word == "port")?;
    words.get(at + 1)?.parse().ok()
}

fn conflict(zone: &ZoneSpec, reason: &str) -> BackendError {
    BackendError::Conflict { name: zone.name.clone(), reason: reason.to_owned() }
}

/// The zone clause.
fn body(zone: &ZoneSpec, masters: &[SocketAddr]) -> Result<String, BackendError> {
    let masters: Vec<String> =
        masters.iter().map(|master| format!("{} port {};", master.ip(), master.port())).collect();
    let name = quoted(&zone.name)?.trim_matches('"').replace('/', "_");
    // A file name has at most 255 octets; the id alone says enough.
    let part = if name.len() <= 200 { format!("{name}.") } else { String::new() };
    Ok(format!("{{ type slave; masters {{ {}}}; file \"slave.{part}{}\"; }};", masters.join(" "), zone.id))
}

/// The name as the server's parser reads it: without the final dot, quoted where a bare word cannot have its characters.
fn quoted(name: &Name) -> Result<String, BackendError> {
    let text = match name.as_str() {
        "." => ".",
        text => text.strip_suffix('.').unwrap_or(text),
    };
    if is_plain(text) {
        Ok(text.to_owned())
    } else if text.bytes().all(|b| is_plain_byte(b) || matches!(b, b'/' | b'*' | b':' | b'+' | b'=')) {
        Ok(format!("\"{text}\""))
    } else {
        Err(BackendError::Misconfigured {
            reason: format!("zone name {text:?} cannot be put into a command"),
        })
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_plain_byte)
}

const fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// Options are stored as text, by whatever wrote the pool file.
fn is_true(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on" | "t" | "y")
}

#[cfg(test)]
#[path = "bind9_tests.rs"]
mod tests;
