//! Shapes as text: one line per message with a digest of everything it holds, one line per type.
//!
//! Types of one name in different messages each have a line; which is whose shows in the messages' digests.

use std::collections::BTreeSet;

use ordain::transport::{Message, Service, Visit};
use serde::de::DeserializeOwned;

use super::explore::explore;

/// What was traced so far.
#[derive(Default)]
pub(crate) struct Shapes {
    messages: BTreeSet<String>,
    types: BTreeSet<String>,
    /// What could not be traced, and what to do about it.
    pub(crate) problems: Vec<String>,
}

impl Visit for Shapes {
    fn message<M: Message>(&mut self) {
        let service = M::To::NAME;
        let traced = explore::<M>().and_then(|(request, types)| {
            let (reply, more) = explore::<M::Reply>()?;
            Ok((format!("{request} -> {reply}"), [types, more].concat()))
        });
        self.add(service, M::NAME, M::SCHEMA, traced);
    }
}

impl Shapes {
    /// Traces something that is on the wire but is no message.
    pub(crate) fn part<T: DeserializeOwned>(&mut self, group: &str, name: &str, schema: u16) {
        self.add(group, name, schema, explore::<T>());
    }

    fn add(&mut self, group: &str, name: &str, schema: u16, traced: Result<(String, Vec<String>), String>) {
        match traced {
            Ok((shape, types)) => {
                let digest = digest(&types);
                self.messages.insert(format!("{group} {name} v{schema}: {shape} #{digest:016x}"));
                self.types.extend(types);
            }
            Err(problem) => self.problems.push(format!("{group} {name}: {problem}")),
        }
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        let lines = self.messages.iter().chain(&self.types);
        lines.fold(String::new(), |text, line| text + line + "\n")
    }
}

/// FNV-1a.
fn digest(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
